"""What the supervisor is told of its rooms, and what every room's turn works with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import structlog

from livecue.domain import CloudError, Meaning, Session, Unplanned
from livecue.runtime.alert_ports import Alerts, Silence
from livecue.runtime.job_ports import LiveJobs, Ownerships
from livecue.runtime.ports import Health, Meter, Now, Signals
from livecue.runtime.stop_ports import StopTimers
from livecue.supervisor.remedies import Policy

log = structlog.get_logger()


class RoomPlan(NamedTuple):
    """One configured room: its key, when it is to be live, and what to do with unplanned jobs.

    `standby`: the id of the cloud room that a live goes on in when its own cannot have it.
    `shared`: others may start jobs in it, and none but livecue's own count.
    """

    room: str
    sessions: Sequence[Session] = ()
    unplanned: Unplanned = Unplanned.ATTACH
    policy: Policy = Policy()
    standby: str = ""
    shared: bool = False


class CloudHealth:
    """One line for `/readyz` out of many calls: a single refused call does not make the cloud ill."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._failures = 0
        self._refused = False

    def fine(self) -> None:
        self._failures = 0
        self._refused = False
        self._health.report("cloud")

    def failed(self, error: CloudError) -> None:
        if error.meaning == Meaning.UNAUTHENTICATED:
            self._failures += 3
            if not self._refused:  # once for the tenant, not once per room
                self._refused = True
                log.error("credentials-refused", error=str(error), remedy="correct metastudio.auth")
        elif error.meaning in {Meaning.UNAVAILABLE, Meaning.OUTCOME_UNKNOWN}:
            self._failures += 1
        elif error.meaning != Meaning.SLOW_DOWN:
            self.fine()  # it answered, if only with a refusal
        if self._failures >= 3:
            self._health.report("cloud", f"{error.meaning}: {error}")


class Desk(NamedTuple):
    """What every room's turn works with. `stretch_ms`: no quiet room is looked at more often."""

    jobs: LiveJobs
    ownerships: Ownerships
    signals: Signals
    meter: Meter
    cloud: CloudHealth
    now: Now
    stretch_ms: int = 0
    timers: StopTimers | None = None
    alerts: Alerts = Silence()
