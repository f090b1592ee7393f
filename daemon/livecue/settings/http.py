"""What comes in by HTTP: where livecue listens, whom it believes, how much it takes.

Keys and tokens that stand in files (`key_file`, `tokens_sha256_file`, …) are read again when the files
change; everything else here is read once.
"""

from __future__ import annotations

import importlib
import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AwareDatetime, Field, SecretStr, ValidationInfo, field_validator, model_validator

from livecue.receiver import Digest, Encoding, Recipe, TimeUnit, UriForm, recipe_problem
from livecue.settings.base import Strict, read_secret, safe_url

_LONGEST_KEY = 32
_TOKEN_HASH = re.compile(r"[0-9a-fA-F]{64}")


class Http(Strict):
    """Where livecue listens, and under which URL MetaStudio reaches it from outside.

    `callback_secret`: what the tokens in the callback URLs of rooms with auth_type NONE are derived from.
    """

    secrets: ClassVar = ("ingest_token", "callback_secret")
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str = ""
    ingest_token: SecretStr | None = None
    callback_secret: SecretStr | None = None
    forwarded_allow_ips: str = ""

    @field_validator("public_url")
    @classmethod
    def _safe(cls, value: str) -> str:
        return safe_url(value) if value else value

    @field_validator("callback_secret")
    @classmethod
    def _unguessable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < 24:
            raise ValueError(
                "a callback_secret has at least 24 characters: write what `openssl rand -hex 32` says"
            )
        return value


class Ingest(Strict):
    """Who may post events for this room (SHA-256 of bearer tokens), and how many."""

    tokens_sha256: tuple[str, ...] = ()
    max_events_per_s: float = Field(default=1000, ge=1, le=100_000)

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, data: Any, info: ValidationInfo) -> Any:
        """`tokens_sha256_file` holds the hashes, one a line."""
        if not isinstance(data, Mapping) or "tokens_sha256_file" not in data:
            return data
        values = dict(data)
        text = read_secret(values.pop("tokens_sha256_file"), "tokens_sha256_file", info)
        if values.get("tokens_sha256"):
            raise ValueError("give either tokens_sha256 or tokens_sha256_file, not both")
        return values | {"tokens_sha256": text.split()}

    @field_validator("tokens_sha256")
    @classmethod
    def _hashes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if any(_TOKEN_HASH.fullmatch(one) is None for one in value):
            raise ValueError(
                "write SHA-256 hashes of 64 hex digits, never the tokens: `livecue events token` makes both"
            )
        return tuple(one.lower() for one in value)


class CallbackKey(Strict):
    """One of several keys; outside of its time no signature by it is believed."""

    secrets: ClassVar = ("key",)
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,32}$")]
    key: SecretStr
    not_before: AwareDatetime | None = None
    not_after: AwareDatetime | None = None

    @model_validator(mode="after")
    def _usable(self) -> Self:
        _check_key(self.key, "key")
        if self.not_before and self.not_after and self.not_before >= self.not_after:
            raise ValueError("not_after is not later than not_before: the key would never be good")
        return self


class CallbackRecipe(Strict):
    """What an HMAC is over, and where the request carries it; for auth_type MEITUAN_DEFAULT."""

    parts: tuple[str, ...] = Field(min_length=1)
    separator: str = ""
    digest: Digest = Digest.SHA256
    encoding: Encoding = Encoding.HEX
    signature: str
    time: str
    time_unit: TimeUnit = TimeUnit.SECONDS

    def as_recipe(self) -> Recipe:
        return Recipe(**self.model_dump())

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if problem := recipe_problem(self.as_recipe()):
            raise ValueError(problem)
        return self


class Callback(Strict):
    """How MetaStudio signs what it sends for this room (S3, table 8)."""

    secrets: ClassVar = ("key", "previous_key")
    auth_type: Literal["NONE", "MSS_A", "MSS_A_HEAD", "MEITUAN_DEFAULT"] = "MSS_A_HEAD"
    key: SecretStr | None = None
    previous_key: SecretStr | None = None
    keys: tuple[CallbackKey, ...] = Field(default=(), max_length=8)
    uri_forms: tuple[UriForm, ...] = Field(default=tuple(UriForm), min_length=1)
    freshness_s: float = Field(default=60, ge=1, le=60)
    recipe: CallbackRecipe | None = None
    verifier: str = ""

    @model_validator(mode="after")
    def _has_key(self) -> Self:
        keyless = not self.keys and (self.key is None or not self.key.get_secret_value())
        if keyless and self.auth_type in {"MSS_A", "MSS_A_HEAD"}:
            raise ValueError(f"{self.auth_type} needs a key: write `key: <up to 32 characters>`")
        for name, key in (("key", self.key), ("previous_key", self.previous_key)):
            if key is not None:
                _check_key(key, name)
        twice = [name for name, n in Counter(one.id for one in self.keys).items() if n > 1]
        if twice:
            raise ValueError(f"two keys have the id {twice[0]}: give each its own")
        return self

    @model_validator(mode="after")
    def _verifiable(self) -> Self:
        plugged = (self.recipe is not None) + bool(self.verifier)
        if self.auth_type != "MEITUAN_DEFAULT":
            if plugged:
                raise ValueError(
                    f"recipe and verifier are for MEITUAN_DEFAULT: {self.auth_type} has a form of its own"
                )
            return self
        if plugged != 1:
            raise ValueError(
                "MEITUAN_DEFAULT's form is not published: write MSS_A_HEAD and a key, or, if you know the form, "
                "one of `recipe: {…}` and `verifier: package.module:function`"
            )
        if self.recipe is not None and self.key is None and not self.keys:
            raise ValueError("a recipe needs a key: write `key: <up to 32 characters>`")
        return self

    @field_validator("verifier")
    @classmethod
    def _is_there(cls, value: str) -> str:
        if value:
            load_verifier(value)
        return value


def load_verifier(name: str) -> Any:
    """The callable that `package.module:name` says.

    Raises:
        ValueError: there is none.
    """
    module, _, attribute = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise ValueError(
            f"{name} cannot be loaded ({type(error).__name__}): write package.module:function, installed beside livecue"
        ) from error
    if not callable(found):
        raise ValueError(f"{name} is no function: write package.module:function")  # noqa: TRY004 - pydantic's way
    return found


def _check_key(key: SecretStr, name: str) -> None:
    if not key.get_secret_value():
        raise ValueError(f"{name} is empty: write up to {_LONGEST_KEY} characters")
    if len(key.get_secret_value()) > _LONGEST_KEY:
        raise ValueError(f"{name} is longer than the {_LONGEST_KEY} characters MetaStudio takes (S3)")


def seconds(moment: datetime | None, otherwise: float) -> float:
    """Unix seconds of `moment`."""
    return moment.timestamp() if moment else otherwise
