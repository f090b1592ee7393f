"""What each way of losing a live calls for, as one table."""

from __future__ import annotations

import pytest

from livecue.domain import Job, JobState, Meaning
from livecue.supervisor import OnEnd
from livecue.supervisor.reconcile import GONE
from livecue.supervisor.remedies import cured_elsewhere, remedy_of

FAILED = JobState.FAILED


@pytest.mark.parametrize(
    ("state", "code", "reason", "gives_up", "elsewhere"),
    [
        (JobState.BLOCKED, "", "blocked", True, 1),
        (FAILED, "MSS.20010007", "failed", True, 1),  # content review
        (FAILED, "MSS.20010080", "failed", True, 1),
        (FAILED, "MSS.20010110", "failed", True, 1),  # invalid
        (FAILED, "MSS.20010153", "failed", True, 1),  # no voice
        (FAILED, "MSS.20010065", "failed", True, 0),  # quota: the tenant's
        (FAILED, "MSS.20010154", "failed", True, 0),
        (FAILED, "MSS.20010035", "no_resource", False, 0),
        (FAILED, "MSS.20010118", "heartbeat_lost", False, 2),
        (FAILED, "MSS.29999999", "failed", False, 2),
        (FAILED, "", "failed", False, 2),
        (JobState.SUCCEED, "", "finished", False, 0),
        (JobState.CANCELED, "", "canceled", False, 0),
        (GONE, "", "gone", False, 0),
    ],
)
def test_a_lost_live_is_started_again_given_up_or_moved(
    state: str, code: str, reason: str, *, gives_up: bool, elsewhere: int
) -> None:
    remedy = remedy_of(Job("j", state, error_code=code), ended=False, on_end=OnEnd.KEEP)
    assert (remedy.reason, bool(remedy.give_up), remedy.elsewhere) == (reason, gives_up, elsewhere)


@pytest.mark.parametrize("on_end", list(OnEnd))
def test_a_job_stopped_because_it_never_went_live_has_not_ended_by_itself(on_end: OnEnd) -> None:
    remedy = remedy_of(Job("j", JobState.SUCCEED), ended=False, on_end=on_end, late=True)
    assert (remedy.reason, remedy.give_up, remedy.elsewhere) == ("late", "", 2)


def test_only_refusals_of_one_room_are_cured_in_another() -> None:
    assert {meaning for meaning in Meaning if cured_elsewhere(meaning)} == {
        Meaning.FORBIDDEN,
        Meaning.INVALID,
        Meaning.NOT_FOUND,
        Meaning.TEXT_REFUSED,
        Meaning.NO_VOICE,
    }
