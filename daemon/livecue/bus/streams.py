"""Every stream, bucket and consumer of livecue, declared here and nowhere else.

LIVE_IN    what comes in, stored under its partition: `live.events.<p>.<room>`, `live.signals.<p>.<room>`
LIVE_OUT   what was decided, with the state it was decided from, in atomic batches
LIVE_AUDIT what became of each cue and report; its dedup window is the claim that sends once
LIVE_DEAD  what could not be read
LIVE_PLAN  stops that the server keeps until they are due, orders by hand, what a room's script says
KV_livecue_leases  which replica does what
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from nats.aio.client import Client

from livecue.bus.api import BusApiError, BusUnfitError, api_request

log = structlog.get_logger()

PARTITIONS = 16
"""Fixed once and for all: a room's partition is a hash of its key over this number."""

_DAY_S = 86_400
_MIB = 1 << 20
_NO_STORAGE = 10047
_OVERLAP = 10065
_NO_PEERS = 10074  # replicas > 1 without a cluster
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
        # Whatever else would lose messages, or their acknowledgements, without a word:
        "max_msgs": -1,
        "max_msg_size": -1,
        "no_ack": False,
        "sealed": False,
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
            "subjects": [
                "live.cursor.*",
                "live.state.*",
                "live.seen.*.*",
                "live.cues.*",
                "live.reports.*",
                "live.asks.*",
            ],
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


def foreign_subjects(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    """What a stream of our name stores that livecue does not: it is somebody else's. No version of ours had more."""
    return sorted(set(found.get("subjects") or ()) - set(wanted["subjects"]))


def essential(config: Mapping[str, Any]) -> dict[str, Any]:
    """What livecue relies on; sizes, ages and replicas are the operator's."""
    return {key: value for key, value in config.items() if key not in _TUNABLE}


async def ensure_streams(nc: Client, replicas: int) -> None:
    """Create what is missing, correct what livecue relies on; sizes, ages and replicas stay as the
    operator has set them. A stream that stores other subjects than ours is left alone.

    Raises:
        BusUnfitError: a stream is somebody else's, or the server refuses a change; the text says which, and why.
        BusApiError: the server refuses something else.
    """
    made: set[str] = set()
    for config in stream_configs(replicas):
        name = config["name"]
        try:
            info = await api_request(nc, f"STREAM.INFO.{name}", {})
        except BusApiError as error:
            if error.code != 404:
                raise
            info = await _make(nc, config, made)
        if strange := foreign_subjects(config, info["config"]):
            raise BusUnfitError(
                f"stream {name} is somebody else's: it stores {', '.join(strange)}, which livecue does not",
                "rename that stream, or give livecue a NATS account of its own",
            )
        if differing := differences(essential(config), info["config"]):
            log.warning("stream-corrected", stream=name, differing=differing)
            try:
                await api_request(nc, f"STREAM.UPDATE.{name}", {**info["config"], **essential(config)})
            except BusApiError as error:
                raise BusUnfitError(
                    f"stream {name} exists with other settings ({'; '.join(differing)}) and the server "
                    f"refuses to change them ({error})",
                    "remove the stream, or give livecue a NATS account of its own",
                    code=error.code,
                ) from error


async def _make(nc: Client, config: Mapping[str, Any], made: set[str]) -> dict[str, Any]:
    """Create a stream that is missing. If others of ours are there, but for those just `made`, somebody has
    deleted it.

    Ids of events and cues are places in LIVE_IN: counted from 1 again they would be those of cues that
    were claimed already, and their replies taken for said. A clock in us is ahead of any count.
    """
    listed = (await api_request(nc, "STREAM.NAMES", {})).get("streams") or []
    ours = {one["name"] for one in stream_configs(1)}
    anew = bool(ours & set(listed) - made)
    first = {"first_seq": time.time_ns() // 1000} if anew and config["name"] == "LIVE_IN" else {}
    info = await _create(nc, {**config, **first})
    made.add(config["name"])
    if anew:
        log.warning("stream-made-anew", stream=config["name"])
    return info


async def overlapping(nc: Client, config: Mapping[str, Any]) -> list[str]:
    """Other streams that store some of its subjects, as `name (subject)`."""
    found: list[str] = []
    for subject in config["subjects"]:
        names = (await api_request(nc, "STREAM.NAMES", {"subject": subject})).get("streams") or []
        found += [f"{name} ({subject})" for name in names if name != config["name"]]
    return found


async def _create(nc: Client, config: Mapping[str, Any]) -> dict[str, Any]:
    try:
        return await api_request(nc, f"STREAM.CREATE.{config['name']}", config)
    except BusApiError as error:
        if error.err_code == _OVERLAP:
            others = ", ".join(await overlapping(nc, config))
            text = f"stream {config['name']} cannot be made: its subjects are already stored by {others}"
            remedy = "narrow or remove that, or give livecue a NATS account of its own"
        elif error.err_code == _NO_STORAGE:
            whole = sum(int(one["max_bytes"]) for one in stream_configs(1)) // _MIB
            text = (
                f"the server has no room for stream {config['name']}: livecue's streams need {whole} MiB of file "
                "storage per replica"
            )
            remedy = "raise JetStream's max_file_store or the account's limit"
        elif error.err_code == _NO_PEERS:
            text = f"stream {config['name']} cannot be kept {config['num_replicas']} times by this server ({error})"
            remedy = "lower nats.replicas, or point nats.url at a cluster of as many servers"
        else:
            raise
        raise BusUnfitError(text, remedy, code=error.code, err_code=error.err_code) from error
