"""`livecue doctor`: everything a live rests on, looked at once, each with what was seen and what to do.

Nothing is changed: no stream is made, no job started, no callback believed. The parts look at their own
(`doctor_bus`, `doctor_cloud`, `doctor_callbacks`, `doctor_host`); here they are put together.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from livecue.app.findings import Finding, fail, ok
from livecue.app.rooms import load_rules
from livecue.packs import LoadedRules, PackError
from livecue.settings import ConfigError, Loaded, load


@dataclass(frozen=True)
class Checkup:
    """What the parts work with. `now_ms`: this machine's wall clock."""

    loaded: Loaded
    rules: dict[str, LoadedRules]
    now_ms: Callable[[], int]

    def now_s(self) -> float:
        """The same in Unix seconds."""
        return self.now_ms() / 1000


def read(file: Path, now_ms: Callable[[], int]) -> tuple[Checkup | None, list[Finding]]:
    """The configuration and its packs, and what is wrong with them; without them nothing else can be looked at."""
    try:
        loaded = load(file)
        rules = load_rules(loaded)
    except (ConfigError, PackError) as error:
        return None, [fail("config", str(one), "correct it: `livecue check`") for one in error.problems]
    count = sum(len(rules[room.key].rules) for room in loaded.settings.rooms)
    seen = f"{file}: {len(loaded.settings.rooms)} rooms, {count} rules"
    return Checkup(loaded, rules, now_ms), [ok("config", seen)]


async def examine(checkup: Checkup) -> AsyncIterator[Finding]:
    """Every finding, as it is found."""
    from livecue.app.doctor_bus import examine_bus
    from livecue.app.doctor_callbacks import examine_callbacks, examine_daemon
    from livecue.app.doctor_cloud import examine_cloud
    from livecue.app.doctor_host import examine_host

    for finding in examine_host(checkup):
        yield finding
    for part in (examine_bus, examine_cloud, examine_daemon, examine_callbacks):
        async for finding in part(checkup):
            yield finding


def well(findings: Sequence[Finding]) -> bool:
    """Whether nothing failed; warnings are told and let pass."""
    return not any(finding.failed for finding in findings)
