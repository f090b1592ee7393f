"""A stop that does not come through is asked for without end, and somebody is told."""

from __future__ import annotations

from livecue.domain import JobState, Meaning
from livecue.runtime.alert_ports import AlertKind
from livecue.supervisor import Supervisor

from .fakes import World, on_air, refusal, room

HOUR = 3600.0


class Heard:
    """`Alerts` that are written down."""

    def __init__(self) -> None:
        self.now: dict[tuple[str, AlertKind], str] = {}
        self.ever: list[AlertKind] = []

    def open(self, room: str, kind: AlertKind, text: str, job_id: str = "") -> None:
        if (room, kind) not in self.now:
            self.ever.append(kind)
        self.now[room, kind] = job_id or text

    def close(self, room: str, kind: AlertKind) -> None:
        self.now.pop((room, kind), None)


class Alerted(World):
    """A world that hears alerts."""

    def boot(self) -> Supervisor:
        self.heard = Heard()
        self.supervisor = Supervisor(
            self.plans,
            self.cloud,
            self.notes,
            self.bus,
            self.tally,
            self.tally,
            self.clock,
            alerts=self.heard,
        )
        return self.supervisor


async def test_a_stop_that_fails_for_a_minute_is_an_alert_until_the_job_is_over() -> None:
    world = Alerted(room(on_air(hours=1)))
    await world.run(HOUR - 2)

    def fault(operation: str, _room: str) -> None:
        if operation == "stop":
            raise refusal(Meaning.UNAVAILABLE)

    world.cloud.fault = fault
    await world.run(50)
    assert world.heard.now == {}
    await world.run(30)
    assert world.heard.now == {("flagship", AlertKind.STOP_OVERDUE): "job-1"}
    await world.run(3 * HOUR, every_s=5)
    assert world.cloud.count("stop") > 1000
    world.cloud.fault = lambda *_: None
    await world.run(25)
    assert (world.heard.now, world.heard.ever) == ({}, [AlertKind.STOP_OVERDUE])


async def test_a_stop_that_cannot_even_be_looked_at_is_an_alert_too() -> None:
    world = Alerted(room(on_air(hours=1)))
    await world.run(HOUR - 2)

    def fault(_operation: str, _room: str) -> None:
        raise refusal(Meaning.UNAUTHENTICATED)

    world.cloud.fault = fault
    await world.run(90)
    assert ("flagship", AlertKind.STOP_OVERDUE) in world.heard.now


async def test_a_refused_start_and_a_block_are_alerts_until_the_room_is_live() -> None:
    world = Alerted(room(on_air(hours=1), on_air(hours=10, name="late")))

    def fault(operation: str, _room: str) -> None:
        if operation == "start":
            raise refusal(Meaning.QUOTA)

    world.cloud.fault = fault
    await world.run(4)
    assert list(world.heard.now) == [("flagship", AlertKind.START_REFUSED)]
    world.cloud.fault = lambda *_: None
    world.boot()
    await world.run(4)
    assert world.heard.now == {}
    world.cloud.become("job-1", JobState.BLOCKED)
    await world.run(10)
    assert world.heard.now == {("flagship", AlertKind.BLOCKED): "job-1"}
