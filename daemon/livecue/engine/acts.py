"""What a hit of one rule does, compiled from the rule: the half of it that has nothing to do with matching."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from livecue.domain import AskKind
from livecue.engine.fields import Scalar, reader
from livecue.engine.merging import Merger, merger_of
from livecue.engine.rules import Additions, Combo, ReplyMode, ReplyOrder, Rule, Trigger
from livecue.engine.speech import spoken_seconds, too_long
from livecue.engine.template import Template, template_of


@dataclass(slots=True, frozen=True)
class Gathering:
    """The rule's combo: what keeps two apart (None: the viewer), and how long one stays open."""

    by: tuple[Callable[[Mapping[str, Any]], Scalar | None] | None, ...]
    timeout_ms: int


@dataclass(slots=True, frozen=True)
class Act:
    """All durations in milliseconds; 0 is no limit, `window_ms` -1 is once per live.

    The first five are what a cue says of its rule. `limited`: some limit looks at when the rule, or
    its group, last fired. `plain`: the one text that every hit speaks as it stands, empty if there is
    a choice or a variable. `seconds`: how long the texts without variables hold the air. `layers`: by
    the name of their parameter. `ask`: whom a hit asks, None for nobody. `silent`: the rule says
    nothing itself. `answer_spoken`: what comes back is spoken.
    """

    rule_index: str
    rule_name: str
    priority: int
    play_type: str
    play_role: str
    limited: bool
    window_ms: int
    cooldown_ms: int
    group: str
    group_ms: int
    wait: int
    dedup_ms: int
    users: int
    within_ms: int
    max_age_ms: int | None
    combo: Gathering | None
    texts: tuple[Template, ...]
    plain: str
    seconds: Mapping[str, float]
    merger: Merger | None
    scenes: tuple[str, ...]
    review_config: Mapping[str, Any] | None
    audios: tuple[str, ...]
    in_order: bool
    layers: tuple[tuple[str, Mapping[str, Any]], ...]
    ask: AskKind | None
    silent: bool
    answer_spoken: bool


def act_of(rule: Rule, *, can_call: bool) -> Act:
    """What a hit of `rule` does where callbacks can be made, or not."""
    own, trigger, mode = rule.livecue, rule.trigger, rule.trigger.reply_mode
    ask = AskKind.CHAT if mode is ReplyMode.INTELLIGENT_REPLY else None
    if rule.calls(can_call=can_call):
        ask = AskKind.CALLBACK
    silent = mode in {ReplyMode.SHOW_LAYER, ReplyMode.CALLBACK, ReplyMode.INTELLIGENT_REPLY}
    spoken = own.speak_answer
    texts = _texts(rule)
    in_order = trigger.reply_order is ReplyOrder.ORDER
    return Act(
        rule_index=rule.rule_index,
        rule_name=rule.rule_name,
        priority=rule.hit_condition.priority,
        play_type=trigger.play_type.value,
        play_role=trigger.reply_role.value,
        limited=_limited(own, trigger),
        window_ms=max(_ms(trigger.time_window), -1),
        cooldown_ms=_ms(own.per_user_cooldown_s),
        group=own.group,
        group_ms=_ms(own.group_cooldown_s),
        wait=own.wait_messages,
        dedup_ms=_ms(own.dedup_s),
        users=own.distinct_users.users if own.distinct_users else 0,
        within_ms=_ms(own.distinct_users.within_s) if own.distinct_users else 0,
        max_age_ms=None if own.max_age_s is None else _ms(own.max_age_s),
        combo=_gathering(own.combo),
        texts=texts,
        plain="" if in_order else _plain(texts),
        seconds={text.text: spoken_seconds(text.text) for text in texts if not text.variables},
        merger=merger_of(own) if rule.speaks else None,
        scenes=rule.enabled_scenes,
        review_config=rule.review_config or None,
        audios=rule.audios,
        in_order=in_order,
        layers=_layers(trigger),
        ask=ask,
        silent=silent,
        answer_spoken=ask is AskKind.CHAT or (silent if spoken is None else spoken),
    )


def _texts(rule: Rule) -> tuple[Template, ...]:
    """What there is to say: markup that is not well-formed may have held nothing else."""
    texts = (template_of(text, rule.livecue.mask) for text in rule.texts)
    return tuple(text for text in texts if text.text.strip() and not too_long(text.text))


def _limited(own: Additions, trigger: Trigger) -> bool:
    timed = own.per_user_cooldown_s or own.group or own.dedup_s
    return bool(timed or trigger.time_window or own.wait_messages or own.distinct_users)


def _plain(texts: tuple[Template, ...]) -> str:
    return texts[0].text if len(texts) == 1 and not texts[0].variables else ""


def _layers(trigger: Trigger) -> tuple[tuple[str, Mapping[str, Any]], ...]:
    """The SHOW_LAYER parameters. LiveGuideRuleInfo is not published; these are the rule's own names."""
    parts = {"layer_config": trigger.layer_config, "extra_layer_config": trigger.extra_layer_config}
    return tuple((name, part) for name, part in parts.items() if part)


def _gathering(combo: Combo | None) -> Gathering | None:
    if combo is None:
        return None
    by = tuple(None if name == "user" else reader(name) for name in combo.by)
    return Gathering(by, _ms(combo.timeout_s))


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
