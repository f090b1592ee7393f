"""`livecue bench …`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

bench = typer.Typer(help="Measure livecue on this machine, beside the machine's floor.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="print one JSON object as the last line")]


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


def _print(work: Coroutine[Any, Any, dict[str, Any]], as_json: bool) -> None:
    result = asyncio.run(work)
    print(json.dumps(result) if as_json else json.dumps(result, indent=2))
