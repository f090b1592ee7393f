"""`livecue.yaml` as frozen, validated models. A bad value refuses to start and says where it stands.

Units are in the names: `_s` seconds, `_mb` mebibytes; limits are calls per second and tenant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    SecretStr,
    Tag,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from livecue.domain import MAX_AGE_S, ReportMode, RoomKind, Unplanned
from livecue.metastudio import documented
from livecue.settings.asks import Asks
from livecue.settings.base import Strict, read_secret, safe_url
from livecue.settings.http import Callback, Http, Ingest
from livecue.settings.lives import Alerts, RoomLives
from livecue.settings.plan import PlannedRoom, PlanSettings
from livecue.settings.rooms_as_code import InTheCloud


class NatsTls(Strict):
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


class Nats(Strict):
    """`url`: `embedded` for a server of livecue's own under `data_dir`, or `nats://host:4222[,...]`."""

    secrets: ClassVar = ("token", "password")
    url: str = "embedded"
    creds_file: str = ""
    token: SecretStr | None = None
    user: str = ""
    password: SecretStr | None = None
    tls: NatsTls = NatsTls()
    replicas: int = Field(default=1, ge=1, le=5)
    max_store_mb: int = Field(default=4096, ge=1536)

    @property
    def embedded(self) -> bool:
        return self.url == "embedded"

    @property
    def servers(self) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.url.split(",") if part.strip())

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, value: str) -> str:
        schemes = ("nats://", "tls://", "ws://", "wss://")
        if value != "embedded" and not all(part.strip().startswith(schemes) for part in value.split(",")):
            raise ValueError("write `embedded`, or nats://host:4222 (several by commas)")
        return value


class AkSk(Strict):
    """Access key and secret key; the preferred way."""

    secrets: ClassVar = ("ak", "sk")
    ak: SecretStr = Field(min_length=1)
    sk: SecretStr = Field(min_length=1)


class IamUser(Strict):
    """An IAM user whose token is fetched and renewed."""

    secrets: ClassVar = ("password",)
    iam_endpoint: str
    domain: str
    user: str
    password: SecretStr = Field(min_length=1)
    project: str

    @field_validator("iam_endpoint")
    @classmethod
    def _safe(cls, value: str) -> str:
        return safe_url(value)


def _kind_of_auth(value: Any) -> str:
    if isinstance(value, IamUser):
        return "iam"
    keys = set(value) if isinstance(value, Mapping) else set()
    return "iam" if keys & {"iam_endpoint", "domain", "user", "password", "password_file"} else "ak_sk"


Auth = Annotated[Annotated[AkSk, Tag("ak_sk")] | Annotated[IamUser, Tag("iam")], Discriminator(_kind_of_auth)]
"""Chosen by the keys given, so that an error speaks of that kind alone."""


class MetaStudio(Strict):
    endpoint: str = "https://metastudio.cn-north-4.myhuaweicloud.com"
    region: str = "cn-north-4"
    project_id: str = Field(min_length=1)
    auth: Auth
    limits: Mapping[str, Annotated[int, Field(ge=1)]] = {}
    timeout_s: float = Field(default=5.0, gt=0, le=60)

    @field_validator("endpoint")
    @classmethod
    def _safe(cls, value: str) -> str:
        return safe_url(value)

    @field_validator("limits")
    @classmethod
    def _operations(cls, value: Mapping[str, int]) -> Mapping[str, int]:
        known = documented("")
        if unknown := sorted(set(value) - set(known)):
            raise ValueError(f"{unknown[0]} is no limited operation; known here: {', '.join(known)}")
        return value


class Airtime(Strict):
    """How much speech may wait in the cloud (seconds), and which share of any minute replies may take.

    `voice_speed`: of the room's voice (S4 6.1.1: 50 to 200, 100 is 250 characters a minute); not given,
    the room is asked. Measured times correct it.
    """

    max_queued_s: float = Field(default=8, gt=0, le=600)
    max_share: float = Field(default=0.5, gt=0, le=1)
    voice_speed: int | None = Field(default=None, ge=50, le=200)


class Dispatch(Strict):
    """A reply later than this after its event is dropped, `gift_max_age_s` after a gift; within the bus's
    claim window.
    """

    max_age_s: float = Field(default=20, ge=1, le=MAX_AGE_S)
    gift_max_age_s: float = Field(default=60, ge=1, le=MAX_AGE_S)


class Inbox(Strict):
    """While catching up would take longer than `shed_after_s`, likes and enters are left out undecided."""

    shed_after_s: float = Field(default=10, gt=0, le=86_400)


class State(Strict):
    """How much one room's rules may remember; beyond it the oldest is forgotten, and counted."""

    users_per_room: int = Field(default=5_000, ge=1)
    distinct_users: int = Field(default=2_000, ge=1)
    dedup_entries: int = Field(default=1_000, ge=1)
    combos: int = Field(default=500, ge=1)


class Room(PlannedRoom, RoomLives, InTheCloud):
    key: str = Field(pattern=r"^[a-z0-9-]{1,63}$")
    kind: RoomKind = RoomKind.LIVE
    robot_id: str = ""
    rules: tuple[str, ...] = ()
    report: ReportMode = ReportMode.UNMATCHED
    unplanned: Unplanned = Unplanned.ATTACH
    callback: Callback | None = None
    ingest: Ingest = Ingest()
    start: Mapping[str, Any] = {}
    airtime: Airtime | None = None
    weight: float = Field(default=1, ge=0.1, le=100)
    asks: Asks = Asks()

    @field_validator("start", mode="before")
    @classmethod
    def _stream_keys_from_file(cls, value: Any, info: ValidationInfo) -> Any:
        """`stream_keys_file` holds the stream keys, one a line."""
        if not isinstance(value, Mapping) or "stream_keys_file" not in value:
            return value
        start = dict(value)
        text = read_secret(start.pop("stream_keys_file"), "stream_keys_file", info)
        if start.get("stream_keys"):
            raise ValueError("give either stream_keys or stream_keys_file, not both")
        return start | {"stream_keys": text.splitlines()}

    @field_validator("key", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        if isinstance(value, str) and not re.fullmatch(r"[a-z0-9-]{1,63}", value):
            raise ValueError("a room's key is 1 to 63 of a-z, 0-9 and -")
        return value

    @model_validator(mode="after")
    def _chat_has_no_cues(self) -> Self:
        if self.kind is RoomKind.CHAT and (self.rules or self.callback):
            raise ValueError(
                "a chat room takes no rules and no callback: MetaStudio has commands for live rooms alone"
            )
        return self


class Settings(Strict):
    """The whole of `livecue.yaml`."""

    data_dir: str = "./var"
    nats: Nats = Nats()
    metastudio: MetaStudio
    http: Http = Http()
    airtime: Airtime = Airtime()
    dispatch: Dispatch = Dispatch()
    inbox: Inbox = Inbox()
    state: State = State()
    asks: Asks = Asks()
    alerts: Alerts | None = None
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    plan: PlanSettings = PlanSettings()
    rooms: tuple[Room, ...] = Field(min_length=1)
    products: tuple[Mapping[str, Any], ...] = ()

    def asks_of(self, room: Room) -> Asks:
        """Whom the rules of `room` may ask: its own `asks`, else those given for all rooms."""
        return Asks(callback=room.asks.callback or self.asks.callback, chat=room.asks.chat or self.asks.chat)


class Environment(Settings, BaseSettings):
    """The same values by `LIVECUE_…`, with `__` between levels; only asked what the environment holds."""

    model_config = SettingsConfigDict(env_prefix="LIVECUE_", env_nested_delimiter="__")
