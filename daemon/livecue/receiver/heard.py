"""Whether the callbacks of a job that somebody else has started would be believed here (S4 6.2.3). Pure.

The job's settings are held against what the receiver believes, not against what livecue would have
asked for: a previous key, or a query beside the URL, does no harm.
"""

from __future__ import annotations

from collections.abc import Collection

from livecue.receiver.request import CallbackRequest
from livecue.receiver.rooms import AuthType, CallbackRoom
from livecue.receiver.signature import Verdict, same_secret
from livecue.receiver.translate import EVENT_TYPES

URL = "live_event_type_callback_url"
AUTH_TYPE = "auth_type"
KEY = "key"
EVENTS = "callback_event_type"
"""Names of settings of `live_event_callback_config`; what is wrong is told by these alone."""

_MASKED = "***"


def unheard(
    room: CallbackRoom,
    *,
    url: str,
    auth_type: str,
    key: str,
    events: Collection[str],
    now_s: float,
) -> tuple[str, ...]:
    """The settings of a job that keep its callbacks, or some of them, from being believed; empty if none does.

    Args:
        room: the room it runs in.
        url: where it calls; empty for nowhere.
        auth_type: as the cloud shows it; empty is NONE, the default.
        key: its key; empty or masked if the cloud does not show it, which says nothing against it.
        events: the types it calls for; empty for all.
        now_s: Unix seconds; a key of ours counts in its time.
    """
    if not url:
        return (URL,)
    wrong = {
        URL: not _leads_here(room, url, now_s),
        # Where the URL's token decides, a signature on top of it does no harm.
        AUTH_TYPE: room.auth_type is not AuthType.NONE and (auth_type or AuthType.NONE) != room.auth_type,
        KEY: not _opens(room, key, now_s),
        EVENTS: bool(events) and not set(events) >= EVENT_TYPES,
    }
    return tuple(name for name, is_wrong in wrong.items() if is_wrong)


def _leads_here(room: CallbackRoom, url: str, now_s: float) -> bool:
    """The text itself is compared, because it is what is signed."""
    base, _, query = url.partition("#")[0].partition("?")
    if base != room.public_url:
        return False
    if room.auth_type is not AuthType.NONE:
        return True
    tokens = CallbackRequest(base, query, (), b"", now_s).param("token")
    return len(tokens) == 1 and same_secret(tokens[0], [room.token])


def _opens(room: CallbackRoom, key: str, now_s: float) -> bool:
    by_key = room.auth_type in {AuthType.MSS_A, AuthType.MSS_A_HEAD} or room.recipe is not None
    if not by_key or not key or _MASKED in key:
        return True
    good = [one.secret for one in room.keys if one.verdict(now_s) == Verdict.GENUINE]
    return same_secret(key, good)
