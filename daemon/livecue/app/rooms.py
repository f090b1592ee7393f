"""From settings to what each package needs of a room; the only place that knows both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from livecue.app.asking import can_ask, secrets_of_asks
from livecue.app.callbacks import told_url
from livecue.app.cloud import CloudRoom
from livecue.bus.connection import BusOptions
from livecue.domain import ReportMode, RoomKind, Unplanned
from livecue.egress.on_air import AirtimeLimits
from livecue.engine import Ages, Limits, Program, compile_rules
from livecue.metastudio import CALLBACK_CONFIG, start_body
from livecue.packs import LoadedRules, PackError, Problem, load_packs
from livecue.receiver import CallbackRoom, key_to_give
from livecue.runtime.desk import DeskRules
from livecue.runtime.quiet import without_collector
from livecue.settings import Airtime, AkSk, Loaded, Room, Settings
from livecue.supervisor import OnEnd, Policy, RoomPlan

RuleSet = tuple[tuple[str, ...], bool, bool]
"""Packs, and whether their rules can call back and chat: what rooms of one kind share."""


def rule_set(settings: Settings, room: Room) -> RuleSet:
    """Which rules the room has, and which of them can be answered here."""
    return (room.rules, *can_ask(settings, room))


def load_rules(loaded: Loaded) -> dict[str, LoadedRules]:
    """Every room's packs.

    Raises:
        PackError: with every problem of all packs.
    """
    sets: dict[RuleSet, LoadedRules] = {}
    problems: dict[Problem, None] = {}  # rooms share packs: each problem once
    for wanted in dict.fromkeys(rule_set(loaded.settings, room) for room in loaded.settings.rooms):
        folders, can_call, can_chat = wanted
        paths = [loaded.path(folder) for folder in folders]
        try:
            sets[wanted] = load_packs(paths, can_call=can_call, can_chat=can_chat)
        except PackError as error:
            problems |= dict.fromkeys(error.problems)
    if problems:
        raise PackError(problems)
    return {room.key: sets[rule_set(loaded.settings, room)] for room in loaded.settings.rooms}


def bus_options(loaded: Loaded) -> BusOptions:
    """How to reach the configured NATS server; paths are relative to the configuration file."""
    nats = loaded.settings.nats

    def path(name: str) -> str:
        return str(loaded.path(name)) if name else ""

    return BusOptions(
        servers=nats.servers,
        token=nats.token.get_secret_value() if nats.token else "",
        creds_file=path(nats.creds_file),
        user=nats.user,
        password=nats.password.get_secret_value() if nats.password else "",
        tls_ca_file=path(nats.tls.ca_file),
        tls_cert_file=path(nats.tls.cert_file),
        tls_key_file=path(nats.tls.key_file),
        replicas=nats.replicas,
    )


def desk_rules(settings: Settings, rules: Mapping[str, LoadedRules]) -> dict[str, DeskRules]:
    """What each room's desk decides by. Rooms with the same packs share one program."""
    programs: dict[RuleSet, Program] = {}
    limits = Limits(**settings.state.model_dump())
    dispatch = settings.dispatch
    ages = Ages(int(dispatch.max_age_s * 1000), int(dispatch.gift_max_age_s * 1000))
    desks = {}
    for room in settings.rooms:
        wanted = rule_set(settings, room)
        if wanted not in programs:
            _, can_call, can_chat = wanted
            with without_collector():
                programs[wanted] = compile_rules(rules[room.key].rules, can_call=can_call, can_chat=can_chat)
        report = room.report if room.kind is RoomKind.LIVE else ReportMode.NONE
        desks[room.key] = DeskRules(programs[wanted], report, ages, limits=limits)
    return desks


def cloud_rooms(
    settings: Settings, callbacks: Mapping[str, CallbackRoom], now_s: float
) -> dict[str, CloudRoom]:
    """What the cloud calls each room, and its start body (S3; S0 for chat rooms).

    `callbacks`: where and how each room's job shall call back, with the key that is good now.
    """
    return {room.key: _cloud_room(room, callbacks.get(room.key), now_s) for room in settings.rooms}


def _cloud_room(room: Room, callback: CallbackRoom | None, now_s: float) -> CloudRoom:
    if room.kind is RoomKind.CHAT:
        return CloudRoom(room.room_id, room.kind, room.robot_id, dict(room.start), standby=room.standby)
    first, outputs = _first_output(room.start)
    body = start_body(first)
    if callback is not None:
        key = key_to_give(callback.keys, now_s)
        body = start_body(
            first,
            callback_url=told_url(callback),
            auth_type=callback.auth_type,
            key=key.secret if key else "",
        )
    return CloudRoom(
        room.room_id,
        room.kind,
        room.robot_id,
        body,
        room.auto_stop_mode or "",
        outputs,
        callback=None if first.get(CALLBACK_CONFIG) else callback,
        standby=room.standby,
    )


def _first_output(start: Mapping[str, Any]) -> tuple[Mapping[str, Any], tuple[tuple[str, str], ...]]:
    """The start body with the first of its outputs, and all of them: a start takes one (S3)."""
    urls, keys = list(start.get("output_urls") or ()), list(start.get("stream_keys") or ())
    outputs = tuple((url, keys[i] if i < len(keys) else "") for i, url in enumerate(urls))
    firsts = {name: start[name][:1] for name in ("output_urls", "stream_keys") if start.get(name)}
    return {**start, **firsts}, outputs


def airtime(settings: Settings) -> dict[str, AirtimeLimits]:
    """How much each room may say."""
    return {room.key: _airtime(room.airtime or settings.airtime) for room in settings.rooms}


def _airtime(given: Airtime) -> AirtimeLimits:
    return AirtimeLimits(int(given.max_queued_s * 1000), given.max_share, given.voice_speed)


def room_plans(settings: Settings) -> list[RoomPlan]:
    """When each room is to be live."""
    return [
        RoomPlan(
            room.key,
            room.planned(settings.plan),
            room.unplanned,
            _policy(room),
            standby=room.standby,
            shared=_shared(room),
        )
        for room in settings.rooms
    ]


def _shared(room: Room) -> bool:
    """Whether others may start jobs in it: a chat room, unless `unplanned: stop` says it is livecue's alone."""
    return room.kind is RoomKind.CHAT and room.unplanned is not Unplanned.STOP


def _policy(room: Room) -> Policy:
    return Policy(
        OnEnd(room.on_end),
        round(room.rtmp_grace_s * 1000),
        round(room.waiting_s * 1000),
        len(room.start.get("output_urls") or ()) if room.kind is RoomKind.LIVE else 0,
    )


def calendar_urls(settings: Settings) -> list[str]:
    """The URLs of calendars: they may carry a key."""
    named = [holidays.ics for holidays in settings.plan.holidays.values()]
    named += [session.ics for room in settings.rooms for session in room.sessions]
    return [url for url in named if "://" in url]


def _userinfo(url: str) -> list[str]:
    """The password or token that a server's address carries."""
    parts = urlsplit(url)
    secret = parts.password or parts.username
    return [secret, unquote(secret)] if secret else []


def secrets_of(settings: Settings) -> list[str]:
    """Everything that must never be written down."""
    auth = settings.metastudio.auth
    held: list[SecretStr | None] = [auth.ak, auth.sk] if isinstance(auth, AkSk) else [auth.password]
    held += [settings.nats.token, settings.nats.password]
    held += [settings.http.ingest_token, settings.http.callback_secret]
    held += secrets_of_asks(settings)
    held += [settings.alerts.secret, settings.alerts.previous_secret] if settings.alerts else []
    plain = [part for url in settings.nats.servers for part in _userinfo(url)]
    plain += calendar_urls(settings)
    for room in settings.rooms:
        if room.callback is not None:
            held += [room.callback.key, room.callback.previous_key]
            held += [one.key for one in room.callback.keys]
        keys = room.start.get("stream_keys")
        plain += [str(key) for key in keys] if isinstance(keys, list) else []
    return [secret.get_secret_value() for secret in held if secret] + plain
