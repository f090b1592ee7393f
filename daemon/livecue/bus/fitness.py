"""Whether a server can serve livecue: its version, and what our user may do there.

Streams are looked after in `streams`. What is wrong is told with its remedy, before anything is decided.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Collection
from contextlib import suppress

from nats.aio.client import Client
from nats.errors import Error as NatsError

from livecue.bus.api import BusUnfitError
from livecue.bus.streams import stream_configs

OLDEST_SERVER = (2, 12)
_BUCKETS = sorted(
    {one for config in stream_configs(1) for one in config["subjects"] if one.startswith("$KV.")}
)
PUBLISHES = ("$JS.API.>", "live.>", "livecue.>", *_BUCKETS, "_INBOX.>")
"""What our user has to be allowed to publish to."""
SUBSCRIBES = ("live.>", "livecue.>", "_INBOX.>")

_PROBE = "livecue-probe"
_NOT_STORED = {
    "Nats-Expected-Stream": _PROBE
}  # no stream of this name: the server refuses what is allowed to come
_PROBE_S = 2.0
_DENIED = re.compile(r'permissions violation for (publish|subscription) to "([^"]+)"', re.IGNORECASE)


def check_version(nc: Client) -> str:
    """The server's version.

    Raises:
        BusUnfitError: it is too old.
    """
    version = nc.connected_server_version
    if (version.major, version.minor) < OLDEST_SERVER:
        raise BusUnfitError(
            f"nats-server {version.major}.{version.minor} is too old",
            "livecue needs 2.12 or newer (atomic batches)",
        )
    return f"{version.major}.{version.minor}.{version.patch}"


def denied(troubles: Collection[str]) -> list[str]:
    """What the server's words say that our user may not do, as `publish to live.>`."""
    found: set[str] = set()
    for trouble in troubles:
        for what, subject in _DENIED.findall(trouble):
            verb, allowed = ("publish", PUBLISHES) if what.lower() == "publish" else ("subscribe", SUBSCRIBES)
            # nats-py tells it in lower case: the pattern that it falls under says more
            under = [one for one in allowed if subject.lower().startswith(one.rstrip(">").lower())]
            shown = under[0] if under and not subject.startswith("live.") else subject.replace(_PROBE, "*")
            found.add(f"{verb} to {shown}")
    return sorted(found)


def unfit_rights(what: Collection[str]) -> BusUnfitError:
    """The error for rights that are missing."""
    return BusUnfitError(
        f"livecue's NATS user may not {', '.join(what)}",
        f"allow it to publish to {' '.join(PUBLISHES)} and to subscribe to {' '.join(SUBSCRIBES)}",
    )


async def try_rights(nc: Client) -> None:
    """Do a little of all that our user has to be allowed to do, without storing anything.

    The server tells of what it denies by the connection's error callback, before this returns.
    """
    with suppress(NatsError, OSError):
        for subject in ("live.signals.*", "livecue.jobs"):
            await (await nc.subscribe(subject)).unsubscribe()
    subjects = [
        subject.replace("*", _PROBE).replace(">", _PROBE)
        for config in stream_configs(1)
        for subject in config["subjects"]
    ]
    await asyncio.gather(*(_try(nc, subject) for subject in subjects))


async def _try(nc: Client, subject: str) -> None:
    """No answer says nothing by itself: a stream that was just made may have no leader yet."""
    with suppress(NatsError, OSError, TimeoutError):
        await nc.request(subject, b"", headers=_NOT_STORED, timeout=_PROBE_S)
