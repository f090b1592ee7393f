"""What a change of the clocks does to a time of day, in words. Pure.

Rule for every form of session, as RFC 5545 has it: a time that spring skips is read with the offset
from before the change, so it happens as much later as the clock jumped; a time that autumn repeats
is the first of the two.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo


def instant(wall: datetime, zone: tzinfo) -> datetime:
    """The moment (UTC) at which clocks in `zone` read `wall` (without zone), by the rule above."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def offset_text(moment: datetime) -> str:
    """`+08:00` for a moment in its own zone; seconds only where a zone has them."""
    return moment.isoformat()[-6:] if moment.utcoffset() is not None else ""


def start_note(wall: datetime, moment: datetime, zone: tzinfo) -> str:
    """What is to be said of a start meant for `wall` that happens at `moment`; empty on all other days."""
    local = moment.astimezone(zone)
    if local.replace(tzinfo=None) != wall:
        return f"{wall:%H:%M} does not exist on {wall:%Y-%m-%d} (clocks go forward): starts at {local:%H:%M}"
    first, second = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return ""
    both = (
        f"{wall:%H:%M} happens twice (clocks go back), "
        f"at {_told(first)} (fold 0) and at {_told(second)} (fold 1)"
    )
    fold = 0 if moment.astimezone(UTC) == first.astimezone(UTC) else 1
    return f"{both}: this is fold {fold}"


def run_note(start: datetime, end: datetime, zone: tzinfo) -> str:
    """That the clocks change while a run is on; empty on all other days."""
    first, last = start.astimezone(zone), end.astimezone(zone)
    before, after = first.utcoffset(), last.utcoffset()
    if before is None or after is None or before == after:
        return ""
    way = "forward" if after > before else "back"
    return f"clocks go {way} {_length(abs(after - before))} meanwhile, it lasts {_length(end - start)} all the same"


def _told(moment: datetime) -> str:
    return f"{moment:%H:%M}{offset_text(moment)}"


def _length(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours and minutes else f"{hours} h" if hours else f"{minutes} min"
