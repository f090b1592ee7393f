"""Whether a rule that hit may fire: every limit a rule sets itself, and what the state keeps of a firing.

Pure but for the state. All limits are settled before a reply is chosen, in the order of `Held`. A
firing whose reply was never spoken is taken back, as far as it has not fired anew since.
"""

from __future__ import annotations

from enum import StrEnum

from livecue.domain import LiveEvent
from livecue.engine.limits import Limits, keep_within
from livecue.engine.program import Plan
from livecue.engine.state import RoomState, RuleState
from livecue.engine.viewers import identity, question


class Held(StrEnum):
    """What held a hit back, by the key of the rule that says so."""

    WINDOW = "time_window"
    USER = "per_user_cooldown_s"
    GROUP = "group_cooldown_s"
    WAIT = "wait_messages"
    DEDUP = "dedup_s"
    TEXTS = "reply_texts"  # no reply text has all its variables filled by the event


def held(plan: Plan, state: RoomState, event: LiveEvent) -> Held | None:
    """What holds the rule back at `event.at_ms`, None if nothing."""
    act, at_ms = plan.act, event.at_ms
    kept = state.rules.get(act.rule_index)
    if kept is None and not act.limited:  # by far the most
        return None
    if kept is not None:
        fired_at = kept.fired_at_ms
        if fired_at is not None and (act.window_ms < 0 or at_ms - fired_at < act.window_ms):
            return Held.WINDOW
        if act.cooldown_ms and _within(kept.users, identity(event.content), at_ms, act.cooldown_ms):
            return Held.USER
    if act.group and act.group in state.groups and at_ms - state.groups[act.group] < act.group_ms:
        return Held.GROUP
    if kept is None:
        return None
    if act.wait and kept.seen_at is not None and state.seen.get(event.type, 0) - kept.seen_at <= act.wait:
        return Held.WAIT
    if act.dedup_ms and _within(kept.asked, question(event.content), at_ms, act.dedup_ms):
        return Held.DEDUP
    return None


def _within(times: dict[str, int], key: str, at_ms: int, span_ms: int) -> bool:
    then = times.get(key) if key else None
    return then is not None and at_ms - then < span_ms


def heard(plan: Plan, state: RoomState, event: LiveEvent, limits: Limits) -> bool:
    """Whether, with this event, enough different viewers met the rule's conditions.

    Those of `within_s` count, since the rule last fired. Viewers without an identity do not.
    """
    act = plan.act
    if not act.users:
        return True
    kept = state.rule(plan.rule.rule_index)
    _forget(kept.voices, event.at_ms, act.within_ms)
    user = identity(event.content)
    if user:
        _note(kept.voices, user, event.at_ms, act.within_ms)
        shelves = (rule.voices for rule in state.rules.values())
        state.evicted += keep_within(shelves, limits.distinct_users, int)
    return len(kept.voices) >= act.users


def remember(plan: Plan, state: RoomState, event: LiveEvent, limits: Limits) -> None:
    """The rule fires now."""
    act, index, at_ms = plan.act, plan.act.rule_index, event.at_ms
    if not act.limited and not plan.resets:  # by far the most
        return
    if act.window_ms or act.wait:
        state.rule(index).fired_at_ms = at_ms
    if act.wait:
        state.rule(index).seen_at = state.seen.get(event.type, 0)
    if act.users:
        state.rule(index).voices.clear()
    if act.group and act.group_ms:
        state.groups[act.group], state.dirty = at_ms, True
    user = identity(event.content)
    if act.cooldown_ms and user:
        _note(state.rule(index).users, user, at_ms, act.cooldown_ms)
        shelves = (rule.users for rule in state.rules.values())
        state.evicted += keep_within(shelves, limits.users_per_room, int)
    asked = question(event.content) if act.dedup_ms else ""
    if asked:
        _note(state.rule(index).asked, asked, at_ms, act.dedup_ms)
        shelves = (rule.asked for rule in state.rules.values())
        state.evicted += keep_within(shelves, limits.dedup_entries, int)
    for meter in plan.resets:
        state.reset(meter, user)


def _note(times: dict[str, int], key: str, at_ms: int, span_ms: int) -> None:
    times.pop(key, None)
    _forget(times, at_ms, span_ms)
    times[key] = at_ms


def take_back(state: RoomState, rule_index: str, group: str, fired_at_ms: int) -> None:
    """The firing at `fired_at_ms` came to nothing; a later one stands."""
    kept = state.rules.get(rule_index)
    if kept is not None:
        _take_back(kept, state, fired_at_ms)
    if group and state.groups.get(group) == fired_at_ms:
        del state.groups[group]
        state.dirty = True


def _take_back(kept: RuleState, state: RoomState, fired_at_ms: int) -> None:
    if kept.fired_at_ms == fired_at_ms:
        kept.fired_at_ms = kept.seen_at = None
        state.dirty = True
    for times in (kept.users, kept.asked):
        for key in [key for key, at in times.items() if at == fired_at_ms]:
            del times[key]
            state.dirty = True


def _forget(times: dict[str, int], at_ms: int, span_ms: int) -> None:
    """Drop what is too old to matter; the oldest stand first."""
    while times:
        oldest = next(iter(times))
        if at_ms - times[oldest] < span_ms:
            return
        del times[oldest]
