"""Every stream, bucket and consumer of livecue, declared here and nowhere else.

LIVE_IN    what comes in, stored under its partition: `live.events.<p>.<room>`, `live.signals.<p>.<room>`
LIVE_OUT   what was decided, with the state it was decided from, in atomic batches
LIVE_AUDIT what became of each cue and report; its dedup window is the claim that sends once
LIVE_DEAD  what could not be read
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from nats.aio.client import Client

from livecue.bus.api import BusApiError, api_request

PARTITIONS = 16
"""Fixed once and for all: a room's partition is a hash of its key over this number."""

_DAY_S = 86_400
_GIB = 1 << 30


def _s(seconds: float) -> int:
    return int(seconds * 1_000_000_000)


def stream_configs(replicas: int) -> tuple[Mapping[str, Any], ...]:
    """The settings each stream must have. Durations in ns, sizes in bytes, as the server wants them."""
    common: dict[str, Any] = {
        "storage": "file",
        "retention": "limits",
        "discard": "old",
        "num_replicas": replicas,
        "duplicate_window": _s(120),
    }
    return (
        common
        | {
            "name": "LIVE_IN",
            "subjects": ["live.events.*", "live.signals.*"],
            "subject_transform": {
                "src": "live.*.*",
                "dest": f"live.{{{{wildcard(1)}}}}.{{{{partition({PARTITIONS},2)}}}}.{{{{wildcard(2)}}}}",
            },
            "max_age": _s(_DAY_S),
            "max_bytes": _GIB,
        },
        common
        | {
            "name": "LIVE_OUT",
            "subjects": ["live.cursor.*", "live.state.*", "live.cues.*", "live.reports.*", "live.asks.*"],
            # State must never be pushed out by what is said about it: outputs carry a TTL instead.
            "discard": "new",
            "max_bytes": _GIB,
            "allow_atomic": True,
            "allow_msg_ttl": True,
            "allow_rollup_hdrs": True,
        },
        common
        | {
            "name": "LIVE_AUDIT",
            "subjects": ["live.audit.*"],
            "max_age": _s(7 * _DAY_S),
            "max_bytes": _GIB // 2,
        },
        common
        | {
            "name": "LIVE_DEAD",
            "subjects": ["live.dead.*"],
            "max_age": _s(7 * _DAY_S),
            "max_bytes": _GIB // 8,
        },
        common
        | {
            "name": "KV_livecue_owned",
            "subjects": ["$KV.livecue_owned.>"],
            "max_msgs_per_subject": 1,
            "discard": "new",
            "max_bytes": 16 << 20,
            "allow_rollup_hdrs": True,
            "deny_delete": True,
        },
    )


def differences(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What an existing stream or consumer has otherwise, as `key: has X, wants Y`."""
    return [
        f"{key}: has {msgspec.json.encode(found.get(key)).decode()}, wants {msgspec.json.encode(value).decode()}"
        for key, value in wanted.items()
        if found.get(key) != value and (value or found.get(key))
    ]


async def ensure_streams(nc: Client, replicas: int) -> dict[str, str]:
    """Create what is missing, bring the rest up to date; return each stream's creation time.

    Raises:
        BusApiError: the server refuses a change; the text says which stream and setting differ.
    """
    created: dict[str, str] = {}
    for config in stream_configs(replicas):
        name = config["name"]
        try:
            info = await api_request(nc, f"STREAM.INFO.{name}", {})
        except BusApiError as error:
            if error.code != 404:
                raise
            info = await api_request(nc, f"STREAM.CREATE.{name}", config)
        differing = differences(config, info["config"])
        if differing:
            try:
                info = await api_request(nc, f"STREAM.UPDATE.{name}", {**info["config"], **config})
            except BusApiError as error:
                raise BusApiError(
                    f"stream {name} exists with other settings ({'; '.join(differing)}) and the server "
                    f"refuses to change them ({error}): remove the stream, or give livecue a NATS account of its own",
                    code=error.code,
                ) from error
        created[name] = str(info.get("created", ""))
    return created
