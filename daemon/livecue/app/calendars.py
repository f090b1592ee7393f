"""Calendars of sessions and holidays: read from files and URLs, and the last good copy kept.

A calendar that is broken or cannot be reached leaves the one before in force, also over a restart
(`data_dir/calendars`). One that was never read leaves its rooms alone: whether a running live is
wanted is then not known.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import structlog
from msgspec.structs import replace

from livecue.app.plans import judge
from livecue.app.rooms import room_plans
from livecue.domain import CalendarRun
from livecue.outgoing import FetchError, fetch
from livecue.runtime.health import HealthBoard
from livecue.runtime.ports import Now
from livecue.settings import Loaded, Problem
from livecue.supervisor import RoomPlan
from livecue.supervisor.calendar_events import days_in, runs_in
from livecue.supervisor.calendar_reading import CalendarError

log = structlog.get_logger()

BACK = timedelta(days=8)
AHEAD = timedelta(days=60)
_MOST_BYTES = 4 << 20


class Use(NamedTuple):
    """One place of the configuration that names a calendar."""

    source: str
    zone: str
    days: bool
    path: tuple[str | int, ...]
    where: str


def shown(source: str) -> str:
    """A source without what may be a key: of a URL only the host."""
    parts = urlsplit(source)
    return f"{parts.scheme}://{parts.hostname}/…" if "://" in source else source


class CalendarReader:
    """Knows what every calendar of a configuration says, as far as it could be read."""

    def __init__(self, loaded: Loaded, now: Callable[[], datetime], ahead: timedelta = AHEAD) -> None:
        self._loaded = loaded
        self._now = now
        self._ahead = ahead
        self._folder = loaded.path(loaded.settings.data_dir) / "calendars"
        self.uses = list(_uses(loaded))
        self._runs: dict[Use, tuple[CalendarRun, ...]] = {}
        self._days: dict[Use, dict[date, str]] = {}
        self._last: dict[str, str] = {}

    async def remember(self) -> None:
        """Take the last good copies that an earlier process kept."""
        for source in dict.fromkeys(use.source for use in self.uses):
            with suppress(OSError, UnicodeError, CalendarError):
                text = await asyncio.to_thread(self._copy(source).read_text, "utf-8")
                await self._take(source, text)

    async def read(self, *, keep: bool = True) -> list[tuple[Use, str]]:
        """Read every calendar anew; what is wrong, by use. `keep`: good ones are stored for the next process."""
        sources = list(dict.fromkeys(use.source for use in self.uses))
        found = await asyncio.gather(*(self._read_one(source, keep=keep) for source in sources))
        return [problem for problems in found for problem in problems]

    async def _read_one(self, source: str, *, keep: bool) -> list[tuple[Use, str]]:
        users = [use for use in self.uses if use.source == source]
        try:
            text = await self._text(source)
            await self._take(source, text)
        except FetchError as error:
            problems = [f"{shown(source)} {error}; open it in a browser on this machine"]
        except OSError as error:
            problems = [f"{source} cannot be read: {error.strerror}: write its path, or an https URL"]
        except CalendarError as error:
            problems = [
                f"{shown(source)}{f':{at.line}' if at.line else ''} {at.what}" for at in error.mistakes
            ]
        else:
            if keep:
                with suppress(OSError):
                    await asyncio.to_thread(self._keep, source, text)
            return []
        with suppress(CalendarError):  # what was good goes on, as far ahead as before
            if source in self._last:
                await self._take(source, self._last[source])
        return [(use, problem) for use in users for problem in problems]

    async def _text(self, source: str) -> str:
        if "://" in source:
            body = await fetch(source, most_bytes=_MOST_BYTES)
        else:
            body = await asyncio.to_thread(self._loaded.path(source).read_bytes)
        return body[:_MOST_BYTES].decode("utf-8-sig", "replace")

    async def _take(self, source: str, text: str) -> None:
        """Put what a calendar says in force, for all of its uses or, if one cannot be resolved, for none."""
        after, until = self._now() - BACK, self._now() + self._ahead
        users = [use for use in self.uses if use.source == source]
        days, runs = {}, {}
        for zone in {use.zone for use in users if use.days}:
            days[zone] = await asyncio.to_thread(days_in, text, zone, after, until)
        for zone in {use.zone for use in users if not use.days}:
            runs[zone] = await asyncio.to_thread(runs_in, text, zone, after, until)
        self._days |= {use: days[use.zone] for use in users if use.days}
        self._runs |= {use: runs[use.zone] for use in users if not use.days}
        self._last[source] = text

    def _copy(self, source: str) -> Path:
        return self._folder / f"{hashlib.sha256(source.encode()).hexdigest()[:32]}.ics"

    def _keep(self, source: str, text: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        copy = self._copy(source)
        new = copy.with_suffix(".new")
        new.write_text(text, "utf-8")
        new.replace(copy)

    def plans(self) -> list[RoomPlan]:
        """When each room is to be live, by what is known now."""
        settings = self._loaded.settings
        runs = {use.path: read for use, read in self._runs.items()}
        days = {use.path[2]: read for use, read in self._days.items()}
        found = []
        for place, plan in enumerate(room_plans(settings)):
            sessions = []
            for number, session in enumerate(plan.sessions):
                named = settings.rooms[place].sessions[number].holidays
                off = {
                    day: f"holiday ({why})" for name in named for day, why in dict(days.get(name, {})).items()
                }
                known = runs.get(("rooms", place, "sessions", number, "ics"))
                sessions.append(replace(session, runs=known, days_off=off | dict(session.days_off)))
            found.append(plan._replace(sessions=tuple(sessions)))
        return found

    def unread(self) -> list[Use]:
        """Calendars that were never read."""
        return [use for use in self.uses if use not in self._runs and use not in self._days]


def _uses(loaded: Loaded) -> Iterator[Use]:
    for name, holidays in loaded.settings.plan.holidays.items():
        if holidays.ics:
            path = ("plan", "holidays", name, "ics")
            yield Use(holidays.ics, holidays.timezone, True, path, f"plan.holidays.{name}")
    for place, room in enumerate(loaded.settings.rooms):
        for number, session in enumerate(room.sessions):
            if session.ics:
                at = ("rooms", place, "sessions", number, "ics")
                yield Use(
                    session.ics, session.timezone, False, at, f"rooms.{room.key}.sessions.{session.name}"
                )


def problems_of(file: Path, loaded: Loaded, found: Sequence[tuple[Use, str]]) -> list[Problem]:
    """What `read` found, with the line that names the calendar."""
    return [Problem(str(file), loaded.document.line(use.path), use.where, what) for use, what in found]


class CalendarKeeper:
    """Reads the calendars again and again while the daemon runs, and hands on plans that changed."""

    def __init__(self, loaded: Loaded, health: HealthBoard, now: Now) -> None:
        self._loaded = loaded
        self._now = now
        self._reader = CalendarReader(loaded, lambda: datetime.fromtimestamp(now() / 1000, UTC))
        self._every_s = loaded.settings.plan.refresh_s
        self._health = health
        self._said: set[str] = set()
        self._judged: set[str] = set()
        self._fresh = False

    async def begin(self) -> None:
        """Take what was kept; if a calendar was not, read all of them now."""
        await self._reader.remember()
        if self._reader.unread():
            await self._read()
            self._fresh = True

    async def plans(self) -> list[RoomPlan]:
        """When each room is to be live, by what is known now; what is wrong with that is logged once."""
        plans = self._reader.plans()
        now = datetime.fromtimestamp(self._now() / 1000, UTC)
        verdict = await asyncio.to_thread(judge, Path("livecue.yaml"), self._loaded, plans, now)
        errors = {f"{one.where}: {one.what}" for one in verdict.errors}
        said = errors | {f"{one.where}: {one.what}" for one in verdict.warnings}
        for text in sorted(said - self._judged):
            if text in errors:
                log.warning("plan-problem", problem=text, remedy="see livecue plan; it goes on as configured")
            else:
                log.info("plan-problem", problem=text, remedy="see livecue plan")
        self._judged = said
        return plans

    async def run(self, stop: asyncio.Event, replan: Callable[[Sequence[RoomPlan]], None]) -> None:
        """Read until `stop`; without calendars only wait for it."""
        while self._reader.uses and not stop.is_set():
            if not self._fresh:
                await _unless(stop, self._read())
                replan(await self.plans())
            self._fresh = False
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await stop.wait()
        await stop.wait()

    async def _read(self) -> None:
        found = await self._reader.read()
        said = {f"{use.where}: {what}" for use, what in found}
        for text in sorted(said - self._said):
            remedy = "correct it; what was read last goes on"
            log.warning("calendar-not-read", problem=text, remedy=remedy)
        if self._said and not said:
            log.info("calendars-read-again")
        self._said = said
        if self._reader.uses:
            more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
            self._health.warn("calendars", f"{min(said)}{more}; what was read last goes on" if said else "")


async def _unless(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Do `work`, but give it up as soon as `stop` is set."""
    working, stopping = asyncio.create_task(work), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({working, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            await working
    finally:
        for task in (working, stopping):
            task.cancel()
        await asyncio.gather(working, stopping, return_exceptions=True)
