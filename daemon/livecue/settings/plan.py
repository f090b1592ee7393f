"""The keys of the plan: sessions, days off, blackouts, and what a missed start is still worth."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime, timedelta
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from livecue.domain import Blackout, Overlap, Session
from livecue.settings.base import Strict, safe_url
from livecue.supervisor.crontab import load_zone

_DURATION = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


def parse_duration(value: object) -> object:
    """`4h`, `90m`, `1h30m` or a number of seconds."""
    try:
        return _duration(value)
    except OverflowError:
        raise ValueError("this duration is too long: write it as 4h, 90m, 1h30m or 45s") from None


def _duration(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return timedelta(seconds=value)
    if isinstance(value, str):
        found = _DURATION.fullmatch(value.strip())
        if not found or not any(found.groups()):
            raise ValueError("write a duration as 4h, 90m, 1h30m or 45s")
        days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]


def _day(value: object) -> object:
    if isinstance(value, str):
        with suppress(ValueError):
            return date.fromisoformat(value)
    if isinstance(value, datetime) or not isinstance(value, date):
        raise ValueError("write a date as 2026-12-24")  # noqa: TRY004 - pydantic wants ValueErrors
    return value


Day = Annotated[date, BeforeValidator(_day)]


class BlackoutSettings(Strict):
    """No live from `start` to `end`; a run that this cuts off begins or ends there."""

    start: datetime
    end: datetime
    why: str = Field(default="", max_length=100)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for name, moment in (("start", self.start), ("end", self.end)):
            if moment.utcoffset() is None:
                raise ValueError(f"{name} has no UTC offset: write it, as in 2026-11-27T20:00:00+08:00")
        if self.end <= self.start:
            raise ValueError("end is not after start: swap them or move the end")
        return self

    def as_blackout(self) -> Blackout:
        return Blackout(self.start, self.end, self.why)


def _calendar(value: str) -> str:
    """An https URL (http towards loopback), or the path of a file."""
    if "://" not in value:
        return value
    if value.startswith("webcal://"):
        raise ValueError("webcal:// is https://: write that")
    safe_url(value)
    return value


Calendar = Annotated[str, AfterValidator(_calendar)]


class Holidays(Strict):
    """Days on which sessions that name this list do not start: `dates`, and those of a calendar."""

    secrets: ClassVar = ("ics",)
    dates: tuple[Day, ...] = ()
    ics: Calendar = ""
    timezone: str = "UTC"

    @model_validator(mode="before")
    @classmethod
    def _list_of_dates(cls, value: Any) -> Any:
        return {"dates": value} if isinstance(value, list | tuple) else value

    @field_validator("timezone")
    @classmethod
    def _known(cls, value: str) -> str:
        load_zone(value)
        return value


class PlanSettings(Strict):
    """What holds for the plan of all rooms. `holidays`: named lists of dates that sessions can refer to.

    Calendars are read again every `refresh_s`.
    """

    holidays: Mapping[str, Holidays] = {}
    refresh_s: float = Field(default=300, ge=1, le=86_400)
    blackouts: tuple[BlackoutSettings, ...] = ()
    max_rooms_at_once: int | None = Field(default=None, ge=1)


class SessionSettings(Strict):
    """When the room is live: `cron` and `duration` in `timezone`, `start` and `end` once, or a calendar.

    The address of a private calendar is as good as a key to it, so it may stand in a file of its own.
    """

    secrets: ClassVar = ("ics",)
    name: str = Field(min_length=1, max_length=64)
    cron: str = ""
    duration: Duration = timedelta(0)
    timezone: str = "UTC"
    start: datetime | None = None
    end: datetime | None = None
    ics: Calendar = ""
    except_: tuple[Day, ...] = Field(default=(), alias="except")
    holidays: tuple[str, ...] = ()
    catchup: Duration = timedelta(minutes=15)
    least_remainder: Duration = timedelta(minutes=5)

    def as_session(self, plan: PlanSettings, room: PlannedRoom) -> Session:
        days_off = {day: f"holiday ({name})" for name in self.holidays for day in _dates(plan, name)}
        return Session(
            name=self.name,
            start=self.start,
            end=self.end,
            cron=self.cron,
            duration=self.duration,
            timezone=self.timezone,
            ics=self.ics,
            days_off=days_off | dict.fromkeys(self.except_, "excepted"),
            blackouts=tuple(one.as_blackout() for one in (*plan.blackouts, *room.blackouts)),
            catchup=self.catchup,
            least_remainder=self.least_remainder,
            overlap=room.overlap,
        )


class PlannedRoom(Strict):
    """The keys of a room that say when it is live."""

    sessions: tuple[SessionSettings, ...] = ()
    overlap: Overlap = Overlap.REFUSE
    blackouts: tuple[BlackoutSettings, ...] = ()

    def planned(self, plan: PlanSettings) -> tuple[Session, ...]:
        """The sessions as the supervisor wants them, with what holds for the room and for all rooms."""
        return tuple(session.as_session(plan, self) for session in self.sessions)


def _dates(plan: PlanSettings, name: str) -> tuple[date, ...]:
    return plan.holidays[name].dates if name in plan.holidays else ()


def unknown_holidays(session: SessionSettings, plan: PlanSettings) -> list[str]:
    """What is wrong with the lists of holidays a session names."""
    known = ", ".join(sorted(plan.holidays)) or "none"
    return [
        f"session {session.name!r}: there is no list of holidays {name!r}; write it under plan.holidays, "
        f"known there: {known}"
        for name in session.holidays
        if name not in plan.holidays
    ]


__all__ = [
    "BlackoutSettings",
    "Duration",
    "Holidays",
    "PlanSettings",
    "PlannedRoom",
    "SessionSettings",
    "unknown_holidays",
]
