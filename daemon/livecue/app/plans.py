"""The whole plan looked at once: what is wrong with it, by file and line, and what is only tight."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from livecue.metastudio import documented
from livecue.settings import Loaded, Problem
from livecue.supervisor import RoomPlan
from livecue.supervisor.plan import resolve
from livecue.supervisor.plan_checks import LOOK_AHEAD, crowds, overlaps, rushes

WEEK = timedelta(days=8)


class Verdict(NamedTuple):
    """`errors` refuse the plan; `warnings` are said."""

    errors: list[Problem]
    warnings: list[Problem]


def judge(
    file: Path, loaded: Loaded, plans: Sequence[RoomPlan], now: datetime, ahead: timedelta = WEEK
) -> Verdict:
    """Overlaps in the next 35 days, rooms and starts at once from `now` for `ahead`; each session is right by itself."""
    settings, document = loaded.settings, loaded.document
    errors, warnings = [], []
    for place, plan in enumerate(plans):
        for number, what in overlaps(plan.sessions, now, max(ahead, LOOK_AHEAD)):
            line = document.line(("rooms", place, "sessions", number))
            where = f"rooms.{plan.room}.sessions.{plan.sessions[number].name}"
            errors.append(Problem(str(file), line, where, what))
    runs = {plan.room: resolve(plan.sessions, now, now + ahead) for plan in plans}
    most = settings.plan.max_rooms_at_once
    if most is not None:
        line = document.line(("plan", "max_rooms_at_once"))
        errors += [Problem(str(file), line, "plan", what) for what in crowds(runs, most)]
    limit = {**documented(settings.metastudio.region), **settings.metastudio.limits}["start"]
    warnings += [Problem(str(file), document.line(("rooms",)), "rooms", what) for what in rushes(runs, limit)]
    return Verdict(errors, warnings)
