"""`livecue` and its commands."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from livecue import __version__
from livecue.cli.bench import bench
from livecue.cli.doctor import doctor
from livecue.cli.events import events
from livecue.cli.exits import ConfigFile, fail, load_all, load_plans
from livecue.cli.jobs import jobs
from livecue.cli.online import check_online, with_room_ids
from livecue.cli.plan import plan as plan_command
from livecue.cli.rooms import rooms
from livecue.cli.rules import rules as rules_commands

cli = typer.Typer(
    name="livecue",
    help="The cue desk for digital-human live rooms.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

cli.add_typer(bench, name="bench")
cli.add_typer(events, name="events")
cli.add_typer(jobs, name="jobs")
cli.add_typer(rooms, name="rooms")
cli.add_typer(rules_commands, name="rules")
cli.command(name="plan")(plan_command)
cli.command()(doctor)


def main() -> None:
    """Entry point of the `livecue` script."""
    cli()


def _version(wanted: bool) -> None:
    if wanted:
        print(f"livecue {__version__}")
        raise typer.Exit


@cli.callback()
def options(
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """The cue desk for digital-human live rooms."""


@cli.command()
def run(
    config: ConfigFile = Path("livecue.yaml"),
    stop_lives: Annotated[
        bool, typer.Option("--stop-lives-on-exit", help="stop livecue's lives at the end; else they go on")
    ] = False,
) -> None:
    """Run the daemon until SIGTERM or SIGINT."""
    import structlog

    from livecue.app.daemon import Daemon
    from livecue.app.logs import configure_logs
    from livecue.app.redact import Redactor
    from livecue.app.rooms import secrets_of
    from livecue.app.web import ListenError
    from livecue.domain import CloudError
    from livecue.runtime.ports import BusError
    from livecue.setups import SetupError

    loaded, rules = load_all(config)
    redactor = Redactor(secrets_of(loaded.settings))
    configure_logs(loaded.settings.log_level, redactor)

    async def serve() -> None:
        ready = await with_room_ids(loaded)
        if ready is None:
            return
        daemon = Daemon(ready, rules, redactor, stop_lives=stop_lives)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, daemon.stop)
        loop.add_signal_handler(signal.SIGHUP, daemon.reload_rules)
        await daemon.run()

    try:
        asyncio.run(serve())
    except (ListenError, BusError, CloudError, SetupError) as error:
        raise fail(f"livecue: {redactor.text(str(error))}") from error
    except Exception as error:
        # Written by our own log, which knows what must not be shown.
        structlog.get_logger().exception("crashed", remedy="start it again, and report this")
        raise typer.Exit(1) from error


@cli.command()
def check(
    config: ConfigFile = Path("livecue.yaml"),
    online: Annotated[bool, typer.Option("--online", help="ask the cloud about the rooms, too")] = False,
) -> None:
    """Check configuration, rules and plan without starting anything."""
    from datetime import UTC, datetime

    from livecue.app.plans import judge
    from livecue.supervisor import next_change, wanted
    from livecue.supervisor.plan_checks import LOOK_AHEAD

    loaded, rules = load_all(config)
    now = datetime.now(UTC)
    plans = load_plans(config, loaded, now, LOOK_AHEAD)
    verdict = judge(config, loaded, plans, now)
    if verdict.errors:
        raise fail("\n".join(map(str, verdict.errors)))
    for plan in plans:
        found = rules[plan.room]
        for warning in found.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        window = wanted(plan.sessions, now)
        change = next_change(plan.sessions, now)
        live = f"live until {window.end.isoformat(timespec='minutes')}" if window else "off"
        then = f", next change {change.isoformat(timespec='minutes')}" if change else ""
        print(f"{plan.room}: {len(found.rules)} rules, {len(plan.sessions)} sessions, now {live}{then}")
    for problem in verdict.warnings:
        print(f"warning: {problem}", file=sys.stderr)
    if online and not check_online(config, loaded, rules):
        raise typer.Exit(1)
    print(f"{config}: fine")


@cli.command()
def demo(
    seconds: Annotated[float | None, typer.Option(min=1, help="how long; else until Ctrl-C")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object as the last line")] = False,
) -> None:
    """Run bus, sandbox, daemon and viewers together on this machine."""
    from livecue.demo import run_demo

    asyncio.run(run_demo(seconds, as_json=as_json))


@cli.command()
def sandbox(
    port: Annotated[int, typer.Option(help="0 takes a free one")] = 0,
    region: Annotated[str, typer.Option(help="whose documented limits to enforce")] = "cn-north-4",
    faults: Annotated[
        Path | None, typer.Option(help="faults to inject, YAML or JSON; taken again on change")
    ] = None,
) -> None:
    """Serve a simulator of MetaStudio on this machine."""
    from livecue.sandbox.command import serve

    raise typer.Exit(serve(port=port, region=region, faults=faults))
