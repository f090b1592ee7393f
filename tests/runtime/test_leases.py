"""Leases as replicas come, leave, crash, stop and wake: who has what, and how soon. Storms are played beside."""

from __future__ import annotations

from itertools import pairwise

from livecue.runtime.lease_ports import TENANT, Lease, Member, Snapshot
from livecue.runtime.lease_writes import MemberWrite, TableWrite, Why, quotas
from livecue.runtime.leases import HOLD_MS, TTL_MS, Lessee
from runtime.leasing import PARTITIONS, World

_ALL = PARTITIONS + 1


def in_order(world: World, *names: str) -> None:
    for name in names:
        world.join(name)
        world.go(10_000)


def test_the_first_replica_has_everything_at_once() -> None:
    world = World(1)
    world.join("a")
    world.go(100)
    assert len(world.replicas["a"].lessee.held()) == _ALL


def test_who_joins_gets_its_share_a_few_at_a_time_and_who_was_there_keeps_the_tenant() -> None:
    world = World(2)
    in_order(world, "a")
    world.join("b")
    shares = []
    for _ in range(40):
        world.go(250)
        shares.append(world.share()["a"])
    assert shares[0] == 16
    assert shares[-1] == 8
    assert all(0 <= before - after <= 4 for before, after in pairwise(shares))
    assert TENANT in world.replicas["a"].lessee.held()
    in_order(world, "c")
    assert sorted(world.share().values()) == [5, 5, 6]


def test_a_replica_that_leaves_is_followed_within_two_seconds() -> None:
    world = World(3)
    in_order(world, "a", "b")
    world.leave("a")
    world.go(2_000)
    assert list(world.replicas) == ["b"]
    assert len(world.replicas["b"].lessee.held()) == _ALL


def test_a_replica_that_crashes_is_followed_when_it_may_not_act_any_more_and_within_eight_seconds() -> None:
    world = World(4)
    in_order(world, "a", "b")
    world.crash("a")
    world.go(TTL_MS - 1_500 - 500)  # its last beat may be that old
    assert world.share() == {"b": 8}
    world.go(4_000)
    assert len(world.replicas["b"].lessee.held()) == _ALL


def test_a_replica_that_comes_back_under_its_name_has_its_leases_at_once() -> None:
    world = World(5)
    in_order(world, "a", "b")
    before = set(world.replicas["a"].lessee.held())
    world.crash("a")
    world.go(300)
    world.join("a")
    world.go(300)
    held = world.replicas["a"].lessee.held()
    assert set(held) == before
    assert not any(one.contested for one in held.values())


def test_a_replica_that_was_stopped_gives_way_and_is_a_member_again() -> None:
    world = World(6)
    in_order(world, "a", "b")
    zombie = world.replicas["a"]
    tenant = zombie.lessee.held()[TENANT]
    world.stop("a")
    world.go(12_000)
    assert len(world.replicas["b"].lessee.held()) == _ALL
    assert world.replicas["b"].lessee.held()[TENANT].contested
    assert not zombie.lessee.holds(TENANT, tenant.turn, world.clock(zombie))
    assert not zombie.lessee.holds_blindly(TENANT, tenant.turn, world.clock(zombie))
    world.resume("a")
    world.go(1_000)
    assert TENANT not in zombie.lessee.held()
    world.go(10_000)
    assert world.share() == {"a": 8, "b": 8}
    assert TENANT in world.replicas["b"].lessee.held()


def test_cut_off_from_the_bus_nothing_is_acted_on_but_what_harms_less_if_two_do_it() -> None:
    world = World(7)
    in_order(world, "a")
    alone = world.replicas["a"]
    tenant = alone.lessee.held()[TENANT]
    alone.cut = True
    world.go(8_000)
    assert not alone.lessee.holds(TENANT, tenant.turn, world.clock(alone))
    assert alone.lessee.holds_blindly(TENANT, tenant.turn, world.clock(alone))
    alone.cut = False
    world.go(3_000)
    assert alone.lessee.holds(TENANT, tenant.turn, world.clock(alone))  # nobody was there to take it


def test_a_beat_that_was_stored_but_never_acknowledged_does_not_prolong_what_is_held() -> None:
    lessee = Lessee("a", 1)
    [join] = lessee.decide(0, ())
    lessee.stored(join, 1, 0, 10)
    [beat] = [one for one in lessee.decide(2_000, ()) if isinstance(one, MemberWrite)]
    assert beat.why is Why.BEAT
    lessee.see(Snapshot({}, 0, {"a": (2, beat.member)}), 3_000)  # so it was stored, whenever it was
    assert lessee.valid(HOLD_MS - 1)
    assert not lessee.valid(HOLD_MS)
    [again] = [one for one in lessee.decide(3_000, ()) if isinstance(one, MemberWrite)]
    assert again.revision == 2
    lessee.stored(again, 3, 3_000, 9_000)
    assert lessee.valid(3_000 + HOLD_MS - 1)
    assert not lessee.valid(3_000 + HOLD_MS)  # from when it was sent, not from when it was answered


def test_a_lease_that_is_being_given_back_is_not_counted_on_though_nobody_knows_whether_that_was_stored() -> (
    None
):
    lessee = Lessee("a", 2)
    [join] = lessee.decide(0, ())
    lessee.stored(join, 1, 0, 0)
    [take] = lessee.decide(0, ())
    lessee.stored(take, 2, 0, 0)
    assert set(lessee.held()) == {TENANT, "p-0", "p-1"}
    table = {**lessee._table}
    lessee.see(Snapshot(table, 2, {"a": (1, Member()), "b": (3, Member())}), 100)
    assert lessee.decide(100, {"p-0", "p-1", TENANT}) == []
    assert set(lessee.wanted()) == {TENANT, "p-0"}
    assert set(lessee.held()) == {TENANT, "p-0", "p-1"}  # until its work is over
    [given] = lessee.decide(200, {"p-0", TENANT})
    assert isinstance(given, TableWrite)
    assert given.table["p-1"] == Lease(turn=1)
    assert set(lessee.held()) == {TENANT, "p-0"}
    lessee.see(Snapshot(table, 2, {"a": (1, Member()), "b": (3, Member())}), 300)
    assert set(lessee.held()) == {TENANT, "p-0"}
    [again] = lessee.decide(300, {"p-0", TENANT})
    assert isinstance(again, TableWrite)
    assert again.table == given.table


def test_a_lease_whose_holder_is_not_on_the_bus_is_taken_after_the_same_time_as_any_other() -> None:
    world = World(8)
    in_order(world, "a")
    world.crash("a")
    world.bucket.members.clear()
    world.join("b")
    world.go(TTL_MS - 100)
    assert world.share() == {"b": 0}
    world.go(1_500)
    assert world.share() == {"b": 16}


def test_in_a_bucket_made_anew_nothing_is_held_and_with_others_about_nothing_is_taken_at_once() -> None:
    lessee = Lessee("a", 1)
    lessee.see(Snapshot({}, 0, {"b": (5, Member(4))}), 0)
    lessee.stored(lessee.decide(0, ())[0], 6, 0, 0)
    lessee.forget(1_000)
    assert not lessee.held()
    [join] = lessee.decide(1_000, ())
    assert join == MemberWrite(Why.JOIN, "a", Member(), 0)
    lessee.stored(join, 1, 1_000, 1_000)
    assert not any(isinstance(one, TableWrite) for one in lessee.decide(1_100, ()))
    later = 1_000 + HOLD_MS
    lessee.stored(MemberWrite(Why.BEAT, "a", Member(1, beat=1), 1), 2, later, later)
    assert any(isinstance(one, TableWrite) for one in lessee.decide(later, ()))


def test_quotas_are_equal_within_one_and_move_as_little_as_they_can() -> None:
    assert quotas({"a": 16, "b": 0, "c": 0}, 16) == {"a": 6, "b": 5, "c": 5}
    assert quotas({"a": 5, "b": 5, "c": 6}, 16) == {"a": 5, "b": 5, "c": 6}
    assert quotas({"a": 0}, 16) == {"a": 16}
    assert sum(quotas(dict.fromkeys("abcdefghijklmnopqrst", 0), 16).values()) == 16


def test_whose_record_was_removed_by_hand_joins_again_in_a_new_term() -> None:
    lessee = Lessee("a", 1)
    lessee.stored(lessee.decide(0, ())[0], 1, 0, 0)
    lessee.stored(lessee.decide(0, ())[0], 2, 0, 0)
    assert len(lessee.held()) == 2
    table = dict(lessee._table)
    beat = lessee.decide(2_000, lessee.held())[0]
    lessee.refused(beat)
    assert lessee.doubts
    lessee.see(Snapshot(table, 2, {}), 2_100)  # somebody purged the key
    assert not lessee.held()
    [join] = lessee.decide(2_100, ())
    assert join == MemberWrite(Why.JOIN, "a", Member(), 0)
    lessee.stored(join, 3, 2_100, 2_100)
    [take] = lessee.decide(2_200, ())
    assert isinstance(take, TableWrite)
    assert {lease.term for lease in take.table.values()} == {3}
