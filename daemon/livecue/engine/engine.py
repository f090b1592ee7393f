"""The decision: one event and the room's state in, cues out. The meaning of a rule is the design's.

A function of its arguments alone: the only time is the event's `at_ms`, the only chance a hash of
the event. No data makes it raise. Whether an event is too old to answer is the caller's business.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from livecue.domain import Ask, Cue, LiveEvent
from livecue.engine.ages import DEFAULT_AGES, Ages
from livecue.engine.combos import as_event, gathered, take_due
from livecue.engine.combos import figures as combo_figures
from livecue.engine.conditions import Facts
from livecue.engine.finding import hits, quarantined
from livecue.engine.firing import Outcome, settle
from livecue.engine.holding import heard
from livecue.engine.limits import DEFAULT_LIMITS, Limits
from livecue.engine.program import Plan, Program
from livecue.engine.state import RoomState


class Decision(msgspec.Struct, frozen=True):
    """What follows from one event or signal.

    `cues`: to be sent, the spoken one first. `matched`: a rule used the event up (it answered, or
    its window suppressed the answer), so an event that is not matched is left to the cloud's own
    rules. `hit_rule`: the rule_index of that rule. `suppressed`: the rules that hit but were held
    back, and `held`, beside each, the key of the rule that did. `odd`: how many fields that a rule
    reads as numbers were missing or none. `asks`: to be asked outside; an answer comes back as a
    signal ANSWERED. `pending`: the rules whose open combo took this event in. `evicted`: how much the
    limits made the state forget. `timeouts`: the rules whose
    patterns took too long on this event, so that they did not hit; `quarantined`: those of them that
    are not tried again in this live.
    """

    cues: tuple[Cue, ...] = ()
    matched: bool = False
    hit_rule: str = ""
    suppressed: tuple[str, ...] = ()
    odd: int = 0
    asks: tuple[Ask, ...] = ()
    held: tuple[str, ...] = ()
    pending: tuple[str, ...] = ()
    evicted: int = 0
    timeouts: tuple[str, ...] = ()
    quarantined: tuple[str, ...] = ()


NOTHING = Decision()


def handle(
    program: Program,
    state: RoomState,
    event: LiveEvent,
    *,
    ages: Ages = DEFAULT_AGES,
    limits: Limits = DEFAULT_LIMITS,
) -> Decision:
    """Decide one event and change `state` accordingly.

    At most one rule speaks: the first by (priority, position) that hits, else the first RESERVED one.
    SHOW_LAYER rules ("only the layer, the speech is not affected", S4) show theirs besides, and
    whether the fallback speaks does not depend on them. A rule with `enabled_scenes` hits in those
    alone, so not before the first SCRIPT_SWITCH has told the scene. Combos that ran out before the
    event are answered first.
    """
    outcome = None
    if state.combos:
        outcome = Outcome(ages, limits)
        _close_due(program, state, event.at_ms, outcome)
    typed = program.by_type.get(event.type)
    if typed is None:
        return NOTHING if outcome is None else _decision(state, outcome)
    if typed.counted:
        state.seen[event.type] = state.seen.get(event.type, 0) + 1
        state.dirty = True
    facts, odd = typed.facts(event, state, limits)
    keys = typed.index.keys(facts)
    if not keys and not typed.fallbacks and outcome is None and not state.evicted:  # by far the most
        return Decision(odd=odd) if odd else NOTHING
    outcome = outcome or Outcome(ages, limits)
    found = hits(typed.plans, keys, facts, state, outcome.late)
    answer, layers = _pick(found, state, event, limits, to_the_end=typed.has_layers)
    if answer is None and typed.fallbacks:
        found = hits(typed.fallbacks, range(0, 2 * len(typed.fallbacks), 2), facts, state, outcome.late)
        answer, more = _pick(found, state, event, limits, to_the_end=True)
        layers += more
    _decide(state, event, facts, layers if answer is None else [answer, *layers], outcome)
    return _decision(state, outcome, "" if answer is None else answer.act.rule_index, odd)


def tick(
    program: Program,
    state: RoomState,
    now_ms: int,
    *,
    ages: Ages = DEFAULT_AGES,
    limits: Limits = DEFAULT_LIMITS,
) -> Decision:
    """Let the time be `now_ms`: answer the combos that have run out. See `next_due_ms`."""
    if not state.combos:
        return NOTHING
    outcome = Outcome(ages, limits)
    _close_due(program, state, now_ms, outcome)
    return _decision(state, outcome)


def _pick(
    found: Iterator[Plan], state: RoomState, event: LiveEvent, limits: Limits, *, to_the_end: bool
) -> tuple[Plan | None, list[Plan]]:
    """The first that speaks, and all that show a layer. A rule that too few viewers met has not hit."""
    answer: Plan | None = None
    layers: list[Plan] = []
    for plan in found:
        if plan.layer_only:
            if heard(plan, state, event, limits):
                layers.append(plan)
        elif answer is None and heard(plan, state, event, limits):
            answer = plan
            if not to_the_end:
                break
    return answer, layers


def _decide(state: RoomState, event: LiveEvent, facts: Facts, plans: list[Plan], outcome: Outcome) -> None:
    """Settle the rules that hit, in order; a gift of an open combo is kept for the combo's end."""
    for plan in plans:
        figures = {} if plan.total is None else {"total": plan.total.figure(facts)}
        if plan.act.combo is not None:
            total = figures.get("total", "")
            combo = gathered(plan, plan.act.combo, state, event, total, outcome.limits)
            if combo is None:
                outcome.pending.append(plan.rule.rule_index)
                continue
            figures = combo_figures(combo)
        settle(plan, state, event, figures, outcome)


def _close_due(program: Program, state: RoomState, now_ms: int, outcome: Outcome) -> None:
    """Answer the combos that have run out, each as of that moment. A rule that is gone answers none."""
    for combo in take_due(state, now_ms):
        plan = program.plans.get(combo.rule_index)
        if plan is not None and plan.act.combo is not None:
            settle(plan, state, as_event(combo, plan.rule.event_type), combo_figures(combo), outcome)


def _decision(state: RoomState, outcome: Outcome, hit_rule: str = "", odd: int = 0) -> Decision:
    evicted, state.evicted = state.evicted, 0
    quiet = not (outcome.cues or outcome.asks or outcome.held or outcome.pending or outcome.late)
    if quiet and not (hit_rule or odd or evicted):
        return NOTHING
    held = outcome.held
    return Decision(
        cues=tuple(outcome.cues),
        matched=bool(hit_rule),
        hit_rule=hit_rule,
        suppressed=tuple([index for index, _ in held]) if held else (),
        odd=odd,
        asks=tuple(outcome.asks),
        held=tuple([reason.value for _, reason in held]) if held else (),
        pending=tuple(outcome.pending),
        evicted=evicted,
        timeouts=tuple(outcome.late),
        quarantined=quarantined(outcome.late, state) if outcome.late else (),
    )
