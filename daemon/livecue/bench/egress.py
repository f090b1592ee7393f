"""The way out under overload: the dispatcher, beside a plain queue with the same traffic, cloud and limiter.

In virtual time, so that minutes take seconds and chance comes of a seed; then for some real seconds
against the sandbox. One run of a minute has too few thanks for a 99th percentile: several are taken
together, each with a seed of its own.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from livecue.bench.egress_figures import busy_rooms, described, fairness, figures, thanks_floor
from livecue.bench.egress_live import run_live
from livecue.bench.egress_runs import run_fifo, run_livecue
from livecue.bench.egress_traffic import Traffic
from livecue.bench.stage import machine

SHARE = 0.9
AGE_RATIO = 0.25
THANKS_MS = 1_000
JAIN = 0.8


def bench_egress(traffic: Traffic, runs: int, live_seconds: float) -> dict[str, Any]:
    """Figures of `runs` runs, of the plain queue, and of the live part if it is to last any time; targets."""
    many = [replace(traffic, seed=traffic.seed + n) for n in range(runs)]
    ours = [run_livecue(one) for one in many]
    fifo = [run_fifo(one) for one in many]
    busy = [busy_rooms(run) for run in ours]
    found: dict[str, Any] = {
        "seed": traffic.seed,
        "runs": runs,
        "rooms": traffic.rooms,
        "seconds": traffic.seconds,
        "traffic": described(ours, many),
        "livecue": figures(ours) | {"fairness": fairness(ours, busy)},
        "thanks_floor": thanks_floor(ours),
        "fifo": figures(fifo) | {"fairness": fairness(fifo, busy)},
    }
    if live_seconds > 0:
        found["live"] = run_live(replace(traffic, seconds=live_seconds))
    found["targets"] = targets(found)
    return found | machine()


def targets(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What was promised, what was found, and whether that is kept."""
    ours, fifo, live = found["livecue"], found["fifo"], found.get("live")
    ratio = ours["reply_age"].get("p99_ms", 0) / fifo["reply_age"].get("p99_ms", 1)
    wanted = [
        ("share of the quota", ours["share_of_quota"], ">=", SHARE),
        ("calls above the quota", ours["violations"], "<=", 0),
        ("p99 age of replies to the plain queue's", round(ratio, 3), "<=", AGE_RATIO),
        ("p99 age of gift thanks, ms", ours["thanks_age"].get("p99_ms", 0), "<=", THANKS_MS),
        ("fairness between rooms (Jain)", ours["fairness"]["jain"], ">=", JAIN),
    ]
    if live is not None:
        wanted += [
            ("live: share of the quota", live["share_of_quota"], ">=", SHARE),
            ("live: calls above the quota", live["violations"] + live["refused_429"], "<=", 0),
        ]
    return [
        {"name": name, "found": value, "wanted": f"{sign} {limit}", "ok": _keeps(value, sign, limit)}
        for name, value, sign, limit in wanted
    ]


def _keeps(value: float, sign: str, limit: float) -> bool:
    return value >= limit if sign == ">=" else value <= limit


def lines(found: dict[str, Any]) -> list[str]:
    """The targets, for people."""
    return [
        f"{'ok' if one['ok'] else 'missed':8}{one['name']}: {one['found']} (wanted {one['wanted']})"
        for one in found["targets"]
    ]
