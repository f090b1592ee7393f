"""Leases, notes and scripts on a real server: nobody overwrites what somebody else wrote."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping

import pytest
from nats.aio.client import Client

from bus.serving import stored, until
from livecue.bus.api import api_request
from livecue.bus.leases import NatsLeases
from livecue.bus.ownership import NatsOwnerships
from livecue.bus.scripts import NatsScripts
from livecue.bus.streams import ensure_streams
from livecue.runtime.health import HealthBoard
from livecue.runtime.job_ports import Ownership
from livecue.runtime.lease_keeper import LeaseKeeper
from livecue.runtime.lease_ports import TENANT, Held, Lease, Member, StaleRecordError
from livecue.runtime.leases import Lessee
from livecue.runtime.memory import Tally
from livecue.runtime.ports import BusError, Count, StaleStateError


async def test_what_is_written_is_read_with_its_revision(nc: Client) -> None:
    leases = NatsLeases(nc)
    assert await leases.snapshot() == ({}, 0, {})
    joined = await leases.put_member("a-1", Member(), 0)
    beat = await leases.put_member("a-1", Member(joined, beat=7), joined)
    table = {TENANT: Lease("a-1", joined, 3), "p-0": Lease(turn=2)}
    revision = await leases.put_table(table, 0)
    assert revision > beat > joined > 0
    assert await leases.snapshot() == (table, revision, {"a-1": (beat, Member(joined, beat=7))})


async def test_a_record_that_somebody_else_wrote_is_not_written_over(nc: Client) -> None:
    one, other = NatsLeases(nc), NatsLeases(nc)
    first = await one.put_table({}, 0)
    await other.put_table({TENANT: Lease("b", 1, 1)}, first)
    with pytest.raises(StaleRecordError):
        await one.put_table({TENANT: Lease("a", 1, 1)}, first)
    with pytest.raises(StaleRecordError):
        await one.put_member("b", Member(1, gone=True), 99)
    with pytest.raises(StaleRecordError):
        await one.put_table({}, 0)
    assert (await one.snapshot()).table == {TENANT: Lease("b", 1, 1)}


async def test_that_a_replica_is_gone_is_kept_for_an_hour_and_its_beats_for_good(nc: Client) -> None:
    leases = NatsLeases(nc)
    joined = await leases.put_member("a", Member(), 0)
    await leases.put_member("a", Member(joined, gone=True), joined)
    await leases.put_member("b", Member(), 0)
    found = {}
    for replica in "ab":
        subject = f"$KV.livecue_leases.member-{replica}"
        answer = await api_request(nc, "STREAM.MSG.GET.KV_livecue_leases", {"last_by_subj": subject})
        found[replica] = base64.b64decode(answer["message"]["hdrs"])
    assert b"Nats-TTL: 3600s" in found["a"]
    assert b"Nats-TTL" not in found["b"]
    assert (await stored(nc, "KV_livecue_leases"))["messages"] == 2


async def test_without_the_bucket_reading_and_writing_fail_and_a_new_one_has_another_name(nc: Client) -> None:
    leases = NatsLeases(nc)
    before = await leases.created()
    await api_request(nc, "STREAM.DELETE.KV_livecue_leases", {})
    with pytest.raises(BusError):
        await leases.snapshot()
    with pytest.raises(BusError):
        await leases.put_table({}, 0)
    await ensure_streams(nc, 1)
    assert await leases.created() != before


async def test_a_foreign_record_is_named_with_its_remedy(nc: Client) -> None:
    await nc.request("$KV.livecue_leases.table", b"nonsense", timeout=5)
    with pytest.raises(BusError, match=r"table of KV_livecue_leases is not livecue's.*delete that key"):
        await NatsLeases(nc).snapshot()


class Works:
    """Work that ends when it is told to, after a moment."""

    def __init__(self) -> None:
        self.units: dict[str, Held] = {}
        self.begun: list[tuple[str, Held]] = []

    def running(self) -> frozenset[str]:
        return frozenset(self.units)

    def follow(self, wanted: Mapping[str, Held], held: Mapping[str, Held]) -> None:
        assert wanted.keys() <= held.keys()
        for name in [name for name, one in self.units.items() if wanted.get(name) != one]:
            del self.units[name]
        for name, one in wanted.items():
            if name not in self.units:
                self.units[name] = one
                self.begun.append((name, one))


class Replica:
    """A keeper on the real bucket."""

    def __init__(self, nc: Client, name: str, clock: list[int]) -> None:
        self.works, self.meter, self.health = Works(), Tally(), HealthBoard()
        self.keeper = LeaseKeeper(
            NatsLeases(nc),
            Lessee(name, 4),
            self.works,
            lambda: clock[0],
            self.meter,
            self.health,
        )
        self.task = asyncio.create_task(self.keeper.run())

    @property
    def has(self) -> set[str]:
        return set(self.works.units)

    async def cut(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_keepers_share_give_back_and_take_over_on_a_real_bucket(nc: Client) -> None:
    clock = [0]
    a = Replica(nc, "a", clock)
    await until(lambda: len(a.has) == 5)
    assert a.keeper.settled.is_set()
    b = Replica(nc, "b", clock)
    await until(lambda: len(b.has) == 2 and len(a.has) == 3)
    assert TENANT in a.has
    assert not a.has & b.has
    a.keeper.leave()
    await a.task
    await until(lambda: len(b.has) == 5)
    assert not any(one.contested for _, one in b.works.begun[:2])  # given back, each by itself
    assert a.meter.counts[Count.LEASE_CHANGES, "given"] == 5
    assert (await NatsLeases(nc).snapshot()).members["a"][1].gone
    await b.cut()
    c = Replica(nc, "c", clock)
    await asyncio.sleep(1.2)
    assert not c.has  # b may still be about
    clock[0] += 6_100
    await until(lambda: len(c.has) == 5)
    assert all(one.contested for _, one in c.works.begun)
    assert c.meter.counts[Count.LEASE_CHANGES, "evicted"] == 1
    await c.cut()


async def test_a_bucket_made_anew_ends_all_work_and_it_begins_again(nc: Client) -> None:
    clock = [0]
    a = Replica(nc, "a", clock)
    await until(lambda: len(a.has) == 5)
    await api_request(nc, "STREAM.DELETE.KV_livecue_leases", {})
    clock[0] += 4_100
    await until(lambda: a.health.parts()["leases"] != "ok")
    assert len(a.has) == 5  # nobody says that they are another's
    await ensure_streams(nc, 1)
    clock[0] += 2_000
    await until(lambda: len(a.works.begun) == 10)
    assert a.health.parts()["leases"] == "ok"
    await a.cut()


async def test_a_supervisor_that_lost_its_lease_cannot_change_a_note_any_more(nc: Client) -> None:
    told: list[str] = []
    zombie, fresh = NatsOwnerships(nc, lambda: told.append("zombie")), NatsOwnerships(nc)
    note = Ownership("s", 1)
    await zombie.save("a", note)
    assert await fresh.load() == {"a": note}
    with pytest.raises(StaleStateError, match="another replica wrote the note on a's job"):
        await zombie.drop("a")
    assert told == ["zombie"]
    second = Ownership("s", 1, "job-1")
    await fresh.save("a", second)
    with pytest.raises(StaleStateError):
        await zombie.save("a", Ownership("s", 1, "job-2"))
    assert await NatsOwnerships(nc).load() == {"a": second}


async def test_a_note_that_was_stored_without_an_answer_is_written_again_and_on_a_new_server_too(
    nc: Client,
) -> None:
    notes = NatsOwnerships(nc, lambda: pytest.fail("nobody else wrote"))
    note = Ownership("s", 1)
    await notes.save("a", note)
    before = dict(notes._revisions)
    await notes.drop("a")
    notes._revisions = before  # as if the answer had been lost
    await notes.drop("a")
    await notes.save("a", note)
    await api_request(nc, "STREAM.DELETE.KV_livecue_owned", {})
    await ensure_streams(nc, 1)
    await notes.save("a", Ownership("s", 1, "job-1"))
    assert await NatsOwnerships(nc).load() == {"a": Ownership("s", 1, "job-1")}


async def test_a_script_told_by_one_replica_is_heard_by_all_and_by_who_comes_later(nc: Client) -> None:
    script = {("甲", "1"): "欢迎", ("甲", "开场"): "欢迎"}
    early = NatsScripts(nc)
    assert await early.take(0.05) == []
    await NatsScripts(nc).tell("a", {("甲", "1"): "旧"})
    await NatsScripts(nc).tell("a", script)
    heard: list[object] = []
    while len(heard) < 2:
        heard += await early.take(1)
    assert heard[-1] == ("a", script)
    late = NatsScripts(nc)
    assert await late.take(2) == [("a", script)]
    await late.close()
    await early.close()


async def test_a_script_too_large_for_a_message_is_not_told(nc: Client) -> None:
    scripts = NatsScripts(nc)
    await scripts.tell("a", {("甲", "1"): "好" * 400_000})
    assert await scripts.take(0.2) == []
    await scripts.close()
