"""A chat room: it takes as many jobs as its concurrency allows, and strangers start some too."""

from __future__ import annotations

import msgspec

from livecue.domain import ChatLink, Job, JobState, Meaning, Session, Unplanned
from livecue.supervisor import RoomPlan, Supervisor

from .fakes import Clock, Cloud, Tally, World, refusal

ROOM = "flagship"
STARTED = ChatLink(None, "CN", "192.0.2.7:443", "192.0.2.7:8443")


class ChatCloud(Cloud):
    """S0 and S1: a start tells the addresses, a look the state, a list nothing of the link."""

    def __init__(self, clock: Clock, concurrency: int = 4) -> None:
        super().__init__(clock)
        self.concurrency = concurrency
        self.link = ChatLink(0, "CN", "192.0.2.7:443")

    async def running(self, room: str, place: str = "") -> list[Job]:
        return [msgspec.structs.replace(job, chat=ChatLink()) for job in await super().running(room, place)]

    async def start(self, room: str, lasts_ms: int, place: str = "") -> Job:
        self._called("start", room)
        if len(self.on_air(room)) >= self.concurrency:
            raise refusal(Meaning.NO_RESOURCE)
        self.lasts_ms[room] = lasts_ms
        job = self.put(room, f"job-{len(self.jobs) + 1}", JobState.WAITING, place=place)
        self.jobs[job.job_id] = msgspec.structs.replace(job, report_url="")
        if self.lose_answer():
            raise refusal(Meaning.OUTCOME_UNKNOWN)
        return Job(job.job_id, JobState.WAITING, chat=STARTED)

    async def show(self, room: str, job_id: str, place: str = "") -> Job:
        return msgspec.structs.replace(await super().show(room, job_id, place), chat=self.link)


class Alarms:
    """Alerts as they are open."""

    def __init__(self) -> None:
        self.now: dict[str, str] = {}
        self.opened: list[str] = []

    def open(self, _room: str, kind: str, text: str, _job_id: str = "") -> None:
        if kind not in self.now:
            self.opened.append(str(kind))
        self.now[str(kind)] = text

    def close(self, _room: str, kind: str) -> None:
        self.now.pop(str(kind), None)


class ChatWorld(World):
    """One chat room. `cloud` and `alarms` outlive the daemon."""

    cloud: ChatCloud

    def __init__(
        self, *sessions: Session, concurrency: int = 4, unplanned: Unplanned = Unplanned.ATTACH
    ) -> None:
        self.concurrency = concurrency
        self.alarms = Alarms()
        shared = unplanned is not Unplanned.STOP
        super().__init__(RoomPlan(ROOM, sessions, unplanned, shared=shared))

    def boot(self) -> Supervisor:
        if not hasattr(self, "supervisor"):
            self.cloud = ChatCloud(self.clock, self.concurrency)
        self.supervisor = Supervisor(
            *(self.plans, self.cloud, self.notes, self.bus, self.tally, self.tally, self.clock),
            alerts=self.alarms,
        )
        return self.supervisor

    @property
    def ours(self) -> list[str]:
        """Running jobs that livecue started."""
        return [job_id for job_id in self.cloud.on_air(ROOM) if job_id.startswith("job-")]


__all__ = ["ROOM", "STARTED", "Alarms", "ChatCloud", "ChatWorld", "Tally"]
