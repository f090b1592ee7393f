"""The same in any order with a standby: one job at most over both places, and a live wherever it can be had.

A place turns bad in one of the ways that another cloud room can cure, and stays so until it is mended.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from livecue.domain import Job, JobState, Meaning
from livecue.supervisor import Supervisor

from .fakes import Clock, refusal, room
from .scenes import SCENES, Scene
from .test_machine import ROOM, LaxCloud, Lives, Stage

SPARE = "spare-id"


class TwoPlaces(LaxCloud):
    """Starts whatever it is asked for in either place, unless that place is bad: `bad` says how, by place."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.bad: dict[str, str] = {}

    async def running(self, room: str, place: str = "") -> list[Job]:
        if self.bad.get(place) == "gone":
            raise refusal(Meaning.NOT_FOUND)
        return await super().running(room, place)

    async def start(self, room: str, lasts_ms: int, place: str = "") -> Job:
        how = self.bad.get(place, "")
        if how in {"gone", "refuses"}:
            self._called("start", place or room)
            raise refusal(Meaning.NOT_FOUND if how == "gone" else Meaning.INVALID)
        job = await super().start(room, lasts_ms, place)
        self.spoil(place)
        return self.jobs[job.job_id]

    def spoil(self, place: str) -> None:
        """What a bad place does to the jobs in it."""
        how = self.bad.get(place)
        state = {"blocks": JobState.BLOCKED, "fails": JobState.FAILED, "gone": JobState.FAILED}.get(how or "")
        for job_id in self.in_place(ROOM, place):
            if state is not None:
                self.become(job_id, state, "MSS.20010118" if how == "fails" else "")


class StageOfTwo(Stage):
    """The same stage, the room with a standby."""

    def boot(self) -> Supervisor:
        self.plans = (room(*self.plans[0].sessions, standby=SPARE),)
        return super().boot()

    def new_cloud(self, clock: Clock) -> LaxCloud:
        return TwoPlaces(clock)


class LivesOfTwo(Lives):
    """What may happen beside, in any order."""

    stage_of = StageOfTwo

    def __init__(self) -> None:
        super().__init__()
        self.hopeless: set[str] = set()
        """Runs during which the standby was bad: they may have been given up, and are not tried again."""

    @property
    def cloud(self) -> TwoPlaces:
        assert isinstance(self.stage.cloud, TwoPlaces)
        return self.stage.cloud

    @initialize(scene=st.sampled_from(SCENES), how=st.sampled_from(["", "gone", "refuses", "blocks"]))
    def the_day_is(self, scene: Scene, how: str = "") -> None:
        """Most begin in the standby."""
        self.stage = self.stage_of(scene)
        self.cloud.bad[""] = how
        self.loop.run(self.stage.live(10))

    @rule(how=st.sampled_from(["gone", "refuses", "blocks", "fails"]))
    def the_own_room_turns_bad(self, how: str) -> None:
        self.cloud.bad[""] = how
        self.cloud.spoil("")
        self.loop.run(self.stage.live(10))

    @rule()
    def the_own_room_is_mended(self) -> None:
        self.cloud.bad.pop("", None)

    @rule(how=st.sampled_from(["gone", "refuses", "blocks"]))
    def the_standby_turns_bad(self, how: str) -> None:
        self.cloud.bad[SPARE] = how
        self.cloud.spoil(SPARE)
        self.loop.run(self.stage.live(10))

    @rule()
    @precondition(lambda self: SPARE in self.cloud.bad)
    def the_standby_is_mended(self) -> None:
        self.runs_with_a_bad_standby_are_known()
        self.cloud.bad.pop(SPARE)

    @rule()
    def all_is_well_again(self) -> None:
        self.all_is_well(may_be_given_up=self.run() in self.hopeless)

    @invariant()
    def runs_with_a_bad_standby_are_known(self) -> None:
        if SPARE in self.cloud.bad:
            self.hopeless.add(self.run())

    def run(self) -> str:
        """The run that is on, by the daemon's clock."""
        return str(self.stage.run_on())


LivesOfTwo.TestCase.settings = settings(
    derandomize=True,
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
test_lives_with_a_standby = LivesOfTwo.TestCase
