"""`livecue events …`."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from livecue.cli.exits import ConfigFile, fail, load_settings

events = typer.Typer(help="Publish viewers' events by hand.", no_args_is_help=True)


@events.callback()
def options() -> None:
    """Publish viewers' events by hand."""


@events.command()
def publish(
    room: Annotated[str, typer.Argument(help="the room's key")],
    text: Annotated[list[str] | None, typer.Argument(help="what a viewer says, one danmaku each")] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="events or reports, one JSON a line; - is stdin")
    ] = None,
    user: Annotated[str, typer.Option(help="the viewer's userId and name")] = "cli",
    config: ConfigFile = Path("livecue.yaml"),
) -> None:
    """Publish danmaku, or prepared events, to a room and wait until the bus has stored them."""
    from livecue.app.rooms import bus_options
    from livecue.bus.publish import embedded_options, publish_events
    from livecue.runtime.ports import BusError

    loaded = load_settings(config)
    known = [one.key for one in loaded.settings.rooms]
    if room not in known:
        raise fail(f"{config}: no room {room!r}; rooms: {', '.join(known)}")
    bodies = list(_lines(file)) if file else [_danmaku(line, user) for line in text or []]
    if not bodies:
        raise typer.BadParameter("write what to say, or name a --file")
    nats = loaded.settings.nats
    try:
        target = (
            embedded_options(loaded.path(loaded.settings.data_dir)) if nats.embedded else bus_options(loaded)
        )
        stored = asyncio.run(publish_events(target, room, bodies))
    except BusError as error:
        raise fail(str(error)) from error
    print(f"{stored} stored")


@events.command()
def token() -> None:
    """Make a bearer token for POST /api/rooms/ROOM/events, and the hash that stands in the configuration."""
    import secrets

    from livecue.receiver import token_hash

    made = secrets.token_urlsafe(32)
    print(f"token for the connector (shown once): {made}")
    print(f"for rooms[].ingest.tokens_sha256:     {token_hash(made)}")


def _danmaku(text: str, user: str) -> bytes:
    content: dict[str, Any] = {"user": {"userId": user, "name": user}, "content": text}
    return _event(content)


def _event(content: dict[str, Any]) -> bytes:
    event = {"timestamp": time.time_ns() // 1_000_000, "type": 1, "content": content}
    return json.dumps(event, ensure_ascii=False).encode()


def _lines(file: Path) -> Iterator[bytes]:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise fail(f"{file} cannot be read: {type(error).__name__}") from error
    return (line.encode() for line in text.splitlines() if line.strip())
