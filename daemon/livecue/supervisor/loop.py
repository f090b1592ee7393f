"""The loop over all rooms: wanted against actual, every few seconds, for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from functools import partial

from livecue.domain import CloudError, Job, JobState, Signal, SignalKind, Unplanned
from livecue.runtime.alert_ports import Alerts, Silence
from livecue.runtime.job_ports import LiveJobs, Ownerships
from livecue.runtime.order_ports import FOREVER_MS, MemoryOrders, Order, Orders
from livecue.runtime.ports import BusError, Count, Health, Meter, Now, Signals
from livecue.runtime.stop_ports import StopTimers
from livecue.supervisor.acts import settle
from livecue.supervisor.alarm import Alarm
from livecue.supervisor.byhand import ByHand
from livecue.supervisor.callbacks import mind_callbacks
from livecue.supervisor.desk import CloudHealth, Desk, RoomPlan, log
from livecue.supervisor.look import is_over, look, look_blindly
from livecue.supervisor.overdue import mind_stops
from livecue.supervisor.standby import mind_standby
from livecue.supervisor.state import RoomState
from livecue.supervisor.stream import hear_stream
from livecue.supervisor.timetable import Window

__all__ = ["RoomPlan", "Supervisor"]

_STREAM_LOST = frozenset({"DISCONNECTED", "RECONNECTING", "END"})
_DRAIN_S = 5.0
_LOOK_S = 0.1


class Supervisor:
    """Keeps every room as the plan wants it, and knows which job each room has (`JobBoard`).

    `interval_s`: how often it is checked which rooms are due (0.1 to 60). `concurrency`: rooms
    worked on at once. `reads_per_s`: looks at quiet rooms all together, well under the tenant's
    limit (S4 6.2.2, 6.2.3: 10 to 20 per second); with more rooms than that allows each is looked
    at less often, never the starts and stops. `turn_timeout_s`: when a room's turn is given up. `timers`: the bus's
    own memory of stops. `alerts`: who hears of what needs somebody.

    When it stops, jobs of sessions that are still on go on: the next daemon takes them over.
    """

    def __init__(
        self,
        rooms: Sequence[RoomPlan],
        jobs: LiveJobs,
        ownerships: Ownerships,
        signals: Signals,
        meter: Meter,
        health: Health,
        now: Now,
        interval_s: float = 2.0,
        *,
        concurrency: int = 8,
        reads_per_s: float = 8.0,
        turn_timeout_s: float = 60.0,
        timers: StopTimers | None = None,
        alerts: Alerts | None = None,
        orders: Orders | None = None,
    ) -> None:
        stretch_ms = round(len(rooms) / reads_per_s * 1000)
        cloud = CloudHealth(health)
        self._desk = Desk(
            jobs, ownerships, signals, meter, cloud, now, stretch_ms, timers, alerts or Silence()
        )
        self._rooms = {plan.room: RoomState(plan) for plan in rooms}
        self._orders: Orders = orders or MemoryOrders()
        self.by_hand = ByHand(self._rooms, self._orders, self.wake, now)
        self._interval_s = interval_s
        self._turn_timeout_s = turn_timeout_s
        self._slots = asyncio.Semaphore(concurrency)
        self._turns: dict[str, asyncio.Task[None]] = {}
        self._woken = asyncio.Event()
        self._loaded = False
        self._load_error = ""
        self._stopping = False

    def job(self, room: str) -> Job | None:
        """The room's job as last seen; None if it has none, or an unknown room."""
        state = self._rooms.get(room)
        job = state.job if state else None
        return None if job is None or is_over(job) else job

    def jobs(self) -> list[Job]:
        """The job of each room that has one, as last seen."""
        return [job for job in map(self.job, self._rooms) if job is not None]

    def wanted(self, room: str) -> Window | None:
        """The run that wants the room live now.

        Raises:
            KeyError: the room is not configured.
        """
        state = self._rooms[room]
        state.update_plan(self._desk.now())
        return state.window

    def wake(self, room: str = "") -> None:
        """Look now: at `room`, or at whatever is due."""
        state = self._rooms.get(room)
        if state is not None:
            state.hinted = True
        self._woken.set()

    def replan(self, plans: Sequence[RoomPlan]) -> None:
        """Follow these plans from now on; rooms that are not known are passed over."""
        for plan in plans:
            state = self._rooms.get(plan.room)
            if state is not None and state.plan != plan:
                state.replan(plan)
        self.wake()

    def show_hint(self, room: str, rtmp_state: str) -> None:
        """The room's stream changed its state (S3, RTMP_STREAM_STATE_CHANGE); its end is a reason to look now."""
        if rtmp_state in _STREAM_LOST:
            self.wake(room)

    def on_signal(self, signal: Signal) -> None:
        """A stream that ends, and any word from a job still seen as WAITING, are reasons to look."""
        job = self.job(signal.room)
        if signal.kind == SignalKind.RTMP_STATE and signal.room in self._rooms:
            told = str(signal.data.get("state", "")), str(signal.data.get("job_id", ""))
            hear_stream(self._rooms[signal.room], *told, self._desk.now())
        if job is not None and job.state == JobState.WAITING and signal.data.get("job_id") == job.job_id:
            self.wake(signal.room)
        elif signal.kind == SignalKind.RTMP_STATE:
            self.show_hint(signal.room, str(signal.data.get("state", "")))

    def found(self, room: str, job: Job) -> None:
        """The sweep saw this job running in the room: look, unless it is the job that is expected there.

        A room that ignores what it did not start is left alone, unless it owes a job its stop.
        """
        state = self._rooms.get(room)
        if state is None or (state.job is not None and state.job.job_id == job.job_id):
            return
        ignores = state.plan.unplanned == Unplanned.IGNORE and state.window is None
        if ignores and not state.owns(job):
            return
        state.search = True
        self.wake(room)

    def stop(self) -> None:
        """Let `run` return once the turns in hand are done, at most 5 s later."""
        self._stopping = True
        self._woken.set()

    async def stop_lives(self, within_s: float) -> None:
        """Want nothing live any more, in this process alone, and wait until our jobs are seen over."""
        for state in self._rooms.values():
            state.obey(Order(self._desk.now(), off_until_ms=FOREVER_MS))
            self.wake(state.room)
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while any(state.owned or state.asked for state in self._rooms.values()):  # noqa: ASYNC110 - polled for 20 s at most
                    await asyncio.sleep(_LOOK_S)

    async def run(self) -> None:
        """Reconcile until `stop()` is called or the task is cancelled."""
        alarm = Alarm(self.wake)
        alarm.start()
        try:
            async with asyncio.TaskGroup() as group:
                while not self._stopping:
                    self._woken.clear()
                    await self._pass(group)
                    alarm.set(self._next_change_ms())
                    await self._pause()
                await self._drain()
        finally:
            alarm.stop()
            self._say_left_running()

    async def reconcile_once(self) -> None:
        """One pass over the rooms that are due, to its end."""
        async with asyncio.TaskGroup() as group:
            await self._pass(group)

    async def _pass(self, group: asyncio.TaskGroup) -> None:
        if not self._loaded:
            await self._load()
        if not self._loaded:
            return
        now_ms = self._desk.now()
        due = [state for state in self._rooms.values() if self._is_due(state, now_ms)]
        for state in sorted(due, key=_urgency):
            task = group.create_task(self._turn(state), name=f"supervisor:{state.room}")
            self._turns[state.room] = task
            task.add_done_callback(partial(self._turn_over, state.room))

    def _turn_over(self, room: str, _: asyncio.Task[None]) -> None:
        self._turns.pop(room, None)

    def _is_due(self, state: RoomState, now_ms: int) -> bool:
        if state.room in self._turns:
            return False
        try:
            return state.due(now_ms)
        except Exception as error:  # noqa: BLE001 - one room's broken plan must not hold up the others
            state.complain("plan-unreadable", error, kind=type(error).__name__)
            return False

    async def _turn(self, state: RoomState) -> None:
        """Everything for one room now. Raises nothing: what failed is logged and tried again."""
        async with self._slots:
            state.begin_turn()
            try:
                async with asyncio.timeout(self._turn_timeout_s):
                    await self._look_and_settle(state)
            except CloudError as error:
                state.failed("cloud-failed", error)
            except BusError as error:
                state.failed("bus-failed", error)
            except TimeoutError as error:
                state.failed("turn-too-long", error)
            except Exception as error:  # noqa: BLE001 - never dies, and never takes other rooms along
                if state.failed("turn-failed", error):
                    log.exception("turn-failed-here", room=state.room)
            mind_stops(state, self._desk)
            mind_callbacks(state, self._desk)
            mind_standby(state, self._desk)
            state.end_turn(self._desk.now(), self._desk.stretch_ms)

    async def _look_and_settle(self, state: RoomState) -> None:
        try:
            await look(state, self._desk)
        except CloudError as error:
            state.failed("look-failed", error)
            if not look_blindly(state):
                return
        await settle(state, self._desk)

    async def _load(self) -> None:
        try:
            notes = await self._desk.ownerships.load()
            orders = await self._orders.load()
        except Exception as error:  # noqa: BLE001 - without the notes nothing is safe; try again
            if str(error) != self._load_error:
                log.warning("ownerships-unreadable", error=str(error))
            self._load_error = str(error)
            return
        for room, order in orders.items():
            if room in self._rooms:
                self._rooms[room].obey(order)
        for room, owned in notes.items():
            if room in self._rooms:
                state = self._rooms[room]
                state.owned, state.place, state.unsure_ms = owned, None, self._desk.now()
                continue
            self._desk.meter.count(Count.JOBS_LOST, reason="room_removed")
            remedy = "put the room back until its job is stopped, or stop it in the cloud's console"
            log.error("room-removed-while-live", room=room, job_id=owned.job_id, remedy=remedy)
        self._loaded = True

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._interval_s):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _drain(self) -> None:
        turns = list(self._turns.values())
        if not turns:
            return
        _, pending = await asyncio.wait(turns, timeout=_DRAIN_S)
        for turn in pending:
            turn.cancel()

    def _next_change_ms(self) -> int | None:
        earliest = min((state.plan_until_ms for state in self._rooms.values()), default=FOREVER_MS)
        return None if earliest >= FOREVER_MS else earliest

    def _say_left_running(self) -> None:
        for state in self._rooms.values():
            if state.job is not None and not is_over(state.job):
                log.info(
                    "job-left-running",
                    room=state.room,
                    job_id=state.job.job_id,
                    planned=state.window is not None,
                )


def _urgency(state: RoomState) -> bool:
    """Sorts what the plan or a signal asks for before the routine looks."""
    return not (state.hinted or state.look_at_ms == 0 or state.asked or state.owes_stop())
