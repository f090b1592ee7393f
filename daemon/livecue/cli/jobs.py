"""`livecue jobs …`: what is live, and a hand on it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from livecue.cli.exits import ConfigFile, fail, load_settings

jobs = typer.Typer(help="See what is live, and start, stop or extend it by hand.", no_args_is_help=True)

_CONFIG = Path("livecue.yaml")
Room = Annotated[str, typer.Argument(help="the room's key")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


@jobs.callback()
def options() -> None:
    """See what is live, and start, stop or extend it by hand."""


@jobs.command("list")
def list_jobs(config: ConfigFile = _CONFIG, as_json: AsJson = False) -> None:
    """Every room: what it is wanted for, and the job it has."""
    _ask(config, "list", as_json=as_json)


@jobs.command()
def start(
    room: Room,
    lasts: Annotated[str, typer.Option("--for", help="how long, as in 90m or 2h")] = "1h",
    config: ConfigFile = _CONFIG,
    as_json: AsJson = False,
) -> None:
    """Go live now, whatever the plan says; a session that is on by then goes on to its own end."""
    _ask(config, "start", room, lasts, as_json=as_json)


@jobs.command()
def stop(room: Room, config: ConfigFile = _CONFIG, as_json: AsJson = False) -> None:
    """Stop what is live now, whoever started it; the next session starts as planned."""
    _ask(config, "stop", room, as_json=as_json)


@jobs.command()
def extend(
    room: Room,
    by: Annotated[str, typer.Argument(help="how much longer, as in 30m")],
    config: ConfigFile = _CONFIG,
    as_json: AsJson = False,
) -> None:
    """Let what is on now end later."""
    _ask(config, "extend", room, by, as_json=as_json)


@jobs.command()
def pause(room: Room, config: ConfigFile = _CONFIG, as_json: AsJson = False) -> None:
    """Stop livecue's live and let no session start until `resume`."""
    _ask(config, "pause", room, as_json=as_json)


@jobs.command()
def resume(room: Room, config: ConfigFile = _CONFIG, as_json: AsJson = False) -> None:
    """Follow the plan again, after `pause` or `stop`."""
    _ask(config, "resume", room, as_json=as_json)


def _ask(config: Path, do: str, room: str = "", lasts: str = "", *, as_json: bool) -> None:
    from livecue.app.rooms import bus_options
    from livecue.bus.orders import ask_daemon
    from livecue.bus.publish import embedded_options
    from livecue.runtime.order_ports import Request
    from livecue.runtime.ports import BusError

    loaded = load_settings(config)
    known = [one.key for one in loaded.settings.rooms]
    if room and room not in known:
        raise fail(f"{config}: no room {room!r}; rooms: {', '.join(known)}")
    request = Request(do, room, _ms(lasts) if lasts else 0)
    embedded = loaded.settings.nats.embedded
    try:
        target = embedded_options(loaded.path(loaded.settings.data_dir)) if embedded else bus_options(loaded)
        reply = asyncio.run(ask_daemon(target, request))
    except BusError as error:
        raise fail(str(error)) from error
    if reply.error:
        raise fail(reply.error)
    if as_json:
        print(json.dumps(reply.rooms, ensure_ascii=False))
        return
    for told in reply.rooms:
        print(_line(told))


def _ms(text: str) -> int:
    from livecue.settings.plan import parse_duration

    try:
        lasts = parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return round(lasts / timedelta(milliseconds=1)) if isinstance(lasts, timedelta) else 0


def _line(told: Mapping[str, Any]) -> str:
    wanted = f"{told['wanted']} until {told['until']}" if told["wanted"] else "not wanted"
    if told["paused"]:
        wanted += ", paused"
    job = f"job {told['job_id']} {told['state']} since {told['since']}" if told["job_id"] else "no job"
    if told["job_id"] and not told["ours"]:
        job += ", not livecue's"
    if told.get("standby"):
        job += f", in the standby {told['standby']}"
    if told.get("chat"):
        job += f", chat {' '.join(word for word in told['chat'].values() if word)}"
    notes = [note for note, on in (("stopping", told["stopping"]), ("gave up", told["gave_up"])) if on]
    if told.get("callback_faults"):
        notes.append(f"callbacks do not reach livecue, for its {', '.join(told['callback_faults'])}")
    if told.get("cloud_ends"):
        notes.append(
            f"the cloud ends this job by itself about {told['cloud_ends']}; livecue begins another then"
        )
    notes += [told["trouble"]] if told["trouble"] else []
    return "; ".join([f"{told['room']}: {wanted}", job, *notes])
