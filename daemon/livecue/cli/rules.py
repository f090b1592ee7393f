"""`livecue rules …`: what is known of rules before they go live: test, lint, explain."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from livecue.cli.groups import import_group
from livecue.cli.packs import AsJson, Config, desk_of, fail, print_json, settings_of
from livecue.cli.recordings import export, record, replay

if TYPE_CHECKING:
    from livecue.packs.lint import Finding
    from livecue.packs.running import Outcome

rules = typer.Typer(help="Test, lint, explain, replay, export and import rule packs.", no_args_is_help=True)
rules.command()(replay)
rules.command()(record)
rules.command()(export)
rules.command("import")(import_group)

Paths = Annotated[list[Path], typer.Argument(help="pack folders, folders of packs, or single files")]


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    SARIF = "sarif"


@rules.command("test")
def run_scripts(
    paths: Paths,
    junit_file: Annotated[Path | None, typer.Option("--junit", help="write JUnit XML there")] = None,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="name every scenario")] = False,
    as_json: AsJson = False,
) -> None:
    """Run the time scripts (*.test.yaml) of packs on a virtual clock."""
    from livecue.packs import PackError
    from livecue.packs.finding import script_files
    from livecue.packs.junit import junit
    from livecue.packs.running import run_file

    outcomes: dict[Path, list[Outcome]] = {}
    broken: dict[Path, str] = {}
    for file in script_files(paths):
        try:
            outcomes[file] = run_file(file)
        except PackError as error:
            broken[file] = str(error)
    if not outcomes and not broken:
        raise fail(
            f"no *.test.yaml below {', '.join(map(str, paths))}: write pack.test.yaml beside pack.yaml"
        )
    if junit_file is not None:
        junit_file.write_bytes(junit(outcomes, broken))
    if as_json:
        print_json(_outcomes_json(outcomes, broken))
    else:
        _tell_outcomes(outcomes, broken, verbose)
    failed = any(not outcome.passed for group in outcomes.values() for outcome in group)
    raise typer.Exit(1 if failed or broken else 0)


def _tell_outcomes(outcomes: dict[Path, list[Outcome]], broken: dict[Path, str], verbose: bool) -> None:
    for file, problems in broken.items():
        print(f"ERROR {file}\n{problems}\n")
    for outcome in (outcome for group in outcomes.values() for outcome in group):
        if verbose and outcome.passed:
            print(f"ok    {outcome.scenario.file}:{outcome.scenario.line}: {outcome.scenario.name}")
        for failure in outcome.failures:
            print(f"FAIL  {failure}\n")
    every = [outcome for group in outcomes.values() for outcome in group]
    failed = sum(not outcome.passed for outcome in every)
    more = f", {len(broken)} files cannot be loaded" if broken else ""
    print(
        f"{len(every)} scenarios in {len(outcomes)} files: {len(every) - failed} passed, {failed} failed{more}"
    )


def _outcomes_json(outcomes: dict[Path, list[Outcome]], broken: dict[Path, str]) -> dict[str, Any]:
    scenarios = [
        {
            "file": str(file),
            "line": outcome.scenario.line,
            "name": outcome.scenario.name,
            "passed": outcome.passed,
            "failures": [
                {"line": one.line, "step": one.step, "expected": one.expected, "got": one.got, "why": one.why}
                for one in outcome.failures
            ],
        }
        for file, group in outcomes.items()
        for outcome in group
    ]
    return {"scenarios": scenarios, "broken": {str(file): text for file, text in broken.items()}}


@rules.command()
def lint(
    paths: Annotated[list[Path] | None, typer.Argument(help="pack folders, or folders of packs")] = None,
    config: Config = None,
    output_format: Annotated[Format, typer.Option("--format", help="how to print")] = Format.TEXT,
    sensitive: Annotated[
        Path | None, typer.Option(help="words no reply may hold, one a line, # for remarks")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="warnings fail, too")] = False,
) -> None:
    """Find rules that never answer, shared keywords, replies that are too long, slow patterns.

    Each pack is looked at by itself; with -c, the packs of each room together.
    """
    from livecue import __version__
    from livecue.packs.lint import Severity
    from livecue.packs.sarif import sarif

    findings = _findings(paths or [], config, _words(sensitive))
    if output_format is Format.SARIF:
        print_json(sarif(findings, __version__, Path.cwd()))
    elif output_format is Format.JSON:
        print_json([{name: getattr(one, name) for name in one.__slots__} for one in findings])
    else:
        for finding in findings:
            print(finding)
        errors = sum(finding.severity is Severity.ERROR for finding in findings)
        print(f"{errors} errors, {len(findings) - errors} warnings", file=sys.stderr)
    if any(strict or finding.severity is Severity.ERROR for finding in findings):
        raise typer.Exit(1)


def _findings(paths: list[Path], config: Path | None, words: list[str]) -> list[Finding]:
    from livecue.packs.finding import pack_folders
    from livecue.packs.lint import lint as look

    sets = [[folder] for folder in pack_folders(paths)]
    if config is not None:
        loaded = settings_of(config)
        sets += [[loaded.path(folder) for folder in room.rules] for room in loaded.settings.rooms]
    if not sets:
        print("name a pack folder, or -c livecue.yaml", file=sys.stderr)
        raise typer.Exit(2)
    return list(dict.fromkeys(finding for folders in sets for finding in look(folders, words)))


def _words(file: Path | None) -> list[str]:
    if file is None:
        return []
    try:
        lines = file.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeError) as error:
        raise fail(f"{file}: cannot be read: {error}: name a UTF-8 file with one word a line") from error
    return [word for line in lines if (word := line.partition("#")[0].strip())]


@rules.command()
def explain(
    message: Annotated[str, typer.Argument(help="what a viewer says, or an event's content as JSON")],
    pack: Annotated[list[Path] | None, typer.Option("--pack", help="a pack folder; may be repeated")] = None,
    config: Config = None,
    room: Annotated[str, typer.Option("--room", help="whose rules, with -c")] = "",
    event_type: Annotated[int, typer.Option("--type", min=0, max=100, help="1 danmaku … 6 viewers")] = 1,
    scene: Annotated[str, typer.Option(help="the scene that is on")] = "",
    as_json: AsJson = False,
) -> None:
    """Say for each rule why it would or would not answer, in a live that has just begun."""
    import msgspec
    from rich.cells import set_cell_size

    from livecue.domain import LiveEvent
    from livecue.engine import RoomState
    from livecue.engine.explain import explain as look

    desk = desk_of(pack or [], config, room)
    content = _content(message)
    event = LiveEvent(room or "room", "1.0", 0, 0, event_type, content, json.dumps(content))
    found = look(desk.program, RoomState(scene=scene), event, ages=desk.ages)
    if as_json:
        print(msgspec.json.encode(found).decode())
        return
    for rule in found.rules:
        name = set_cell_size(f"{rule.rule_index} {rule.rule_name}", 34)
        print(f"{rule.priority:>4}  {name}  {rule.verdict:<17}  {rule.reason}")
    if not found.rules:
        print(f"no rule is for event type {event_type}")
    for cue in found.decision.cues:
        print(f"=> {cue.kind}: {cue.text or cue.audio_url or 'a layer'}  [{cue.rule_index}, {cue.play_type}]")
    if not found.decision.matched:
        print("=> nobody answers: the event is left to the cloud's own rules")


def _content(message: str) -> dict[str, Any]:
    if message.lstrip().startswith("{"):
        try:
            content = json.loads(message)
        except ValueError as error:
            raise fail(f"the content is no JSON: {error}") from error
        return dict(content)
    return {"user": {"userId": "viewer", "name": "观众"}, "content": message}
