"""How each room's callbacks are recognised as MetaStudio's (S3, table 8, auth_type)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection
from enum import StrEnum
from typing import Protocol

import msgspec

from livecue.receiver.recipe import Recipe, verify_recipe
from livecue.receiver.request import CallbackRequest
from livecue.receiver.signature import Check, Key, UriForm, Verdict, same_secret, verify

_MOST_KEYS = 16  # tried for a room that is not there: what nobody pays for must not cost much


class AuthType(StrEnum):
    """`live_event_callback_config.auth_type`."""

    NONE = "NONE"
    MSS_A = "MSS_A"
    MSS_A_HEAD = "MSS_A_HEAD"
    MEITUAN_DEFAULT = "MEITUAN_DEFAULT"


class Verifier(Protocol):
    """Recognises callbacks whose form is not published, such as MEITUAN_DEFAULT. Pure: no I/O, no clock."""

    def __call__(self, request: CallbackRequest) -> bool: ...


class CallbackRoom(msgspec.Struct, frozen=True):
    """One room's callback settings.

    `standby` is the cloud room that its live may run in instead of `room_id`, or empty. `public_url` is the callback URL exactly as given to the cloud, with its path. `keys` are all that are
    accepted, each in its time (<= 32 characters each). `token` is what the parameter `token` of the URL must
    be under auth_type NONE; without one nobody is believed. Under MEITUAN_DEFAULT a `recipe` or a `verifier`
    decides; without either nobody is believed.
    """

    room: str
    room_id: str
    public_url: str
    auth_type: AuthType
    keys: tuple[Key, ...] = ()
    forms: tuple[UriForm, ...] = (UriForm.BARE_SORTED,)
    token: str = ""
    window_s: float = 60.0
    recipe: Recipe | None = None
    verifier: Verifier | None = None
    standby: str = ""

    def __repr__(self) -> str:
        return f"CallbackRoom({self.room} {self.auth_type})"


class Judgement(msgspec.Struct, frozen=True):
    """The verdict, the key it was reached by, and the signature (empty if there is none) for the dedup id."""

    verdict: Verdict
    key_id: str = ""
    secret: str = ""
    hw_time: str = ""

    def __repr__(self) -> str:
        return f"Judgement({self.verdict})"


def url_token(secret: str, room: str) -> str:
    """The unguessable part of a room's callback URL under auth_type NONE: 43 characters of base64url."""
    digest = hmac.new(secret.encode(), f"callback-url\n{room}".encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def judge(room: CallbackRoom, request: CallbackRequest) -> Judgement:
    """Whether the request is MetaStudio's, by the room's auth_type."""
    match room.auth_type:
        case AuthType.MSS_A:
            return _signed(room, request, request.param("hwSecret"), request.param("hwTime"))
        case AuthType.MSS_A_HEAD:
            secrets, times = request.header("x-hw-mss-secret"), request.header("x-hw-mss-time")
            return _signed(room, request, secrets, times)
        case AuthType.NONE:
            return _by_token(room, request)
        case AuthType.MEITUAN_DEFAULT:
            return _plugged_in(room, request)


def stranger(rooms: Collection[CallbackRoom], request: CallbackRequest) -> bool:
    """Whether a request for a room that is not there comes from nobody who knows a key of any room.

    Only who does may learn that there is no such room. With many different keys nobody may.
    """
    keys = {key.secret: key for room in rooms for key in room.keys}
    if len(keys) > _MOST_KEYS:
        return True
    window_s = max((room.window_s for room in rooms), default=0.0)
    verdicts = [
        judge(
            CallbackRoom("", "", request.url, auth, tuple(keys.values()), tuple(UriForm), window_s=window_s),
            request,
        ).verdict
        for auth in (AuthType.MSS_A, AuthType.MSS_A_HEAD)
    ]
    return Verdict.GENUINE not in verdicts


def _signed(room: CallbackRoom, request: CallbackRequest, secrets: list[str], times: list[str]) -> Judgement:
    check = verify(
        room.public_url,
        request.query,
        secrets,
        times,
        room.keys,
        room.forms,
        now_s=request.now_s,
        window_s=room.window_s,
    )
    return _judged(check, *([secrets[0], times[0]] if check.verdict == Verdict.GENUINE else ["", ""]))


def _judged(check: Check, secret: str, hw_time: str) -> Judgement:
    if check.verdict != Verdict.GENUINE:
        return Judgement(check.verdict, check.key_id)
    return Judgement(check.verdict, check.key_id, secret, hw_time)


def _by_token(room: CallbackRoom, request: CallbackRequest) -> Judgement:
    tokens = request.param("token")
    if len(tokens) > 1:
        return Judgement(Verdict.DUPLICATED)
    if not tokens or not tokens[0]:
        return Judgement(Verdict.MISSING)
    if not same_secret(tokens[0], [room.token]):
        return Judgement(Verdict.WRONG)
    return Judgement(Verdict.GENUINE, "token")


def _plugged_in(room: CallbackRoom, request: CallbackRequest) -> Judgement:
    if room.recipe is not None:
        return _judged(*verify_recipe(room.recipe, request, room.keys, window_s=room.window_s))
    if room.verifier is None:
        return Judgement(Verdict.WRONG)  # the form is not published: nothing here can tell
    try:
        genuine = room.verifier(request) is True
    except Exception:  # noqa: BLE001 - somebody else's code; the log names the reason
        return Judgement(Verdict.VERIFIER_FAILED)
    return Judgement(Verdict.GENUINE, "verifier") if genuine else Judgement(Verdict.WRONG)
