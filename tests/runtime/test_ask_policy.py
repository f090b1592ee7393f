from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.domain import Ask
from livecue.runtime import ask_policy as policy
from livecue.runtime.ask_ports import LASTS_MS, AskError, Unanswered
from livecue.runtime.ports import Outcome
from runtime.asks import AT_MS, callback, chat

FINAL = {
    Unanswered.GONE,
    Unanswered.UNREADABLE,
    Unanswered.NOT_SET_UP,
    Unanswered.CROWDED,
    Unanswered.LATE,
}
reasons = st.sampled_from(Unanswered)
asks = st.builds(
    lambda make, life: make(expires_ms=AT_MS + life),
    st.sampled_from([callback, chat]),
    st.integers(0, 90_000),
)


def schedule(ask: Ask, jitter: float = 0) -> list[int]:
    """When attempts are made if every one fails at once, in s after the event."""
    now, attempt, made = AT_MS, 0, []
    while True:
        made.append((now - AT_MS) // 1000)
        attempt += 1
        due = policy.next_try(ask, AskError(Unanswered.REFUSED), attempt, now, jitter)
        if due is None:
            return made
        now = due


def test_a_shop_that_is_down_is_asked_at_once_and_then_ever_more_rarely() -> None:
    assert schedule(callback()) == [0, 5, 35, 155, 455]
    assert schedule(callback(), 1.0) == [0, 5, 38, 170, 500]


def test_a_model_is_asked_once() -> None:
    assert schedule(chat()) == [0]


@given(
    asks, reasons, st.integers(1, 9), st.integers(0, 700_000), st.floats(0, 1), st.none() | st.floats(0, 1e5)
)
def test_an_attempt_is_never_early_never_pointless_and_never_sooner_than_told(
    ask: Ask, why: Unanswered, attempt: int, age_ms: int, jitter: float, told_s: float | None
) -> None:
    now = AT_MS + age_ms
    due = policy.next_try(ask, AskError(why, retry_after_s=told_s), attempt, now, jitter)
    if why in FINAL or ask.kind == "chat":
        assert due is None
    if due is None:  # most are too old; a health check of `assume` would mind
        return
    assert due - now >= 5_000
    assert due - now >= int((told_s or 0) * 1000)
    assert due < policy.asked_until(ask)


@given(asks, st.integers(-1_000, 700_000))
def test_no_attempt_lasts_beyond_what_the_outbox_keeps(ask: Ask, age_ms: int) -> None:
    now = AT_MS + age_ms
    left_ms = policy.within_s(ask, now) * 1000
    assert left_ms >= 0
    assert now + left_ms <= max(now, AT_MS + LASTS_MS[ask.kind] + 1)
    if ask.kind == "chat" and left_ms:
        assert now + left_ms < ask.expires_ms, "there is time left to speak"


@given(asks, reasons)
def test_every_end_is_one_of_an_ask(ask: Ask, why: Unanswered) -> None:
    end = policy.end_of(ask, why)
    assert end not in {Outcome.SENT, Outcome.SENDING, Outcome.ASKING, Outcome.ANSWERED, Outcome.FINISHED}
    if ask.kind == "chat":
        assert end in policy.UNSPOKEN


@pytest.mark.parametrize(
    ("why", "end"),
    [
        (Unanswered.GONE, Outcome.GONE),
        (Unanswered.UNREADABLE, Outcome.DELIVERED),
        (Unanswered.NOT_SET_UP, Outcome.REFUSED),
        (Unanswered.CROWDED, Outcome.OVERFLOW),
        (Unanswered.TIMEOUT, Outcome.EXPIRED),
        (Unanswered.LATE, Outcome.EXPIRED),
    ],
)
def test_how_a_callback_ends(why: Unanswered, end: Outcome) -> None:
    assert policy.end_of(callback(), why) is end


@given(st.lists(st.text(min_size=1), max_size=5), st.text())
def test_the_fallback_is_one_of_the_rules_texts_and_always_the_same(texts: list[str], ask_id: str) -> None:
    ask = chat(id=ask_id, texts=tuple(texts))
    assert policy.fallback_of(ask) in (texts or [""])
    assert policy.fallback_of(ask) == policy.fallback_of(ask)


def test_a_callback_has_no_fallback_and_different_asks_draw_differently() -> None:
    assert not policy.fallback_of(callback(texts=("a",)))
    drawn = {policy.fallback_of(chat(id=str(n), texts=("a", "b", "c"))) for n in range(50)}
    assert drawn == {"a", "b", "c"}


def test_an_answer_is_spoken_only_while_it_is_fresh_and_wanted() -> None:
    ask = callback()
    assert policy.speakable(ask, ask.expires_ms - 1)
    assert not policy.speakable(ask, ask.expires_ms)
    assert not policy.speakable(callback(speaks=False), AT_MS)
