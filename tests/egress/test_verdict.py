"""What a failed send calls for."""

from __future__ import annotations

import pytest

from livecue.domain import Cue, Meaning, Merge
from livecue.egress.verdict import outcome_of, pause_ms, reworded
from livecue.runtime.ports import Outcome
from runtime.making import cue, refusal


@pytest.mark.parametrize(
    ("meaning", "outcome"),
    [
        (Meaning.SLOW_DOWN, None),
        (Meaning.UNAVAILABLE, None),
        (Meaning.NOT_PUSHED, None),
        (Meaning.NOT_RUNNING, None),
        (Meaning.REPORT_URL_DEAD, None),
        (Meaning.JOB_OVER, Outcome.NO_JOB),
        (Meaning.NOT_FOUND, Outcome.NO_JOB),
        (Meaning.OUTCOME_UNKNOWN, Outcome.UNKNOWN),
        (Meaning.TEXT_REFUSED, Outcome.REFUSED),
        (Meaning.INVALID, Outcome.REFUSED),
        (Meaning.UNAUTHENTICATED, Outcome.REFUSED),
    ],
)
def test_an_answer_means_try_again_or_the_end(meaning: Meaning, outcome: Outcome | None) -> None:
    assert outcome_of(refusal(meaning)) == outcome


def test_a_bare_500_may_have_been_spoken_and_a_503_was_not() -> None:
    assert outcome_of(refusal(Meaning.UNAVAILABLE, status=500)) is Outcome.UNKNOWN
    assert outcome_of(refusal(Meaning.UNAVAILABLE, status=503)) is None


def test_pauses_double_up_to_a_ceiling_and_never_come_near_zero() -> None:
    pauses = [pause_ms(attempt, 0.0) for attempt in range(1, 8)]
    assert pauses == [300, 600, 1200, 2400, 4800, 5000, 5000]
    assert pause_ms(1, 1.0) == 600


def texts(cue: Cue | None) -> tuple[str, str] | None:
    return None if cue is None else (cue.text, cue.other_text)


def test_a_text_that_review_refused_is_said_otherwise_once_and_takes_its_own_time() -> None:
    refused = refusal(Meaning.TEXT_REFUSED)
    other = reworded(cue("c", text="甲", other_text="乙乙"), refused, merged=False)
    assert texts(other) == ("乙乙", "")
    assert other is not None
    assert other.seconds == pytest.approx(0.48)
    assert reworded(other, refused, merged=False) is None


def test_markup_that_was_refused_is_said_as_plain_text_once() -> None:
    refused = refusal(Meaning.MARKUP_REFUSED)
    other = reworded(cue("c", text="<speak>甲<b>乙</speak>"), refused, merged=False)
    assert texts(other) == ("甲乙", "")
    assert other is not None
    assert reworded(other, refused, merged=False) is None


def test_thanks_refused_together_are_said_one_by_one() -> None:
    one = cue("c", text="谢谢坏人", merge=Merge("谢谢{names}", "坏人"), other_text="谢谢")
    alone = reworded(one, refusal(Meaning.TEXT_REFUSED), merged=True)
    assert alone is not None
    assert (alone.merge, *(texts(alone) or ())) == (None, "谢谢坏人", "谢谢")


def test_no_other_refusal_is_reworded() -> None:
    for meaning in set(Meaning) - {Meaning.TEXT_REFUSED, Meaning.MARKUP_REFUSED}:
        assert reworded(cue("c", other_text="乙"), refusal(meaning), merged=False) is None
