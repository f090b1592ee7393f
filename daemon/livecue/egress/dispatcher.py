"""Decides what goes to the command endpoint next, and lets it go: one for the tenant.

A cue goes when the tenant has a slot, the room's job takes commands, and its airtime has room. What
became of it is audited with every change: queued, sending, sent, finished; or why not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

import structlog

from livecue.domain import CloudError, Cue, Job, Signal, SignalKind
from livecue.egress.cue_queue import CueQueue, Waiting
from livecue.egress.gate import Gate
from livecue.egress.history import Standing
from livecue.egress.lines import line
from livecue.egress.log_reading import read_log
from livecue.egress.merging import alike
from livecue.egress.on_air import AirtimeLimits, OnAir
from livecue.egress.records import Records
from livecue.egress.sending import NothingSent, Sender
from livecue.egress.telling import Teller
from livecue.egress.turn import Turn
from livecue.egress.withdrawals import Withdrawals
from livecue.runtime.measure_ports import LineMeter, Took
from livecue.runtime.ports import Count, Now, Outcome
from livecue.runtime.pump import keep_stepping
from livecue.runtime.sender_ports import Commands, CueLog, History, JobBoard

log = structlog.get_logger()

_IDLE_S = 0.25
_TEND_S = 2.0
_LAST_WORDS_S = 0.5


class Dispatcher:
    """Takes cues from the log, picks the next, waits for a slot, hands it to the sender."""

    def __init__(
        self,
        cues: CueLog,
        history: History,
        commands: Commands,
        jobs: JobBoard,
        records: Records,
        meter: LineMeter,
        gate: Gate,
        *,
        now: Now,
        mono: Now,
        jitter: Callable[[], float],
        look: Callable[[str], None],
        airtime: Mapping[str, AirtimeLimits],
        weights: Mapping[str, float] | None = None,
        thanks: Callable[[str], bool] = lambda _room: True,
    ) -> None:
        """`now` is the wall clock, `mono` one that never jumps, both in ms. `look(room)` asks the
        supervisor to look at a room whose job seems to be over. `airtime`, `weights`: by room. `thanks(room)`:
        whether the room thanks for gifts.
        """
        self._cues = cues
        self._history = history
        self._commands = commands
        self._jobs = jobs
        self._records = records
        self._meter = meter
        self._gate = gate
        self._now = now
        self._mono = mono
        self._airtime = airtime
        self._thanks = thanks
        self._queue = CueQueue(weights)
        self._teller = Teller(now)
        self._sender = Sender(commands, self._queue, records, meter, now, jitter, look, self._teller)
        self._rooms: dict[str, OnAir] = {}
        self._withdrawals = Withdrawals(commands, records, meter, now)
        self._held_ms = 0
        self._turn = Turn()
        self._sending: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._stopping = False

    def air(self, room: str) -> OnAir:
        """What the room has on the air."""
        found = self._rooms.get(room)
        if found is None:
            found = self._rooms[room] = OnAir(self._airtime.get(room, AirtimeLimits()))
        return found

    def set_speed(self, room: str, speed: int) -> None:
        """The room's voice speaks at this speed, 100 being normal (S4 6.1.1)."""
        self.air(room).set_speed(speed)

    def hear(self, heard: Signal) -> None:
        """A signal was published: what it means for what is to be said."""
        data, room, now = heard.data, heard.room, self._now()
        if room not in self._airtime:  # of somebody else's
            return
        job_id = str(data.get("job_id", ""))
        if heard.kind == SignalKind.REPLY_FINISHED:
            self._finished(room, str(data.get("reply_id", "")), now)
        elif heard.kind == SignalKind.SCRIPT_SWITCH:
            self._switched(room, job_id, str(data.get("scene", "")))
        elif heard.kind == SignalKind.JOB_STARTED:
            self.air(room).follow(job_id)
        elif heard.kind == SignalKind.JOB_ENDED and job_id:
            self._sender.close(room, job_id, self.air(room))
        self._woken.set()

    def _finished(self, room: str, command_id: str, now_ms: int) -> None:
        air = self.air(room)
        sent_ms = air.airtime.sent_ms(command_id)
        cues = air.finished(command_id, now_ms)
        if cues and sent_ms is not None:
            self._meter.took(Took.SPEECH, (now_ms - sent_ms) / 1000)
        for cue in cues:
            self._sender.finished(cue, command_id)

    def queued_s(self) -> Iterator[tuple[str, float]]:
        """Rooms, and the seconds of inserted speech that the cloud has and has not spoken."""
        now_ms = self._now()
        for room, air in self._rooms.items():
            if air.airtime.command_ids:
                yield room, air.airtime.queued_ms(now_ms) / 1000

    def _switched(self, room: str, job_id: str, scene: str) -> None:
        air = self.air(room)
        self._withdrawals.want(room, job_id, air.switch(job_id, scene, self._now()), self._now())
        for one in self._queue.drop(room, air.out_of_scene):
            self._sender.end(one, Outcome.WITHDRAWN)

    async def read(self) -> None:
        """Fill the queue from the log until stopped."""
        await read_log(self._cues, self._history, self.arrive, self._woken, lambda: self._stopping)

    def arrive(self, cue: Cue, standing: Standing | None = None) -> None:
        """Take a cue of the log: into the queue, unless there is nothing more to do for it."""
        air, now = self.air(cue.room), self._now()
        one = Waiting(cue, since_ms=now)
        if standing is not None:
            if standing.ended:
                air.restore(cue, standing)
                return
            one = Waiting(cue, standing.next_attempt, since_ms=now)
            if standing.lost:
                self._sender.end(one, Outcome.UNKNOWN)
                return
        if cue.expires_ms <= now:
            self._expired(one)
        elif air.out_of_scene(cue):
            self._sender.end(one, Outcome.WITHDRAWN)
        else:
            gone = self._queue.put(one)
            if gone is not None:
                self._sender.end(gone, Outcome.OVERFLOW)
            if standing is None and gone is not one:
                self._records.note(cue.room, line(one, Outcome.QUEUED, now, seconds=cue.seconds))

    def _expired(self, one: Waiting) -> None:
        how = Outcome.EXPIRED if self._jobs.job(one.cue.room) else Outcome.NO_JOB
        self._sender.end(one, how)

    async def send(self) -> None:
        """Send from the queue until stopped."""
        await keep_stepping(self.step, self._woken, lambda: self._stopping)

    def step(self) -> float:
        """Let one command go if one may; how long nothing needs doing otherwise, in seconds."""
        now = self._now()
        for one in self._queue.expire(now):
            self._expired(one)
        wait = self._gate.wait_ms(self._mono())
        if wait != 0:
            self._turn.held_up(self._mono(), wanted=len(self._queue) > 0)
            return _IDLE_S if wait is None else min(wait / 1000, _IDLE_S)
        wanted = self._withdrawals.take(lambda room: self.air(room).takes(self._jobs.job(room), now), now)
        if wanted is not None:
            self._go(
                wanted.room,
                self._withdrawals.send(wanted, self._jobs.job(wanted.room), self.air(wanted.room)),
                "withdraw-cues",
            )
            return 0
        self._held_ms = int(_IDLE_S * 1000)
        first = self._queue.take(self._ready)
        if first is None:
            self._turn.nobody()
            return max(self._held_ms, 1) / 1000
        job = self._jobs.job(first.cue.room)
        air = self.air(first.cue.room)
        if job is None or air.is_over(first.cue, job):
            self._sender.end(first, Outcome.NO_JOB)
            return 0
        others = alike(first.cue, self._queue.waiting(first.cue.room))
        chosen = [first, *self._queue.take_also([cue for cue in others if cue is not first.cue])]
        chosen.sort(key=lambda one: (one.cue.at_ms, one.arrival))
        self._go(first.cue.room, self._try(chosen, job, air), "send-cue")
        return 0

    def _ready(self, cue: Cue) -> bool:
        """Whether the cue may go now; if only the air is taken, remembers for how long."""
        air, now = self.air(cue.room), self._now()
        job = self._jobs.job(cue.room)
        if job is not None and air.is_over(cue, job):
            return True  # to be ended
        if job is None or not air.takes(job, now):
            return False
        air.follow(job.job_id)
        wait = air.wait_ms(cue, now, thanks=self._thanks(cue.room))
        if wait:
            self._held_ms = min(self._held_ms, wait)
        return wait == 0

    def _go(self, room: str, work: Coroutine[Any, Any, CloudError | None], name: str) -> None:
        """Make one call in a slot of its own; one at a time for each room."""
        self._meter.limiter_wait("command", self._turn.goes(self._mono()))
        ticket = self._gate.take(self._mono())
        air = self.air(room)
        air.busy = True
        task = asyncio.create_task(self._in_slot(ticket, air, room, work), name=f"{name}-{room}")
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _in_slot(
        self, ticket: int, air: OnAir, room: str, work: Coroutine[Any, Any, CloudError | None]
    ) -> None:
        error: BaseException | None = None
        try:
            error = await work
        except NothingSent as nothing:
            error = nothing
        except Exception as fault:
            error = fault
            log.exception("send-failed", room=room)
        except BaseException as end:
            error = end  # says nothing about the cloud
            raise
        finally:
            if isinstance(error, NothingSent):
                self._gate.unused(ticket)
            else:
                self._gate.give_back(ticket, self._mono(), error)
            air.busy = False
            self._woken.set()

    async def _try(self, chosen: list[Waiting], job: Job, air: OnAir) -> CloudError | None:
        mine = await self._sender.claim(chosen, job, air)
        if not mine:
            raise NothingSent
        try:
            return await self._sender.send(mine, job, air)
        except Exception:
            for one in mine:
                self._sender.end(one, Outcome.UNKNOWN, job_id=job.job_id)
            raise

    async def tend(self) -> None:
        """Where a finish is overdue, ask the cloud what it has not spoken, until stopped."""
        while not self._stopping:
            for room in [room for room, air in self._rooms.items() if air.airtime.overdue(self._now())]:
                await self._heal(room)
            self._teller.sum_up()
            await asyncio.sleep(_TEND_S)

    async def _heal(self, room: str) -> None:
        job, air = self._jobs.job(room), self.air(room)
        if job is None or self._stopping:
            return
        try:
            listed = await self._commands.unplayed(room, job)
        except CloudError as error:
            log.info("unplayed-not-listed", room=room, error=str(error))
            return
        if listed is not None and air.airtime.unplayed(listed, self._now()):
            self._meter.count(Count.AIRTIME_HEALED, room)
            self._woken.set()

    async def stop(self, drain_s: float) -> None:
        """Let calls that are out come back within `drain_s`; send nothing new."""
        self._stopping = True
        self._woken.set()
        end = asyncio.get_running_loop().time() + drain_s
        if self._sending:
            await asyncio.wait(self._sending, timeout=drain_s)
        await self._cues.close()
        self._teller.sum_up(at_once=True)
        await self._records.flush(max(end - asyncio.get_running_loop().time(), _LAST_WORDS_S))
