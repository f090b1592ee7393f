"""Leases on a network that is anything: never two at a time, and in the end somebody."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from runtime.leasing import PARTITIONS, Network, World

NAMES = st.sampled_from(["a", "b", "c", "d"])
_ALL = PARTITIONS + 1


class Leases(RuleBasedStateMachine):
    """Replicas come and go, and are stopped, on a network that is anything between fine and hopeless."""

    @initialize(seed=st.integers(0, 1 << 30))
    def begin(self, seed: int) -> None:
        self.world = World(seed)
        for name in "abc":
            self.world.join(name)
        self.world.go(12_000)

    def _is(self, name: str) -> bool:
        return name in self.world.replicas

    @rule(name=NAMES)
    def join(self, name: str) -> None:
        if not self._is(name):
            self.world.join(name)

    @rule(name=NAMES)
    def crash(self, name: str) -> None:
        if self._is(name):
            self.world.crash(name)

    @rule(name=NAMES)
    def leave(self, name: str) -> None:
        if self._is(name):
            self.world.leave(name)

    @rule(name=NAMES, ms=st.sampled_from([300, 3_000, 6_500, 7_500, 8_500, 12_000, 30_000]))
    def stop_for_a_while(self, name: str, ms: int) -> None:
        if self._is(name) and not self.world.replicas[name].stopped:
            self.world.stop(name)
            self.world.go(ms)
            if self._is(name):
                self.world.resume(name)
                self.world.check()

    @rule(name=NAMES)
    def stop(self, name: str) -> None:
        if self._is(name):
            self.world.stop(name)

    @rule(name=NAMES)
    def resume(self, name: str) -> None:
        if self._is(name):
            self.world.resume(name)
            self.world.check()

    @rule(name=NAMES, cut=st.booleans())
    def cut_off(self, *, name: str, cut: bool) -> None:
        if self._is(name):
            self.world.replicas[name].cut = cut

    @rule(
        loss=st.sampled_from([0, 0.1, 0.5]),
        double=st.sampled_from([0, 0.3]),
        slowest_ms=st.sampled_from([5, 300, 3_000, 9_000]),
        stale=st.sampled_from([0, 0.5]),
    )
    def weather(self, loss: float, double: float, slowest_ms: int, stale: float) -> None:
        self.world.network = Network(loss, double, slowest_ms, stale)

    @rule(ms=st.sampled_from([100, 1_000, 3_000, 7_000, 15_000]))
    def time_passes(self, ms: int) -> None:
        self.world.go(ms)

    @rule()
    def all_is_well_again(self) -> None:
        """Within 10 s of somebody being there every lease is held, and soon after they are shared evenly."""
        world = self.world
        world.network = Network()
        for name in list(world.replicas):
            world.replicas[name].cut = False
            world.resume(name)
        staying = [one for one in world.replicas.values() if not one.lessee.leaving]
        if not staying:
            world.join("a") if not self._is("a") else world.join("e")
        world.go(10_000)
        held = [name for one in world.replicas.values() for name in one.lessee.held()]
        assert len(held) == len(set(held)) == _ALL, f"{_ALL - len(set(held))} leases are nobody's"
        world.go(10_000)
        share = sorted(world.share().values())
        assert sum(share) == PARTITIONS
        assert share[-1] - share[0] <= 1, share
        before = world.bucket.table_revision
        world.go(10_000)
        assert world.bucket.table_revision == before, "leases change hands though nothing happens"

    @invariant()
    def no_two_act_on_one_lease(self) -> None:
        if hasattr(self, "world"):
            self.world.check()


Leases.TestCase.settings = settings(
    max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
test_no_two_hold_one_lease_and_none_stays_unheld = Leases.TestCase


@pytest.mark.parametrize("seed", range(12))
def test_in_minutes_of_foul_weather_no_two_hold_one_lease(seed: int) -> None:
    chance, world = Random(seed), World(seed)
    for _ in range(120):
        name = chance.choice("abcd")
        replica = world.replicas.get(name)
        if replica is None:
            world.join(name)
        else:
            match chance.randrange(8):
                case 0:
                    world.crash(name)
                case 1:
                    world.leave(name)
                case 2 | 3:
                    world.stop(name)
                case 4:
                    replica.cut = not replica.cut
                case 5:
                    slowest_ms = chance.choice([5, 400, 2_000, 9_000])
                    world.network = Network(
                        chance.choice([0, 0.2]), chance.choice([0, 0.2]), slowest_ms, chance.choice([0, 0.3])
                    )
                case _ if replica.stopped:
                    world.resume(name)
                    world.check()
        world.go(chance.choice([200, 900, 2_500, 7_000]))
