"""`livecue rules replay | record | export`: rules beside recorded streams, and on their way to the cloud."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livecue.cli.packs import AsJson, Output, fail, print_json, program_of

if TYPE_CHECKING:
    from livecue.runtime.ports import Delivery


def replay(
    stream: Annotated[str, typer.Argument(help="a recording (JSON lines), - for stdin, or nats://host:4222")],
    old: Annotated[list[Path], typer.Option("--old", help="pack folder of the old version; may be repeated")],
    new: Annotated[list[Path], typer.Option("--new", help="pack folder of the new version; may be repeated")],
    room: Annotated[str, typer.Option("--room", help="this room alone")] = "",
    check: Annotated[bool, typer.Option("--check", help="exit 1 if anything differs")] = False,
    as_json: AsJson = False,
) -> None:
    """Take a recorded stream through two versions of rules and show where the replies differ."""
    from livecue.app.replay import RecordingError, compare

    programs = [program_of(folders) for folders in (old, new)]
    try:
        found = compare(
            (each for each in _deliveries(stream, room) if room in {"", each.room}), programs[0], programs[1]
        )
    except RecordingError as error:
        raise fail(f"{stream}: {error}") from error
    counts = found.counts
    for one in found.differences:
        if as_json:
            old_said, new_said = ({"replies": s.replies, "rule": s.rule} for s in (one.old, one.new))
            print_json(
                {"at_ms": one.at_ms, "room": one.room, "event": one.told, "old": old_said, "new": new_said}
            )
        else:
            at = datetime.fromtimestamp(one.at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
            print(f"{at} {one.room}: {one.told}\n  - {one.old}\n  + {one.new}")
    print(
        f"{counts['events']} events: {counts['replies_old']} replies before, {counts['replies_new']} now; "
        f"{counts['same']} the same, {counts['changed']} changed, {counts['gone']} gone, {counts['added']} added",
        file=sys.stderr if as_json else sys.stdout,
    )
    if check and found.differences:
        raise typer.Exit(1)


def _deliveries(stream: str, room: str) -> Iterator[Delivery]:
    from livecue.app.replay import read_recording

    if stream.startswith(("nats://", "tls://")):
        yield from asyncio.run(_all_of(stream, room, None))
        return
    if stream == "-":
        yield from read_recording(sys.stdin.buffer)
        return
    try:
        with Path(stream).open("rb") as lines:
            yield from read_recording(lines)
    except OSError as error:
        raise fail(f"{stream}: cannot be read: {error.strerror}: name a file, - or nats://…") from error


async def _all_of(url: str, room: str, since_ms: int | None) -> list[Delivery]:
    from livecue.bus.recording import recorded
    from livecue.runtime.ports import BusError

    try:
        return [delivery async for delivery in recorded(url, room=room or "*", since_ms=since_ms)]
    except BusError as error:
        raise fail(f"the stream cannot be read: {error}") from error


def record(
    url: Annotated[
        str, typer.Argument(help="nats://host:4222, with user:password@ or token@ before the host")
    ],
    room: Annotated[str, typer.Option("--room", help="this room alone")] = "",
    minutes: Annotated[float, typer.Option(min=0, help="only the last so many; 0 is all that is kept")] = 0,
    output: Output = None,
) -> None:
    """Write what the bus holds of LIVE_IN as a recording for `replay`: one JSON object a line."""
    from livecue.app.daemon import now_ms
    from livecue.app.replay import write_recording

    since_ms = now_ms() - round(minutes * 60_000) if minutes else None
    found = asyncio.run(_all_of(url, room, since_ms))
    _write(output, b"".join(map(write_recording, found)))
    print(f"{len(found)} messages", file=sys.stderr)


def export(
    pack: Annotated[Path, typer.Argument(help="a pack folder")],
    output: Output = None,
) -> None:
    """Write a pack as the JSON of a MetaStudio rule group, without livecue's own keys."""
    from livecue.packs import PackError, load_pack
    from livecue.packs.export import exported, left_out

    try:
        loaded = load_pack(pack)
    except PackError as error:
        raise fail(str(error)) from error
    for line in left_out(loaded):
        print(line, file=sys.stderr)
    _write(output, json.dumps(exported(loaded), ensure_ascii=False, indent=2).encode() + b"\n")


def _write(output: Path | None, data: bytes) -> None:
    if output is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    try:
        output.write_bytes(data)
    except OSError as error:
        raise fail(f"{output}: cannot be written: {error.strerror}") from error
