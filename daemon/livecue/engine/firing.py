"""A rule that hit, settled: held back, or its reply chosen, its layer filled, its question asked.

Texts are chosen among those whose variables the event fills: ORDER goes on where it stopped, RANDOM
is drawn by a hash of the event, and either passes over what cannot be filled. If no text can be, the
audios take their place; if there are none either, a rule that speaks for itself is held back, and
one that asks goes without a text of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

import msgspec

from livecue.domain import Ask, AskKind, Cue, CueKind, LiveEvent, Merge
from livecue.engine.ages import Ages
from livecue.engine.fields import reader, text_of
from livecue.engine.holding import Held, held, remember
from livecue.engine.limits import Limits
from livecue.engine.program import Plan
from livecue.engine.speech import AUDIO_SECONDS, spoken_seconds
from livecue.engine.state import RoomState

_content = reader("content")


class Outcome(msgspec.Struct):
    """What the rules that hit came to, so far. `held` are those held back, with the reason,
    `pending` those that wait for the end of a combo, `late` those whose patterns took too long.
    """

    ages: Ages
    limits: Limits
    cues: list[Cue] = []
    asks: list[Ask] = []
    held: list[tuple[str, Held]] = []
    pending: list[str] = []
    late: list[str] = []


class Reply(msgspec.Struct, frozen=True):
    """`texts` in the order of choice, the chosen one first; `next`: what ORDER takes next."""

    texts: tuple[str, ...] = ()
    audio_url: str = ""
    next: int | None = None


_NO_REPLY = Reply()


def settle(
    plan: Plan, state: RoomState, event: LiveEvent, figures: Mapping[str, str], outcome: Outcome
) -> None:
    """Hold the rule back or let it fire; the state keeps that it fired."""
    act = plan.act
    index = act.rule_index
    reason = held(plan, state, event)
    reply = _NO_REPLY if reason or plan.layer_only else _reply(plan, state, event, figures)
    if reason is None and not (reply.texts or reply.audio_url or act.silent or act.ask):
        reason = Held.TEXTS
    if reason is not None:
        outcome.held.append((index, reason))
        return
    remember(plan, state, event, outcome.limits)
    if reply.next is not None:
        state.rule(index).next = reply.next
    cue_id = f"{event.id}:{index}"
    layer = {name: _filled(part, event) for name, part in act.layers} if act.layers else {}
    if plan.layer_only:
        outcome.cues.append(_cue(plan, state, event, outcome, cue_id, CueKind.SHOW_LAYER, layer=layer))
        return
    if not act.silent:
        outcome.cues.extend(_spoken(plan, state, event, outcome, cue_id, reply, figures))
    if layer:
        beside = f"{cue_id}:layer"
        outcome.cues.append(_cue(plan, state, event, outcome, beside, CueKind.SHOW_LAYER, layer=layer))
    if act.ask is not None:
        outcome.asks.append(_ask(plan, state, event, outcome, act.ask, reply))


def _spoken(
    plan: Plan,
    state: RoomState,
    event: LiveEvent,
    outcome: Outcome,
    cue_id: str,
    reply: Reply,
    figures: Mapping[str, str],
) -> list[Cue]:
    if reply.texts:
        act, text = plan.act, reply.texts[0]
        seconds = act.seconds.get(text)
        cue = _cue(
            plan,
            state,
            event,
            outcome,
            cue_id,
            CueKind.SPEAK,
            text=text,
            seconds=spoken_seconds(text) if seconds is None else seconds,
            other_text=reply.texts[1] if len(reply.texts) > 1 else "",
            merge=act.merger.merge(event.content, figures) if act.merger else None,
        )
        return [cue]
    if reply.audio_url:
        url = reply.audio_url
        kind = CueKind.PLAY_AUDIO
        return [_cue(plan, state, event, outcome, cue_id, kind, audio_url=url, seconds=AUDIO_SECONDS)]
    return []


def _cue(
    plan: Plan,
    state: RoomState,
    event: LiveEvent,
    outcome: Outcome,
    cue_id: str,
    kind: CueKind,
    *,
    text: str = "",
    audio_url: str = "",
    layer: Mapping[str, Any] | None = None,
    seconds: float = 0,
    other_text: str = "",
    merge: Merge | None = None,
) -> Cue:
    act = plan.act
    return Cue(
        id=cue_id,
        room=event.room,
        job_id=state.job_id,
        rule_index=act.rule_index,
        kind=kind,
        at_ms=event.at_ms,
        expires_ms=_expires_ms(plan, event, outcome),
        text=text,
        audio_url=audio_url,
        layer=layer,
        play_type=act.play_type,
        play_role=act.play_role,
        priority=act.priority,
        rule_name=act.rule_name,
        event_type=event.type,
        seconds=seconds,
        scenes=act.scenes,
        other_text=other_text,
        merge=merge,
        review_config=act.review_config,
        limited=act.limited and (kind is not CueKind.SHOW_LAYER or plan.layer_only),
    )


def _ask(
    plan: Plan, state: RoomState, event: LiveEvent, outcome: Outcome, kind: AskKind, reply: Reply
) -> Ask:
    rule = plan.rule
    return Ask(
        id=f"{event.id}:{rule.rule_index}:ask",
        room=event.room,
        job_id=state.job_id,
        rule_index=rule.rule_index,
        kind=kind,
        event_id=event.id,
        event_type=event.type,
        content=event.content,
        at_ms=event.at_ms,
        expires_ms=_expires_ms(plan, event, outcome),
        texts=reply.texts,
        speaks=plan.act.answer_spoken,
        scene=state.scene,
        rule_name=rule.rule_name,
        url=rule.livecue.callback_url if kind is AskKind.CALLBACK else "",
    )


def _expires_ms(plan: Plan, event: LiveEvent, outcome: Outcome) -> int:
    own = plan.act.max_age_ms
    return event.at_ms + (outcome.ages.of(event.type) if own is None else own)


def _reply(plan: Plan, state: RoomState, event: LiveEvent, figures: Mapping[str, str]) -> Reply:
    if plan.act.plain:
        return Reply((plan.act.plain,))
    texts = [text.fill(event.content, figures) for text in plan.act.texts]
    if any(text is not None for text in texts):
        start = _start(plan, state, event, len(texts))
        turns = [(at, texts[at]) for at in _round(start, len(texts)) if texts[at] is not None]
        return Reply(tuple(text for _, text in turns if text is not None), "", _next(plan, turns[0][0]))
    audios = () if plan.act.silent else plan.act.audios
    if not audios:
        return _NO_REPLY
    start = _start(plan, state, event, len(audios))
    return Reply((), audios[start], _next(plan, start))


def _round(start: int, length: int) -> list[int]:
    return [(start + step) % length for step in range(length)]


def _start(plan: Plan, state: RoomState, event: LiveEvent, length: int) -> int:
    """ORDER goes on where it stopped; RANDOM is a hash of the event, so that a replay speaks the same."""
    if length == 1:
        return 0
    index = plan.act.rule_index
    if plan.act.in_order:
        kept = state.rules.get(index)
        return kept.next % length if kept else 0
    seed = f"{event.room}\0{index}\0{event.id}".encode("utf-8", "backslashreplace")
    return int.from_bytes(blake2b(seed, digest_size=8).digest(), "big") % length


def _next(plan: Plan, taken: int) -> int | None:
    """What is stored of a choice; a single reply needs no memory."""
    replies = max(len(plan.act.texts), len(plan.act.audios))
    return taken + 1 if replies > 1 and plan.act.in_order else None


def _filled(layer: Mapping[str, Any], event: LiveEvent) -> dict[str, Any]:
    """`layer` with its DYNAMIC text (the default, S4 6.1.6) replaced by what the viewer wrote.

    It is STATIC from then on. An event without text leaves the layer as it is.
    """
    filled = dict(layer)
    config = layer.get("text_config")
    said = text_of(_content(event.content))
    if said and isinstance(config, Mapping) and config.get("text_type", "DYNAMIC") == "DYNAMIC":
        filled["text_config"] = {**config, "text_type": "STATIC", "text_context": said}
    return filled
