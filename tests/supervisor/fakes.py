"""A small cloud, a bus and a clock for the supervisor's tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from livecue.domain import CloudError, Job, JobState, Meaning, Session, SignalKind, Unplanned
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.job_ports import Ownership
from livecue.runtime.ports import BusError, Count
from livecue.supervisor import Policy, RoomPlan, Supervisor

T0 = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


class Clock:
    """Wall clock that only a test moves."""

    def __init__(self, at: datetime = T0) -> None:
        self.now_ms = ms(at)

    def __call__(self) -> int:
        return self.now_ms

    def forward(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


def refusal(meaning: Meaning, text: str = "no", retry_after_s: float | None = None) -> CloudError:
    return CloudError(text, meaning=meaning, error_code="MSS.1", retry_after_s=retry_after_s)


class Cloud:
    """Live jobs of any room. `fault` sees every call and may raise; `lose_answer` makes starts happen unanswered.

    It is told of a standby by the standby's id instead of the room's key.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.jobs: dict[str, Job] = {}
        self.room_of: dict[str, str] = {}
        self.calls: list[tuple[str, str]] = []
        self.fault: Callable[[str, str], None] = lambda _operation, _room: None
        self.lose_answer: Callable[[], bool] = lambda: False
        self.stops_needed = 1
        self.stops: dict[str, int] = {}
        self.outputs: list[int] = []
        self.lasts_ms: dict[str, int] = {}
        self.starts_in = JobState.PROCESSING
        self.listed = True
        self.limit_h = 0

    def put(
        self, room: str, job_id: str, state: str = JobState.PROCESSING, age_s: float = 0, place: str = ""
    ) -> Job:
        born_ms = self.clock() - round(age_s * 1000)
        job = Job(job_id, state, f"https://report/{job_id}", born_ms, place=place)
        self.jobs[job_id] = job
        self.room_of[job_id] = room
        return job

    def become(self, job_id: str, state: str, error_code: str = "") -> None:
        self.jobs[job_id] = msgspec.structs.replace(self.jobs[job_id], state=state, error_code=error_code)

    def on_air(self, room: str) -> list[str]:
        return [one for one, job in self.jobs.items() if self.room_of[one] == room and not job.over]

    def count(self, operation: str) -> int:
        return sum(1 for call, _ in self.calls if call == operation)

    def in_place(self, room: str, place: str = "") -> list[str]:
        return [job_id for job_id in self.on_air(room) if self.jobs[job_id].place == place]

    async def running(self, room: str, place: str = "") -> list[Job]:
        self._called("running", place or room)
        found = [self.jobs[job_id] for job_id in self.in_place(room, place)] if self.listed else []
        found.sort(key=lambda job: -(job.created_ms or 0))
        return [msgspec.structs.replace(job, report_url="") for job in found]

    def lists(self, _room: str) -> bool:
        return self.listed

    async def everywhere(self) -> list[tuple[str, str, Job]]:
        self._called("everywhere", "")
        keys = {room for room in self.room_of.values() if not room.startswith("stranger")}
        return [
            (room if room in keys else "", f"id-{room}", self.jobs[job_id])
            for job_id, room in self.room_of.items()
            if not self.jobs[job_id].over
        ]

    async def start(self, room: str, lasts_ms: int, place: str = "") -> Job:
        self._called("start", place or room)
        if self.in_place(room, place):
            raise refusal(Meaning.ALREADY_RUNNING)
        self.lasts_ms[room] = lasts_ms
        job = self.put(room, f"job-{len(self.jobs) + 1}", self.starts_in, place=place)
        if self.lose_answer():
            raise refusal(Meaning.OUTCOME_UNKNOWN)
        return msgspec.structs.replace(job, limit_h=self.limit_h)

    async def show(self, room: str, job_id: str, place: str = "") -> Job:
        self._called("show", place or room)
        if job_id not in self.jobs or self.jobs[job_id].place != place:
            raise refusal(Meaning.JOB_OVER)
        return self.jobs[job_id]

    async def refresh_output(self, room: str, job_id: str, number: int, place: str = "") -> None:
        self._called("refresh", place or room)
        assert job_id in self.in_place(room, place)
        self.outputs.append(number)

    async def stop(self, room: str, job_id: str, place: str = "") -> None:
        self._called("stop", place or room)
        if job_id not in self.jobs or self.jobs[job_id].place != place:
            raise refusal(Meaning.JOB_OVER)
        self.stops[job_id] = self.stops.get(job_id, 0) + 1
        if self.stops[job_id] >= self.stops_needed and not self.jobs[job_id].over:
            self.become(job_id, JobState.SUCCEED)

    def _called(self, operation: str, room: str) -> None:
        self.calls.append((operation, room))
        self.fault(operation, room)


class Notes:
    """Ownerships that survive the daemon."""

    def __init__(self) -> None:
        self.stored: dict[str, Ownership] = {}
        self.down = False

    async def load(self) -> dict[str, Ownership]:
        self._check()
        return dict(self.stored)

    async def save(self, room: str, owned: Ownership) -> None:
        self._check()
        self.stored[room] = owned

    async def drop(self, room: str) -> None:
        self._check()
        self.stored.pop(room, None)

    def _check(self) -> None:
        if self.down:
            raise BusError("down")


class Bus:
    """Signals, as stored: the same dedup id counts once."""

    def __init__(self) -> None:
        self.published: list[tuple[str, str, Mapping[str, Any]]] = []
        self.seen: set[str] = set()
        self.down = False

    async def publish(self, room: str, kind: str, data: Mapping[str, Any], dedup_id: str = "") -> None:
        if self.down:
            raise BusError("down")
        if dedup_id and dedup_id in self.seen:
            return
        self.seen.add(dedup_id)
        self.published.append((room, kind, data))

    def of(self, kind: SignalKind) -> list[Mapping[str, Any]]:
        return [data for _, one, data in self.published if one == kind]


class Tally:
    """Meter and Health."""

    def __init__(self) -> None:
        self.counts: dict[tuple[str, str], int] = {}
        self.health: dict[str, str] = {}
        self.rooms: set[str] = set()

    def count(self, what: Count, room: str = "", n: int = 1, reason: str = "") -> None:
        self.rooms.add(room)
        key = (str(what), reason)
        self.counts[key] = self.counts.get(key, 0) + n

    def total(self, what: Count) -> int:
        return sum(n for (name, _), n in self.counts.items() if name == what)

    def reply_latency(self, room: str, seconds: float) -> None: ...

    def report(self, part: str, error: str = "") -> None:
        self.health[part] = error


class Open:
    """The alerts that are open, with what they say."""

    def __init__(self) -> None:
        self.now: dict[AlertKind, str] = {}

    def open(self, room: str, kind: AlertKind, text: str, job_id: str = "") -> None:  # noqa: ARG002
        self.now.setdefault(kind, text)

    def close(self, room: str, kind: AlertKind) -> None:  # noqa: ARG002
        self.now.pop(kind, None)


class World:
    """Everything around the supervisor; `boot` gives a new one, as after a crash."""

    def __init__(self, *plans: RoomPlan) -> None:
        self.clock = Clock()
        self.cloud = Cloud(self.clock)
        self.notes = Notes()
        self.bus = Bus()
        self.tally = Tally()
        self.alerts = Open()
        self.plans = plans
        self.supervisor = self.boot()

    def boot(self) -> Supervisor:
        self.supervisor = Supervisor(
            self.plans,
            self.cloud,
            self.notes,
            self.bus,
            self.tally,
            self.tally,
            self.clock,
            alerts=self.alerts,
        )
        return self.supervisor

    async def run(self, seconds: float, every_s: float = 2.0) -> None:
        """Passes at the loop's pace, in virtual time."""
        end_ms = self.clock() + round(seconds * 1000)
        while self.clock() < end_ms:
            await self.supervisor.reconcile_once()
            self.clock.forward(every_s)
        await self.supervisor.reconcile_once()


def on_air(hours: float = 4, start: datetime = T0, name: str = "evening") -> Session:
    return Session(name, start=start, end=start + timedelta(hours=hours))


def room(
    *sessions: Session,
    key: str = "flagship",
    unplanned: Unplanned = Unplanned.ATTACH,
    policy: Policy | None = None,
    standby: str = "",
) -> RoomPlan:
    return RoomPlan(key, sessions, unplanned, policy or Policy(), standby)
