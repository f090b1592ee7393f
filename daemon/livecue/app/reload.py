"""Rules change while rooms are live: the whole set is checked, then one reference is swapped.

The files are looked at every two seconds, and at once on SIGHUP. What a room remembers hangs on
rule_index and stays. A set that does not load leaves the old one running.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import structlog

from livecue.app.rooms import desk_rules, load_rules
from livecue.engine import RuleError, Script
from livecue.packs import LoadedRules, PackError
from livecue.packs.loading import NAMES
from livecue.runtime.desk import DeskRules
from livecue.runtime.health import HealthBoard
from livecue.runtime.ports import Count, Meter
from livecue.settings import Loaded

log = structlog.get_logger()

EVERY_S = 2.0
_SETTLE_S = 0.2  # an editor or a copy that is still writing
_SETTLE_ROUNDS = 10

Stamp = tuple[tuple[str, int, int, int], ...]


class Rulebook(Mapping[str, DeskRules]):
    """What each room's desk decides by, now. Workers look it up at each delivery."""

    def __init__(self, rules: Mapping[str, DeskRules]) -> None:
        self._scripts: dict[str, Script] = {}
        self._rules = rules

    def swap(self, rules: Mapping[str, DeskRules]) -> None:
        """From the next delivery on every room decides by `rules`."""
        self._rules = {room: self._scripted(room, one) for room, one in rules.items()}

    def learn(self, room: str, script: Script) -> None:
        """From the next delivery on the room's segments are known to say this."""
        self._scripts[room] = script
        self._rules = {**self._rules, room: self._scripted(room, self._rules[room])}

    def gathering(self) -> list[str]:
        """The rooms with a rule that gathers combos."""
        return [
            room
            for room, rules in self._rules.items()
            if any(plan.act.combo is not None for plan in rules.program.plans.values())
        ]

    @property
    def rules(self) -> Collection[str]:
        """The rule_index of every rule in force, always as of now."""
        return _RulesOf(self)

    def _scripted(self, room: str, rules: DeskRules) -> DeskRules:
        return replace(rules, script=self._scripts[room]) if room in self._scripts else rules

    def __getitem__(self, room: str) -> DeskRules:
        return self._rules[room]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)


class _RulesOf(Collection[str]):
    """Every room is asked: few ask, and what is asked is remembered by who does."""

    def __init__(self, book: Rulebook) -> None:
        self._book = book

    def __contains__(self, rule_index: object) -> bool:
        return any(rule_index in rules.program.plans for rules in self._book.values())

    def __iter__(self) -> Iterator[str]:
        return iter({index for rules in self._book.values() for index in rules.program.plans})

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Reloader:
    """Keeps a `Rulebook` at what the pack files say."""

    def __init__(
        self, loaded: Loaded, book: Rulebook, meter: Meter, health: HealthBoard, every_s: float = EVERY_S
    ) -> None:
        self._loaded = loaded
        self._book = book
        self._meter = meter
        self._health = health
        self._every_s = every_s
        self._wanted = asyncio.Event()
        self._stamp = self.stamp()
        health.report("rules")

    def ask(self) -> None:
        """Load again as soon as possible, changed or not (SIGHUP)."""
        self._wanted.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop`."""
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await self._wanted.wait()
            if stop.is_set():
                return
            asked = self._wanted.is_set()
            self._wanted.clear()
            stamp = await asyncio.to_thread(self.stamp)
            if asked or stamp != self._stamp:
                self._stamp = await self._settled(stamp)
                await self.reload()

    async def _settled(self, stamp: Stamp) -> Stamp:
        """The files' stamp once it has stood still for a moment."""
        for _ in range(_SETTLE_ROUNDS):
            await asyncio.sleep(_SETTLE_S)
            again = await asyncio.to_thread(self.stamp)
            if again == stamp:
                break
            stamp = again
        return stamp

    def stamp(self) -> Stamp:
        """The time, size and inode of every pack file that is or could be there."""
        folders = {self._loaded.path(folder) for room in self._loaded.settings.rooms for folder in room.rules}
        found = []
        for file in sorted(Path(folder) / name for folder in folders for name in NAMES):
            with suppress(OSError):
                seen = file.stat()
                found.append((str(file), seen.st_mtime_ns, seen.st_size, seen.st_ino))
        return tuple(found)

    async def reload(self) -> bool:
        """Load, check and compile everything, then swap; False if the old rules go on."""
        try:
            rules, desks = await asyncio.to_thread(self._prepare)
        except PackError as error:
            self._refuse([str(problem) for problem in error.problems if not problem.warning])
            return False
        except (RuleError, OSError, ValueError, RecursionError) as error:
            self._refuse([f"{type(error).__name__}: {error}"])
            return False
        self._book.swap(desks)
        self._meter.count(Count.RULE_RELOADS, reason="ok")
        self._health.warn("rules", "")
        log.info("rules-reloaded", rooms=len(desks), rules=sum(len(each.rules) for each in rules.values()))
        return True

    def _prepare(self) -> tuple[dict[str, LoadedRules], dict[str, DeskRules]]:
        rules = load_rules(self._loaded)
        return rules, desk_rules(self._loaded.settings, rules)

    def _refuse(self, problems: list[str]) -> None:
        self._meter.count(Count.RULE_RELOADS, reason="refused")
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        self._health.warn("rules", f"{problems[0]}{more}; the old rules go on")
        for problem in problems:
            log.error("rules-refused", problem=problem, remedy="correct the pack; the old rules go on")


__all__ = ["EVERY_S", "Reloader", "Rulebook"]
