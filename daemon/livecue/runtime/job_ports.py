"""What the supervisor needs of the cloud's jobs and of the bus's notes on them, as protocols."""

from __future__ import annotations

from typing import Protocol

import msgspec

from livecue.domain import Job


class LiveJobs(Protocol):
    """Starting, finding and stopping the live jobs of configured rooms, by the room's key.

    `place`: the id of the cloud room meant, where that is not the room's own; jobs carry it.
    """

    async def running(self, room: str, place: str = "") -> list[Job]:
        """Jobs of the room that are not over, newest first; none where the cloud lists none (see `lists`)."""

    def lists(self, room: str) -> bool:
        """Whether the job of a start without an answer can be looked up, as far as is known."""

    async def start(self, room: str, lasts_ms: int, place: str = "") -> Job:
        """Start a job with the room's `start` body, callbacks and single_job_in_room (S3).

        `lasts_ms`: how long it is wanted; the cloud is asked to end it by itself some time after that.

        Raises:
            CloudError: ALREADY_RUNNING when a job is on; OUTCOME_UNKNOWN when no answer came.
        """

    async def show(self, room: str, job_id: str, place: str = "") -> Job:
        """The job as its own page shows it: with report URL, and `callback_faults` already judged."""

    async def refresh_output(self, room: str, job_id: str, number: int, place: str = "") -> None:
        """Stream to the room's output of this number from now on (REFRESH_OUTPUT_URL)."""

    async def stop(self, room: str, job_id: str, place: str = "") -> None:
        """Ask the job to stop; stopping one that is already over is fine."""


class Ownership(msgspec.Struct, frozen=True, omit_defaults=True):
    """livecue's own note that it owes a room a stop; written before the start is asked for.

    `job_id` is empty between the request and its answer: then any job of the room created since
    `since_ms` is ours. `place` is where that is, as in `Job`. `live_ms`: when the session's run was first known
    to have its live; 0, not yet. A note of a job that was lost stays until its run is over or another job is
    started in its place. `ends_ms`: when the cloud ends the job by itself; 0, never or unknown.
    """

    session: str
    since_ms: int
    job_id: str = ""
    place: str = ""
    live_ms: int = 0
    ends_ms: int = 0


class Ownerships(Protocol):
    """Durable, so that a job is stopped even by a daemon that did not start it."""

    async def load(self) -> dict[str, Ownership]: ...

    async def save(self, room: str, owned: Ownership) -> None: ...

    async def drop(self, room: str) -> None: ...
