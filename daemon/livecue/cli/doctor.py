"""`livecue doctor`."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from livecue.cli.exits import ConfigFile

if TYPE_CHECKING:
    from livecue.app.findings import Finding


def doctor(
    config: ConfigFile = Path("livecue.yaml"),
    as_json: Annotated[bool, typer.Option("--json", help="print one JSON object")] = False,
) -> None:
    """Look at everything a live rests on: bus, cloud, clocks, credentials, callback URL, this machine."""
    from livecue.app.daemon import now_ms
    from livecue.app.doctor import examine, read, well
    from livecue.app.redact import Redactor
    from livecue.app.rooms import secrets_of

    checkup, findings = read(config, now_ms)
    redactor = Redactor(secrets_of(checkup.loaded.settings) if checkup else [])

    async def look() -> None:
        if checkup is None:
            return
        async for finding in examine(checkup):
            findings.append(finding)
            if not as_json:
                print(redactor.text(_line(finding)), flush=True)

    if not as_json:
        for finding in findings:
            print(redactor.text(_line(finding)))
    asyncio.run(look())
    if as_json:
        told = [
            {name: redactor.text(value) for name, value in asdict(finding).items()} for finding in findings
        ]
        print(json.dumps({"ok": well(findings), "findings": told}, ensure_ascii=False))
    else:
        counts = Counter(str(finding.verdict) for finding in findings)
        print(", ".join(f"{counts[verdict]} {verdict}" for verdict in ("ok", "warn", "fail")))
    if not well(findings):
        raise typer.Exit(1)


def _line(finding: Finding) -> str:
    line = f"{finding.verdict:<4}  {finding.check:<20}  {finding.saw}"
    return f"{line}\n{'':<28}{finding.remedy}" if finding.remedy else line
