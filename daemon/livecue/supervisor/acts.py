"""Carrying out what `reconcile.decide` decided for one room.

The order inside each act is what a crash in the middle relies on: the note of ownership is stored
before a start is asked for and dropped only after the job was seen over and that was published; and
one of a job that was lost goes when its session does, or another job takes its place.
"""

from __future__ import annotations

from livecue.domain import CloudError, Job, Meaning, SignalKind
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.job_ports import Ownership
from livecue.runtime.ports import Count
from livecue.supervisor.chats import blind_wait_ms, link_data, may_be_lost, mind_lost_start, say_link
from livecue.supervisor.desk import Desk, log
from livecue.supervisor.endings import ended
from livecue.supervisor.handover import tell_handover
from livecue.supervisor.look import is_over, look, merged, show
from livecue.supervisor.notes import drop_note, note_live, save_note
from livecue.supervisor.reconcile import (
    Action,
    Adopt,
    Attach,
    Ended,
    Forget,
    Nothing,
    Start,
    StartRetry,
    Stop,
    Watch,
    after_refused_start,
    backoff_ms,
    decide,
    to_ms,
)
from livecue.supervisor.schedule import keep_timer
from livecue.supervisor.standby import moves_after_refusal
from livecue.supervisor.state import Asked, RoomState
from livecue.supervisor.stream import mind_stream
from livecue.supervisor.timetable import Window

MOST_ACTS = 16
"""Acts in one turn; a room that wants more goes on at the next."""
_OVER = frozenset({Meaning.JOB_OVER, Meaning.NOT_FOUND, Meaning.NOT_RUNNING})


async def settle(state: RoomState, desk: Desk) -> None:
    """Decide and act until there is nothing to do now.

    Raises:
        CloudError: looking again failed.
        BusError: a note or a signal was not stored; the same is decided again next time.
    """
    await mind_stream(state, desk)
    mind_lost_start(state, desk)
    await keep_timer(state, desk)
    await _announce(state, desk)
    say_link(state)
    for _ in range(MOST_ACTS):
        action = decide(state.facts(desk.now()))
        if isinstance(action, Watch):
            await note_live(action.job, state, desk)
            tell_handover(state)
        if isinstance(action, Watch | Nothing):
            return
        if not await _act(action, state, desk):
            return
        await _announce(state, desk)


async def _act(action: Action, state: RoomState, desk: Desk) -> bool:
    """Do one thing; False if there is no point in going on before the next look."""
    match action:
        case Start(window, place):
            return await _start(window, place, state, desk)
        case Adopt(job, window):
            await _adopt(job, window, state, desk)
        case Attach(job):
            await _become(job, "attached", "", state, desk)
        case Stop(job):
            await _stop(job, state, desk)
        case Ended(job):
            await ended(job, state, desk)
        case Forget():
            await drop_note(state, desk)
        case _:
            return False
    return True


async def _start(window: Window, place: str, state: RoomState, desk: Desk) -> bool:
    now_ms = desk.now()
    prior = state.owned
    unanswered = prior is not None and not prior.job_id and prior.place == place
    since_ms = prior.since_ms if prior is not None and unanswered else now_ms
    live_ms = prior.live_ms if prior is not None and state.noted_live(prior) else 0
    await save_note(Ownership(window.session, since_ms, place=place, live_ms=live_ms), state, desk)
    state.kept = ""
    state.not_before_ms = now_ms + 5_000  # holds if the call is cut off
    state.unsure_ms = now_ms
    try:
        job = await desk.jobs.start(state.room, to_ms(window.end) - now_ms, place)
    except CloudError as error:
        desk.cloud.failed(error)
        return await _start_failed(error, window, prior, state, desk, unanswered=unanswered)
    desk.cloud.fine()
    desk.meter.count(Count.JOBS_STARTED, state.room)
    state.refused = state.not_before_ms = 0
    state.running, state.over = (job,), ()
    _take_on(job, "started", window.session, state, desk)
    answered_ms = desk.now()
    ends_ms = answered_ms + job.limit_h * 3_600_000 if job.limit_h else 0
    # A chat's id is told only once.
    await save_note(
        Ownership(window.session, since_ms, job.job_id, place, live_ms or answered_ms, ends_ms), state, desk
    )
    await _complete(state, desk)
    return True


async def _start_failed(
    error: CloudError,
    window: Window,
    prior: Ownership | None,
    state: RoomState,
    desk: Desk,
    *,
    unanswered: bool,
) -> bool:
    """`prior`: the note before this start; one of a job that is over stays if the start surely did not happen."""
    state.refused += 1
    retry = after_refused_start(error.meaning, state.refused, error.retry_after_s)
    lost = may_be_lost(error, state, desk)
    blind = lost or (unanswered and not desk.jobs.lists(state.room))
    wait_ms = max(retry.wait_ms, blind_wait_ms(state.refused)) if blind else retry.wait_ms
    state.not_before_ms = desk.now() + wait_ms
    unsure = retry.unsure and (lost or desk.jobs.lists(state.room))
    if not unsure and not unanswered:  # nothing was started, so nothing is owed
        if prior is not None and prior.job_id and state.noted_live(prior):
            await save_note(prior, state, desk)
            state.kept = prior.job_id
        else:
            await drop_note(state, desk)
    if error.meaning == Meaning.ALREADY_RUNNING:
        await look(state, desk, search=True)
        return bool(state.running)
    if not moves_after_refusal(error, state, desk):
        _say_refused(error, retry, window, state, desk)
    return False


def _say_refused(error: CloudError, retry: StartRetry, window: Window, state: RoomState, desk: Desk) -> None:
    meaning, code = str(error.meaning), error.error_code
    if not retry.hold:
        state.complain("start-failed", error, meaning=meaning, code=code)
        return
    state.held = window
    desk.alerts.open(state.room, AlertKind.START_REFUSED, f"session {window.session} is not live: {error}")
    log.error(
        "start-refused",
        room=state.room,
        session=window.session,
        remedy="repeating it would not help: correct the room or the quota; tried again at the next session",
        request_id=error.request_id,
        meaning=meaning,
        code=code,
        error=str(error),
    )


async def _adopt(job: Job, window: Window, state: RoomState, desk: Desk) -> None:
    ours = state.owns(job)
    unanswered = ours and state.owned is not None and not state.owned.job_id
    fresh = state.job is None or state.job.job_id != job.job_id
    if state.owned is None or state.owned.job_id != job.job_id:
        since_ms = desk.now() if job.created_ms is None else job.created_ms
        await save_note(
            Ownership(window.session, since_ms, job.job_id, job.place, live_ms=desk.now()), state, desk
        )
        state.kept = ""
    if not ours:
        desk.meter.count(Count.JOBS_ADOPTED, state.room)
        log.info("job-adopted", room=state.room, session=window.session, job_id=job.job_id)
    elif unanswered and fresh:  # the job of a start whose answer never came
        desk.meter.count(Count.JOBS_STARTED, state.room)
    if fresh:
        await _become(job, "resumed" if ours else "adopted", window.session, state, desk)


async def _become(job: Job, how: str, session: str, state: RoomState, desk: Desk) -> None:
    _take_on(job, how, session, state, desk)
    await _complete(state, desk)


def _take_on(job: Job, how: str, session: str, state: RoomState, desk: Desk) -> None:
    """Make it the room's job."""
    desk.alerts.close(state.room, AlertKind.START_REFUSED)
    desk.alerts.close(state.room, AlertKind.BLOCKED)
    desk.alerts.close(state.room, AlertKind.GAVE_UP)
    state.stream_lost_ms = state.output = 0
    state.cut = ""
    state.job, state.how, state.session, state.since_ms = job, how, session, desk.now()


async def _complete(state: RoomState, desk: Desk) -> None:
    """A list may lack the report URL, and a chat's start its state: the job's own page has them."""
    job = state.job
    if job is None or job.report_url:
        return
    try:
        shown = await show(state.room, job.job_id, desk, job.place)
    except CloudError:
        return  # the next look brings it
    if not is_over(shown):
        state.job = merged(state, shown)


async def _announce(state: RoomState, desk: Desk) -> None:
    job = state.job
    if job is None or state.announced == job.job_id:
        return
    data = {"job_id": job.job_id, "session": state.session, "how": state.how, **link_data(job)}
    data |= {"standby": job.place} if job.place else {}
    await desk.signals.publish(state.room, SignalKind.JOB_STARTED, data, f"job-started-{job.job_id}")
    state.announced, state.told_link = job.job_id, job.chat
    log.info("job-started", room=state.room, **data)


async def _stop(job: Job, state: RoomState, desk: Desk) -> None:
    sent = state.asked.get(job.job_id, Asked()).sent + 1
    state.asked[job.job_id] = Asked(sent, desk.now() + backoff_ms(sent, 2_000, 10_000), job.place)
    if sent == 1:
        log.info("job-stopping", room=state.room, job_id=job.job_id, ours=state.owns(job))
    try:
        await desk.jobs.stop(state.room, job.job_id, job.place)
    except CloudError as error:
        desk.cloud.failed(error)
        if error.meaning not in _OVER:
            state.complain("stop-failed", error, job_id=job.job_id, meaning=str(error.meaning))
    else:
        desk.cloud.fine()
