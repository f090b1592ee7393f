"""How each room's callbacks are recognised as MetaStudio's (S3, table 8, auth_type)."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol
from urllib.parse import parse_qsl

import msgspec

from livecue.receiver.signature import UriForm, Verdict, same_secret, verify


class AuthType(StrEnum):
    """`live_event_callback_config.auth_type`."""

    NONE = "NONE"
    MSS_A = "MSS_A"
    MSS_A_HEAD = "MSS_A_HEAD"
    MEITUAN_DEFAULT = "MEITUAN_DEFAULT"


class CallbackRequest(msgspec.Struct, frozen=True):
    """A callback as it came in. Header names are in lower case; nothing is merged or left out."""

    url: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    now_s: float

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def param(self, name: str) -> list[str]:
        pairs = parse_qsl(self.query, keep_blank_values=True, errors="replace")
        return [value for key, value in pairs if key == name]


class Verifier(Protocol):
    """Recognises callbacks whose form is not published, such as MEITUAN_DEFAULT. Pure: no I/O, no clock."""

    def __call__(self, request: CallbackRequest) -> bool: ...


class CallbackRoom(msgspec.Struct, frozen=True):
    """One room's callback settings.

    `public_url` is the callback URL exactly as given to the cloud, with its path. `keys` are the
    current key and, while it is being changed, the previous one (<= 32 characters each). `token` is
    what a `token` parameter of the URL must be under auth_type NONE; empty: not asked for. A `verifier`
    decides instead of `auth_type`; without one MEITUAN_DEFAULT is refused.
    """

    room: str
    room_id: str
    public_url: str
    auth_type: AuthType
    keys: tuple[str, ...] = ()
    forms: tuple[UriForm, ...] = (UriForm.BARE_SORTED,)
    token: str = ""
    window_s: float = 60.0
    skew_s: float = 10.0
    verifier: Verifier | None = None

    def __repr__(self) -> str:
        return f"CallbackRoom({self.room} {self.auth_type})"


class Judgement(msgspec.Struct, frozen=True):
    """The verdict, and the signature it rests on (empty if there is none) for the dedup id."""

    verdict: Verdict
    secret: str = ""
    hw_time: str = ""

    def __repr__(self) -> str:
        return f"Judgement({self.verdict})"


def judge(room: CallbackRoom, request: CallbackRequest) -> Judgement:
    """Whether the request is MetaStudio's, by the room's auth_type."""
    if room.verifier is not None:
        return Judgement(Verdict.GENUINE if room.verifier(request) else Verdict.WRONG)
    match room.auth_type:
        case AuthType.MSS_A:
            return _signed(room, request, request.param("hwSecret"), request.param("hwTime"))
        case AuthType.MSS_A_HEAD:
            secrets, times = request.header("x-hw-mss-secret"), request.header("x-hw-mss-time")
            return _signed(room, request, secrets, times)
        case AuthType.NONE:
            return Judgement(_by_token(room, request))
        case AuthType.MEITUAN_DEFAULT:
            return Judgement(Verdict.WRONG)  # the form is not published: only a verifier can tell


def _signed(room: CallbackRoom, request: CallbackRequest, secrets: list[str], times: list[str]) -> Judgement:
    verdict = verify(
        room.public_url,
        request.query,
        secrets,
        times,
        room.keys,
        room.forms,
        now_s=request.now_s,
        window_s=room.window_s,
        skew_s=room.skew_s,
    )
    if verdict != Verdict.GENUINE:
        return Judgement(verdict)
    return Judgement(verdict, secrets[0], times[0])


def _by_token(room: CallbackRoom, request: CallbackRequest) -> Verdict:
    if not room.token:
        return Verdict.GENUINE
    tokens = request.param("token")
    if len(tokens) > 1:
        return Verdict.DUPLICATED
    if not tokens:
        return Verdict.MISSING
    return Verdict.GENUINE if same_secret(tokens[0], [room.token]) else Verdict.WRONG
