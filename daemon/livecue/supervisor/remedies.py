"""What each way of losing a live calls for. Pure, and all of it in one table.

A live that the plan wants is started again after a pause, whatever way it was lost, except where the same
would surely happen again: then it goes on in the room's standby, where that may be the cure, else it is given up until the next
session, or until somebody starts it by hand; and somebody is told.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from livecue.domain import Job, JobState, Meaning
from livecue.supervisor.reconcile import GONE, HOPELESS


class OnEnd(StrEnum):
    """What to do when a room's stream ends by itself while its session is on."""

    RESTART = "restart"  # stop that job and begin anew
    STOP = "stop"  # stop that job; the session is over
    KEEP = "keep"  # leave the job; one that is over is begun anew


class Policy(msgspec.Struct, frozen=True):
    """How a room's live is kept. `outputs`: how many addresses it may stream to."""

    on_end: OnEnd = OnEnd.KEEP
    rtmp_grace_ms: int = 30_000
    waiting_ms: int = 300_000
    outputs: int = 0


class Remedy(msgspec.Struct, frozen=True):
    """`reason` is the metric's label; `give_up` says why starting again would not help, empty if it would.

    `elsewhere`: after how many such ends in a row another cloud room may be the cure; 0: never.
    """

    reason: str
    give_up: str = ""
    elsewhere: int = 0


TWICE = 2
"""A live lost or late once is chance, and the next start cures it. The second time in a row the cloud room itself
is the likely cause, and a third try would cost the session up to another `waiting_s` or two minutes.
"""
LATE = "late"
HEARTBEAT_LOST = frozenset({"MSS.20010118", "MSS.20010116", "MSS.20010146"})
"""Of a live; of a chat job in the Chinese, and in the English list of codes (S4 12.2)."""
_NO_RESOURCE = frozenset({"MSS.20010035", "MSS.20010102", "MSS.20010135"})
_OF_THE_TENANT = {
    **dict.fromkeys(
        ("MSS.20010065", "MSS.20010154", "MSS.00022003", "MSS.20010075", "MSS.20010139"),
        "the quota is used up: buy more",
    ),
    "MSS.47010006": "what was bought of the cloud has run out: renew it",
}
_OF_THE_ROOM = {
    **dict.fromkeys(
        ("MSS.20010006", "MSS.20010007", "MSS.20010055", "MSS.20010080"),
        "content review refused a text of the room: reword it",
    ),
    **dict.fromkeys(
        ("MSS.20010053", "MSS.20010070", "MSS.20010110", "MSS.20010151"),
        "the cloud calls the room or the start invalid: correct it",
    ),
    "MSS.20010153": "the room has no voice: set one",
    "MSS.20010131": "the room's voice does not exist: set another",
    "MSS.47010034": "the chat's robot does not exist: correct robot_id",
    "MSS.47010102": "the chat has no robot: set robot_id",
}
_BY_STATE = {JobState.SUCCEED: "finished", JobState.BLOCKED: "blocked", JobState.CANCELED: "canceled"}


def remedy_of(job: Job, *, ended: bool, on_end: OnEnd, late: bool = False) -> Remedy:
    """For a job seen over while its session is on.

    `ended`: its stream had ended before it was stopped. `late`: it was stopped because it did not go live.
    """
    if job.state == JobState.BLOCKED:
        return Remedy("blocked", "the platform or the cloud blocked it: clear that up", 1)
    if job.state == JobState.FAILED:
        return _of_failure(job.error_code)
    if late:
        return Remedy(LATE, elsewhere=TWICE)
    if on_end is OnEnd.STOP and (ended or job.state == JobState.SUCCEED):
        return Remedy("finished", "its stream ended, and on_end says stop")
    if job.state == GONE:
        return Remedy("gone")
    known = next((reason for state, reason in _BY_STATE.items() if state == job.state), "gone")
    return Remedy(known)


def _of_failure(code: str) -> Remedy:
    if code in HEARTBEAT_LOST:
        return Remedy("heartbeat_lost", elsewhere=TWICE)
    if code in _NO_RESOURCE:
        return Remedy("no_resource")
    if code in _OF_THE_TENANT:
        return Remedy("failed", _OF_THE_TENANT[code])
    if code in _OF_THE_ROOM:
        return Remedy("failed", _OF_THE_ROOM[code], 1)
    return Remedy("failed", elsewhere=TWICE)


_TENANT_WIDE = frozenset({Meaning.QUOTA})


def cured_elsewhere(refusal: Meaning) -> bool:
    """Whether a start refused for good in one cloud room may be taken in another."""
    return refusal in HOPELESS and refusal not in _TENANT_WIDE
