"""Where a smart-chat room is not like a live room: whose its jobs are, how they wait, and lost starts.

A live room takes one job at a time. A chat room takes as many as its `concurrency` allows, and others may
start some too, so only what livecue started, or may have started, counts there. S4 knows no list of a
chat room's jobs; the vendor's SDK does. Where the cloud has none, the job of a start without an answer
cannot be found again: then starts are far apart, and somebody is told.
"""

from __future__ import annotations

import msgspec

from livecue.domain import ChatLink, CloudError, Job, Meaning
from livecue.runtime.alert_ports import AlertKind
from livecue.supervisor.desk import Desk, log
from livecue.supervisor.reconcile import backoff_ms, is_ours
from livecue.supervisor.state import RoomState

SHARED_SKEW_MS = 120_000
"""How far the cloud's clock may be behind ours when it says when a job was created in a room that others
use too. No more: what is taken for ours may be stopped.
"""


def is_worth_listing(state: RoomState) -> bool:
    """Whether a list of the room's jobs could tell anything that matters."""
    unanswered = state.owned is not None and not state.owned.job_id
    return not state.plan.shared or state.window is not None or unanswered


def counts_here(job: Job, state: RoomState) -> bool:
    """Whether a job that was listed is any of our business."""
    if not state.plan.shared or (state.job is not None and state.job.job_id == job.job_id):
        return True
    return is_ours(job, state.owned, SHARED_SKEW_MS)


def merged_link(new: ChatLink | None, known: ChatLink | None) -> ChatLink | None:
    """Each answer tells a part: a start the addresses, a look the state, a list nothing."""
    if new is None or known is None:
        return new or known
    return msgspec.structs.replace(
        new,
        state=known.state if new.state is None else new.state,
        language=new.language or known.language,
        address=new.address or known.address,
        rest_address=new.rest_address or known.rest_address,
    )


def link_data(job: Job) -> dict[str, str]:
    """The link as signals, log and command line tell it; nothing of a live job."""
    link = job.chat
    if link is None:
        return {}
    return {
        "chat_state": link.word,
        "language": link.language,
        "chat_access_address": link.address,
        "chat_access_rest_address": link.rest_address,
    }


def say_link(state: RoomState) -> None:
    """Log what is new about the link of the room's job since its start, which said how it was then."""
    job = state.job
    if job is None or job.chat is None or state.announced != job.job_id or job.chat == state.told_link:
        return
    state.told_link = job.chat
    log.info("chat-changed", room=state.room, job_id=job.job_id, state=job.state, **link_data(job))


def may_be_lost(error: CloudError, state: RoomState, desk: Desk) -> bool:
    """Whether this start may have made a job that nobody can look up."""
    refused = error.meaning is not Meaning.OUTCOME_UNKNOWN and error.status < 500
    return not refused and not desk.jobs.lists(state.room)


def blind_wait_ms(failures: int) -> int:
    """Before a start is repeated whose job cannot be looked up: each may leave one behind."""
    return backoff_ms(failures, first_ms=60_000, most_ms=300_000)


def mind_lost_start(state: RoomState, desk: Desk) -> None:
    """Once per turn, before deciding: a start without an answer whose job cannot be looked up is told of."""
    owned = state.owned
    if owned is None or owned.job_id or state.job is not None or desk.jobs.lists(state.room):
        return
    text = f"a start for session {owned.session} had no answer: a job may run that livecue cannot find"
    desk.alerts.open(state.room, AlertKind.START_LOST, text)
    if state.doubted_ms == owned.since_ms:
        return
    state.doubted_ms = owned.since_ms
    state.not_before_ms = max(state.not_before_ms, desk.now() + blind_wait_ms(1))  # also after a crash
    remedy = "look for it in the cloud's console; with concurrency 1 the room takes no second one"
    log.error("start-lost", room=state.room, session=owned.session, remedy=remedy)
