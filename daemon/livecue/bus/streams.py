"""Every stream, bucket and consumer of livecue, declared here and nowhere else.

LIVE_IN    what comes in, stored under its partition: `live.events.<p>.<room>`, `live.signals.<p>.<room>`
LIVE_OUT   what was decided, with the state it was decided from, in atomic batches
LIVE_AUDIT what became of each cue and report; its dedup window is the claim that sends once
LIVE_DEAD  what could not be read
LIVE_PLAN  stops that the server keeps until they are due, orders by hand, what a room's script says
KV_livecue_leases  which replica does what
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from nats.aio.client import Client

from livecue.bus.api import BusApiError, api_request

log = structlog.get_logger()

PARTITIONS = 16
"""Fixed once and for all: a room's partition is a hash of its key over this number."""

_DAY_S = 86_400
_MIB = 1 << 20
_NO_STORAGE = 10047
_TUNABLE = frozenset({"max_bytes", "max_age", "num_replicas"})


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
            "max_bytes": 512 * _MIB,
        },
        common
        | {
            "name": "LIVE_OUT",
            "subjects": ["live.cursor.*", "live.state.*", "live.cues.*", "live.reports.*", "live.asks.*"],
            # State must never be pushed out by what is said about it: outputs carry a TTL instead.
            "discard": "new",
            "max_bytes": 512 * _MIB,
            "allow_atomic": True,
            "allow_msg_ttl": True,
            "allow_rollup_hdrs": True,
        },
        common
        | {
            "name": "LIVE_AUDIT",
            "subjects": ["live.audit.*"],
            "max_age": _s(7 * _DAY_S),
            "max_bytes": 256 * _MIB,
        },
        common
        | {
            "name": "LIVE_DEAD",
            "subjects": ["live.dead.*"],
            "max_age": _s(7 * _DAY_S),
            "max_bytes": 64 * _MIB,
        },
        common
        | {
            "name": "LIVE_PLAN",
            "subjects": ["live.plan.*.*"],
            "max_msgs_per_subject": 1,  # per room a few hundred bytes: it never fills
            "max_bytes": 16 * _MIB,  # and could not refuse: "message scheduling cannot use discard new"
            "allow_rollup_hdrs": True,
            "allow_msg_schedules": True,
        },
        common
        | {
            "name": "KV_livecue_owned",
            "subjects": ["$KV.livecue_owned.>"],
            "max_msgs_per_subject": 1,
            "discard": "new",
            "max_bytes": 16 * _MIB,
            "allow_rollup_hdrs": True,
            "deny_delete": True,
        },
        common
        | {
            "name": "KV_livecue_leases",
            "subjects": ["$KV.livecue_leases.>"],
            "max_msgs_per_subject": 1,
            "discard": "new",
            "max_bytes": 4 * _MIB,
            "allow_direct": True,
            "allow_msg_ttl": True,
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


async def ensure_streams(nc: Client, replicas: int) -> None:
    """Create what is missing, correct what livecue relies on; sizes, ages and replicas stay as the
    operator has set them.

    Raises:
        BusApiError: the server refuses a change; the text says which stream and setting differ.
    """
    for config in stream_configs(replicas):
        name = config["name"]
        try:
            info = await api_request(nc, f"STREAM.INFO.{name}", {})
        except BusApiError as error:
            if error.code != 404:
                raise
            info = await _create(nc, config)
        essential = {key: value for key, value in config.items() if key not in _TUNABLE}
        if differing := differences(essential, info["config"]):
            log.warning("stream-corrected", stream=name, differing=differing)
            try:
                await api_request(nc, f"STREAM.UPDATE.{name}", {**info["config"], **essential})
            except BusApiError as error:
                raise BusApiError(
                    f"stream {name} exists with other settings ({'; '.join(differing)}) and the server "
                    f"refuses to change them ({error}): remove the stream, or give livecue a NATS account of its own",
                    code=error.code,
                ) from error


async def _create(nc: Client, config: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return await api_request(nc, f"STREAM.CREATE.{config['name']}", config)
    except BusApiError as error:
        if error.err_code != _NO_STORAGE:
            raise
        whole = sum(int(one["max_bytes"]) for one in stream_configs(1)) // _MIB
        raise BusApiError(
            f"the server has no room for stream {config['name']}: livecue's streams need {whole} MiB of file "
            "storage per replica: raise JetStream's max_file_store or the account's limit",
            code=error.code,
            err_code=error.err_code,
        ) from error
