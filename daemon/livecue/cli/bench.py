"""`livecue bench …`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

bench = typer.Typer(help="Measure livecue on this machine, beside the machine's floor.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object as the last line")]


@bench.callback()
def options() -> None:
    """Measure livecue on this machine, beside the machine's floor."""
    from livecue.app.logs import configure_logs
    from livecue.app.redact import Redactor

    configure_logs("warning", Redactor([]))  # to stderr: a line for each cue is no result, and costs time


@bench.command()
def latency(
    seconds: Annotated[float, typer.Option(min=2, help="how long to publish")] = 30,
    rate: Annotated[float, typer.Option(min=1, max=75, help="events per second")] = 50,
    as_json: AsJson = False,
) -> None:
    """Danmaku published to command received, beside raw publish, fetch and ack."""
    from livecue.bench.latency import bench_latency

    _print(bench_latency(rate, seconds), as_json)


@bench.command()
def throughput(
    singles: Annotated[int, typer.Option(min=1000, help="single-event messages")] = 20_000,
    batches: Annotated[int, typer.Option(min=100, help="messages of 100 events")] = 1_000,
    as_json: AsJson = False,
) -> None:
    """Messages and events decided per second with 50 rules, beside raw fetch and ack."""
    from livecue.bench.throughput import bench_throughput

    _print(bench_throughput(singles, batches), as_json)


@bench.command()
def rules(
    counts: Annotated[str, typer.Option("--rules", help="numbers of rules, with commas")] = "10,1000,10000",
    rounds: Annotated[int, typer.Option(min=1, help="rounds of each, of which the median is given")] = 7,
    as_json: AsJson = False,
) -> None:
    """Events decided per second by number of rules, beside a loop over them; no bus, one process."""
    from livecue.bench.rules import Size, bench_rules

    try:
        wanted = [int(count) for count in counts.split(",")]
    except ValueError:
        raise typer.BadParameter("write numbers with commas, such as 10,1000", param_hint="--rules") from None
    if min(wanted) < 1:
        raise typer.BadParameter("at least one rule is needed", param_hint="--rules")
    _show(bench_rules(wanted, Size(rounds=rounds)), as_json)


@bench.command()
def egress(
    seconds: Annotated[float, typer.Option(min=2, help="how long each overload lasts, in virtual time")] = 60,
    rooms: Annotated[int, typer.Option(min=5, help="below 40 a room's air limits, not the quota")] = 50,
    runs: Annotated[int, typer.Option(min=1, help="overloads taken together, each with a seed more")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="of the first overload")] = 1,
    live_seconds: Annotated[float, typer.Option(min=0, help="real time with the sandbox; 0: none")] = 20,
    strict: Annotated[bool, typer.Option("--strict", help="exit 1 if a target is missed")] = False,
    as_json: AsJson = False,
) -> None:
    """The way out under overload, beside a plain queue, in virtual time; then live, with the sandbox."""
    from livecue.bench.egress import bench_egress, lines
    from livecue.bench.egress_traffic import Traffic

    found = bench_egress(Traffic(seed, rooms, seconds), runs, live_seconds)
    _show(found, as_json)
    if not as_json:
        print("\n".join(lines(found)))
    if strict and not all(one["ok"] for one in found["targets"]):
        raise typer.Exit(1)


def _print(work: Coroutine[Any, Any, dict[str, Any]], as_json: bool) -> None:
    _show(asyncio.run(work), as_json)


def _show(result: dict[str, Any], as_json: bool) -> None:
    print(json.dumps(result) if as_json else json.dumps(result, indent=2))
