"""What a hit does: held back or not, which reply, which layer, and what the state keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from livecue.domain import Cue, CueKind, LiveEvent
from livecue.engine.fields import reader, text_of
from livecue.engine.program import Plan
from livecue.engine.rules import ReplyOrder
from livecue.engine.state import MAX_USERS, RoomState, RuleState

ANONYMOUS = frozenset({"", "0", "111111"})
"""Viewers without an identity, as the platforms write them: they are not one and the same person."""

_user_id = reader("userId")
_content = reader("content")


def suppressed(plan: Plan, state: RoomState, event: LiveEvent) -> bool:
    """Whether time_window or per_user_cooldown_s holds the rule back at `event.at_ms`."""
    kept = state.rules.get(plan.rule.rule_index)
    if kept is None:
        return False
    fired_at = kept.fired_at_ms
    if plan.window_ms < 0 and fired_at is not None:
        return True
    if fired_at is not None and event.at_ms - fired_at < plan.window_ms:
        return True
    served = kept.users.get(_user(event)) if plan.cooldown_ms else None
    return served is not None and event.at_ms - served < plan.cooldown_ms


def fire(plan: Plan, state: RoomState, event: LiveEvent, default_max_age_ms: int) -> list[Cue]:
    """The cues of a rule that may fire, the spoken one first; the state keeps that it fired."""
    index = plan.rule.rule_index
    if plan.window_ms:
        state.rule(index).fired_at_ms = event.at_ms
    if plan.cooldown_ms:
        _serve(state.rule(index), _user(event), event.at_ms, plan.cooldown_ms)
    cue_id = f"{event.id}:{index}"
    layer = _layer(plan, event)
    if plan.layer_only:
        return [_cue(plan, state, event, default_max_age_ms, cue_id, CueKind.SHOW_LAYER, layer=layer)]
    cues: list[Cue] = []
    if plan.texts:
        text = _choose(plan, state, event, plan.texts)
        cues.append(_cue(plan, state, event, default_max_age_ms, cue_id, CueKind.SPEAK, text=text))
    elif plan.audios:
        url = _choose(plan, state, event, plan.audios)
        cues.append(_cue(plan, state, event, default_max_age_ms, cue_id, CueKind.PLAY_AUDIO, audio_url=url))
    if layer:
        beside = f"{cue_id}:layer"
        cues.append(_cue(plan, state, event, default_max_age_ms, beside, CueKind.SHOW_LAYER, layer=layer))
    return cues


def _cue(
    plan: Plan,
    state: RoomState,
    event: LiveEvent,
    default_max_age_ms: int,
    cue_id: str,
    kind: CueKind,
    *,
    text: str = "",
    audio_url: str = "",
    layer: Mapping[str, Any] | None = None,
) -> Cue:
    rule = plan.rule
    max_age_ms = default_max_age_ms if plan.max_age_ms is None else plan.max_age_ms
    return Cue(
        id=cue_id,
        room=event.room,
        job_id=state.job_id,
        rule_index=rule.rule_index,
        kind=kind,
        at_ms=event.at_ms,
        expires_ms=event.at_ms + max_age_ms,
        text=text,
        audio_url=audio_url,
        layer=layer,
        play_type=rule.trigger.play_type.value,
        play_role=rule.trigger.reply_role.value,
        priority=rule.hit_condition.priority,
        rule_name=rule.rule_name,
    )


def _choose(plan: Plan, state: RoomState, event: LiveEvent, replies: tuple[str, ...]) -> str:
    """ORDER goes on where it stopped; RANDOM is a hash of the event, so that a replay speaks the same."""
    if len(replies) == 1:
        return replies[0]
    if plan.rule.trigger.reply_order is ReplyOrder.ORDER:
        kept = state.rule(plan.rule.rule_index)
        at = kept.next % len(replies)
        kept.next = at + 1
        return replies[at]
    seed = f"{event.room}\0{plan.rule.rule_index}\0{event.id}".encode("utf-8", "backslashreplace")
    return replies[int.from_bytes(blake2b(seed, digest_size=8).digest(), "big") % len(replies)]


def _user(event: LiveEvent) -> str:
    return text_of(_user_id(event.content)) or ""


def _serve(kept: RuleState, user: str, at_ms: int, cooldown_ms: int) -> None:
    if user in ANONYMOUS:
        return
    kept.users.pop(user, None)
    for old in [old for old, at in kept.users.items() if at_ms - at >= cooldown_ms]:
        del kept.users[old]
    while len(kept.users) >= MAX_USERS:
        del kept.users[next(iter(kept.users))]
    kept.users[user] = at_ms


def _layer(plan: Plan, event: LiveEvent) -> dict[str, Any]:
    """The SHOW_LAYER parameters. LiveGuideRuleInfo is not published; these are the rule's own names."""
    trigger = plan.rule.trigger
    parts = {"layer_config": trigger.layer_config, "extra_layer_config": trigger.extra_layer_config}
    return {name: _filled(part, event) for name, part in parts.items() if part}


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
