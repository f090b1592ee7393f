from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.domain import CloudError, Meaning
from livecue.metastudio import GiveUp, GiveUpReason, Operation, RetryAt, next_try

NOW = 1_795_000_000_000
FAR = NOW + 10**9
OPERATIONS = st.sampled_from(list(Operation))
JITTER = st.floats(0, 1, exclude_max=True)
FINAL = [
    Meaning.INVALID,
    Meaning.TEXT_REFUSED,
    Meaning.NO_VOICE,
    Meaning.QUOTA,
    Meaning.REPORT_KEY_WRONG,
    Meaning.UNAUTHENTICATED,
    Meaning.FORBIDDEN,
    Meaning.NOT_FOUND,
]


def failed(meaning: Meaning, retry_after_s: float | None = None) -> CloudError:
    return CloudError("x", meaning=meaning, retry_after_s=retry_after_s)


def wait_ms(decision: RetryAt | GiveUp) -> int:
    assert isinstance(decision, RetryAt)
    return decision.at_ms - NOW


@given(
    st.sampled_from(list(Meaning)),
    st.none() | st.floats(0, 10_000),
    st.integers(1, 1000),
    st.integers(-1000, 10**7),
    JITTER,
    OPERATIONS,
)
def test_a_retry_lies_between_now_and_the_deadline(
    meaning: Meaning, after: float | None, attempt: int, left_ms: int, jitter: float, operation: Operation
) -> None:
    decision = next_try(failed(meaning, after), attempt, NOW, NOW + left_ms, jitter, operation)
    if isinstance(decision, RetryAt):
        assert NOW + 500 <= decision.at_ms < NOW + left_ms
        assert decision.at_ms >= NOW + min(after or 0, 300) * 1000 - 1


@given(st.integers(1, 50), JITTER, OPERATIONS)
def test_throttling_never_waits_less_than_its_floor(
    attempt: int, jitter: float, operation: Operation
) -> None:
    assert wait_ms(next_try(failed(Meaning.SLOW_DOWN), attempt, NOW, FAR, jitter, operation)) >= 1000


@given(st.floats(0, 300), JITTER)
def test_retry_after_is_a_floor(after: float, jitter: float) -> None:
    decision = next_try(failed(Meaning.SLOW_DOWN, after), 1, NOW, FAR, jitter, Operation.COMMAND)
    assert wait_ms(decision) >= round(after * 1000)


@given(st.sampled_from([Meaning.SLOW_DOWN, Meaning.UNAVAILABLE]), st.integers(1, 60), OPERATIONS)
def test_waits_grow_and_end_at_a_ceiling(meaning: Meaning, attempt: int, operation: Operation) -> None:
    this = wait_ms(next_try(failed(meaning), attempt, NOW, FAR, 0, operation))
    later = wait_ms(next_try(failed(meaning), attempt + 1, NOW, FAR, 0, operation))
    assert this <= later <= 30_000
    assert wait_ms(next_try(failed(meaning), attempt, NOW, FAR, 0.999, operation)) > this


@given(st.sampled_from([Operation.COMMAND, Operation.REPORT]), st.integers(1, 9), JITTER)
def test_what_may_be_on_air_already_is_never_repeated(
    operation: Operation, attempt: int, jitter: float
) -> None:
    decision = next_try(failed(Meaning.OUTCOME_UNKNOWN), attempt, NOW, FAR, jitter, operation)
    assert decision == GiveUp(GiveUpReason.OUTCOME_UNKNOWN)


def test_a_stop_of_unknown_outcome_is_sent_again() -> None:
    decision = next_try(failed(Meaning.OUTCOME_UNKNOWN), 1, NOW, FAR, 0, Operation.STOP)
    assert decision == RetryAt(NOW + 500)


def test_a_start_of_unknown_outcome_is_looked_up_first() -> None:
    decision = next_try(failed(Meaning.OUTCOME_UNKNOWN), 1, NOW, FAR, 0, Operation.START)
    assert decision == RetryAt(NOW + 500, look_first=True)


@pytest.mark.parametrize("meaning", FINAL)
@given(operation=OPERATIONS)
def test_a_final_refusal_is_not_repeated_whatever_its_http_status(
    meaning: Meaning, operation: Operation
) -> None:
    assert next_try(failed(meaning), 1, NOW, FAR, 0, operation) == GiveUp(GiveUpReason.REFUSED)


def test_the_reason_says_when_a_job_is_over_or_already_running() -> None:
    over = next_try(failed(Meaning.JOB_OVER), 1, NOW, FAR, 0, Operation.COMMAND)
    running = next_try(failed(Meaning.ALREADY_RUNNING), 1, NOW, FAR, 0, Operation.START)
    assert over == GiveUp(GiveUpReason.JOB_OVER)
    assert running == GiveUp(GiveUpReason.ALREADY_RUNNING)


def test_only_a_start_waits_for_resources() -> None:
    assert wait_ms(next_try(failed(Meaning.NO_RESOURCE), 1, NOW, FAR, 0, Operation.START)) == 5000
    refused = next_try(failed(Meaning.NO_RESOURCE), 1, NOW, FAR, 0, Operation.COMMAND)
    assert refused == GiveUp(GiveUpReason.REFUSED)


def test_a_job_that_is_not_running_yet_is_shown_before_the_next_try() -> None:
    decision = next_try(failed(Meaning.NOT_RUNNING), 1, NOW, FAR, 0, Operation.COMMAND)
    assert decision == RetryAt(NOW + 500, look_first=True)


@pytest.mark.parametrize("meaning", [Meaning.REPORT_URL_DEAD, Meaning.REPORT_URL_STALE])
def test_a_report_gets_one_new_url_and_no_more(meaning: Meaning) -> None:
    first = next_try(failed(meaning), 1, NOW, FAR, 0, Operation.REPORT)
    assert first == RetryAt(NOW + 500, look_first=True)
    assert next_try(failed(meaning), 2, NOW, FAR, 0, Operation.REPORT) == GiveUp(GiveUpReason.REFUSED)


def test_a_retry_that_would_come_too_late_is_given_up() -> None:
    decision = next_try(failed(Meaning.UNAVAILABLE), 1, NOW, NOW + 500, 0, Operation.COMMAND)
    assert decision == GiveUp(GiveUpReason.DEADLINE)
