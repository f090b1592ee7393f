"""Facts about a room's live: its job, its scene, what came of its cues and questions, the time.

A switch of the script is also an event of type 10, decided once for each that is told (repetitions
are taken out before they get here). Its content is `{"content": text, "scene", "title"}`, the text
being what the room's script has for that segment; without one the text is missing, and rules on
scene or title still hit.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from livecue.domain import AskKind, Cue, CueKind, EventType, LiveEvent, Signal, SignalKind
from livecue.engine.ages import DEFAULT_AGES, Ages
from livecue.engine.engine import NOTHING, Decision, handle, tick
from livecue.engine.holding import take_back
from livecue.engine.limits import DEFAULT_LIMITS, Limits
from livecue.engine.markup import cleaned_text, said_as
from livecue.engine.program import Plan, Program
from livecue.engine.speech import spoken_seconds, too_long
from livecue.engine.state import RoomState

Script = Mapping[tuple[str, str], str]
"""The text of each segment, by scene and sequence number (as text), or by scene and title."""

NO_SCRIPT: Script = {}


def signal(
    program: Program,
    state: RoomState,
    signal: Signal,
    *,
    script: Script = NO_SCRIPT,
    ages: Ages = DEFAULT_AGES,
    limits: Limits = DEFAULT_LIMITS,
) -> Decision:
    """Take note of a fact about the room's live, and decide what follows.

    Whatever the signal, combos that ran out before it are answered first: a TICK is no more than that.
    """
    first = tick(program, state, signal.at_ms, ages=ages, limits=limits)
    data = signal.data
    job_id = _text(data, "job_id")
    then = NOTHING
    if signal.kind == SignalKind.SCRIPT_SWITCH:
        if _switch(state, job_id, _text(data, "scene")) and EventType.SCRIPT in program.by_type:
            spoken = _segment(signal, script)
            then = handle(program, state, spoken, ages=ages, limits=limits)
    elif signal.kind == SignalKind.JOB_STARTED:
        _started(state, job_id)
    elif signal.kind == SignalKind.JOB_ENDED:
        if job_id and job_id == state.job_id:
            state.end()
    elif signal.kind == SignalKind.CUE_RETURNED and job_id in {"", state.live_id}:
        _give_back(program, state, data)
    elif signal.kind == SignalKind.ANSWERED:
        then = _answered(program, state, signal, job_id)
    return _joined(first, then)


def _started(state: RoomState, job_id: str) -> None:
    if job_id and job_id != state.live_id:
        state.begin(job_id)
    elif job_id and job_id != state.job_id:
        state.job_id, state.dirty = job_id, True


def _switch(state: RoomState, job_id: str, scene: str) -> bool:
    """A switch of another job than the one that is on is late news; before a job is known it is kept
    for the job it names. Whether it was news at all.
    """
    if state.job_id and job_id and job_id != state.job_id:
        return False
    if (scene, job_id) != (state.scene, state.scene_job_id):
        state.scene, state.scene_job_id, state.dirty = scene, job_id, True
    return True


def _segment(signal: Signal, script: Script) -> LiveEvent:
    """The segment that is now being spoken, as an event."""
    scene, title = _text(signal.data, "scene"), _text(signal.data, "title")
    number = signal.data.get("sequence_no")
    key = str(number) if isinstance(number, str) or type(number) is int else ""
    text = script.get((scene, key)) if key else None
    if text is None:
        text = script.get((scene, title))
    content = {"scene": scene, "title": title} | ({} if text is None else {"content": text})
    at_ms, event_id = signal.at_ms, f"script-{signal.id}"
    return LiveEvent(signal.room, event_id, at_ms, at_ms, EventType.SCRIPT, content, "")


def _give_back(program: Program, state: RoomState, data: Mapping[str, Any]) -> None:
    """The cue was never spoken: its rule may fire again, unless it has fired anew since. The layer
    beside a spoken reply has no window of its own.
    """
    index, fired_at = _text(data, "rule_index"), data.get("fired_at_ms")
    if type(fired_at) is int and not _text(data, "cue_id").endswith(f":{index}:layer"):
        plan = program.plans.get(index)
        take_back(state, index, plan.act.group if plan else "", fired_at)


def _answered(program: Program, state: RoomState, signal: Signal, job_id: str) -> Decision:
    """Speak the answer, unless it is too late, too long or for another live: then the firing is taken
    back, if there was nothing else to it. It is never cut: half an answer may say the opposite.
    """
    data, plan = signal.data, program.plans.get(_text(signal.data, "rule_index"))
    at_ms, expires_ms, event_id = data.get("at_ms"), data.get("expires_ms"), _text(data, "event_id")
    if plan is None or plan.act.ask is None or job_id != state.job_id:
        return NOTHING
    if type(at_ms) is not int or type(expires_ms) is not int or not plan.act.answer_spoken:
        return NOTHING
    text = _text(data, "text").strip()
    if plan.act.ask is AskKind.CHAT and data.get("fallback") is not True:
        text = cleaned_text(text)
    said = said_as(text)
    if said and expires_ms > signal.at_ms and not too_long(said):
        return Decision(cues=(_answer(plan, state, signal.room, event_id, said, at_ms, expires_ms),))
    if plan.act.silent and (text or plan.act.ask is AskKind.CHAT):
        take_back(state, plan.rule.rule_index, plan.act.group, at_ms)
    return NOTHING


def _answer(
    plan: Plan, state: RoomState, room: str, event_id: str, text: str, at_ms: int, expires_ms: int
) -> Cue:
    rule = plan.rule
    return Cue(
        id=f"{event_id}:{rule.rule_index}:answer",
        room=room,
        job_id=state.job_id,
        rule_index=rule.rule_index,
        kind=CueKind.SPEAK,
        at_ms=at_ms,
        expires_ms=expires_ms,
        text=text,
        play_type=rule.trigger.play_type.value,
        play_role=rule.trigger.reply_role.value,
        priority=rule.hit_condition.priority,
        rule_name=rule.rule_name,
        event_type=rule.event_type,
        seconds=spoken_seconds(text),
        scenes=plan.act.scenes,
        review_config=plan.act.review_config,
        limited=plan.act.limited,
    )


def _joined(first: Decision, then: Decision) -> Decision:
    if first is NOTHING or then is NOTHING:
        return then if first is NOTHING else first
    return msgspec.structs.replace(
        then,
        cues=first.cues + then.cues,
        asks=first.asks + then.asks,
        suppressed=first.suppressed + then.suppressed,
        held=first.held + then.held,
        evicted=first.evicted + then.evicted,
    )


def _text(data: Mapping[str, Any], key: str) -> str:
    value = data.get(key)
    return value if isinstance(value, str) else ""
