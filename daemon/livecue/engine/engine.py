"""The decision: one event and the room's state in, cues out. The meaning of a rule is the design's.

A function of its arguments alone: the only time is the event's `at_ms`, the only chance a hash of
the event. No data makes it raise. Whether an event is too old to answer is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from livecue.domain import Cue, LiveEvent, Signal, SignalKind
from livecue.engine.conditions import Facts
from livecue.engine.firing import fire, suppressed
from livecue.engine.program import Plan, Program
from livecue.engine.state import RoomState


class Decision(msgspec.Struct, frozen=True):
    """What follows from one event or signal.

    `cues`: to be sent, the spoken one first. `matched`: a rule used the event up (it answered, or
    its window suppressed the answer), so an event that is not matched is left to the cloud's own
    rules. `hit_rule`: the rule_index of that rule. `suppressed`: the rules that hit but were held
    back by time_window or per_user_cooldown_s. `odd`: how many fields that a rule reads as numbers
    were missing or none.
    """

    cues: tuple[Cue, ...] = ()
    matched: bool = False
    hit_rule: str = ""
    suppressed: tuple[str, ...] = ()
    odd: int = 0


NOTHING = Decision()


def handle(program: Program, state: RoomState, event: LiveEvent, *, default_max_age_ms: int) -> Decision:
    """Decide one event and change `state` accordingly.

    At most one rule speaks: the first by (priority, position) that hits, else the first RESERVED one.
    SHOW_LAYER rules ("only the layer, the speech is not affected", S4) show theirs besides, and
    whether the fallback speaks does not depend on them. A rule with `enabled_scenes` hits in those
    alone, so not before the first SCRIPT_SWITCH has told the scene.
    """
    typed = program.by_type.get(event.type)
    if typed is None:
        return NOTHING
    facts, odd = typed.facts(event.content, state)
    answer, layers = _pick(_hits(typed.plans, facts, state.scene), to_the_end=typed.has_layers)
    if answer is None and typed.fallbacks:
        answer, more = _pick(_hits(typed.fallbacks, facts, state.scene), to_the_end=True)
        layers += more
    if answer is None and not layers:
        return Decision(odd=odd) if odd else NOTHING
    return _decide(state, event, answer, layers, odd, default_max_age_ms)


def _hits(plans: tuple[Plan, ...], facts: Facts, scene: str) -> Iterator[Plan]:
    """The plans that hit, in order; each is tried only when it is asked for."""
    texts = facts.texts
    for plan in plans:
        search = plan.search
        if search is not None:
            text = texts[plan.field]
            if text is None or not search(text):
                continue
        elif not plan.hit(facts):
            continue
        if not plan.scenes or scene in plan.scenes:
            yield plan


def _pick(hits: Iterator[Plan], *, to_the_end: bool) -> tuple[Plan | None, list[Plan]]:
    """The first that speaks, and all that show a layer."""
    answer: Plan | None = None
    layers: list[Plan] = []
    for plan in hits:
        if plan.layer_only:
            layers.append(plan)
        elif answer is None:
            answer = plan
            if not to_the_end:
                break
    return answer, layers


def _decide(
    state: RoomState, event: LiveEvent, answer: Plan | None, layers: list[Plan], odd: int, max_age_ms: int
) -> Decision:
    cues: list[Cue] = []
    held: list[str] = []
    for plan in layers if answer is None else [answer, *layers]:
        if suppressed(plan, state, event):
            held.append(plan.rule.rule_index)
        else:
            cues.extend(fire(plan, state, event, max_age_ms))
    hit_rule = "" if answer is None else answer.rule.rule_index
    return Decision(tuple(cues), answer is not None, hit_rule, tuple(held), odd)


def signal(program: Program, state: RoomState, signal: Signal) -> Decision:  # noqa: ARG001
    """Take note of a fact about the room's live; no signal makes a cue yet."""
    data = signal.data
    job_id = _text(data, "job_id")
    if signal.kind == SignalKind.SCRIPT_SWITCH:
        _switch(state, job_id, _text(data, "scene"))
    elif signal.kind == SignalKind.JOB_STARTED:
        if job_id and job_id != state.live_id:
            state.begin(job_id)
        elif job_id and job_id != state.job_id:
            state.job_id, state.dirty = job_id, True
    elif signal.kind == SignalKind.JOB_ENDED:
        if job_id and job_id == state.job_id:
            state.end()
    elif signal.kind == SignalKind.CUE_RETURNED and job_id in {"", state.live_id}:
        _give_back(state, data)
    return NOTHING


def _switch(state: RoomState, job_id: str, scene: str) -> None:
    """A switch of another job than the one that is on is late news; before a job is known it is kept
    for the job it names.
    """
    if state.job_id and job_id and job_id != state.job_id:
        return
    if (scene, job_id) != (state.scene, state.scene_job_id):
        state.scene, state.scene_job_id, state.dirty = scene, job_id, True


def _give_back(state: RoomState, data: Mapping[str, Any]) -> None:
    """The cue was never spoken: its rule may fire again, unless it has fired anew since. The layer
    beside a spoken reply has no window of its own.
    """
    index, fired_at = _text(data, "rule_index"), data.get("fired_at_ms")
    kept = state.rules.get(index)
    if kept is None or type(fired_at) is not int or _text(data, "cue_id").endswith(f":{index}:layer"):
        return
    if kept.fired_at_ms == fired_at:
        kept.fired_at_ms, state.dirty = None, True
    for user in [user for user, at in kept.users.items() if at == fired_at]:
        del kept.users[user]
        state.dirty = True


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""
