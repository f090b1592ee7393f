"""The sender of cues: each at most once, in time, within the limits, and accounted for."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from egress.stage import Stage
from livecue.domain import CloudError, Cue, Job, JobState, Meaning
from livecue.runtime.memory import MemoryBus, MemoryCloud, MemoryLog
from livecue.runtime.ports import AuditEntry, BusError, Count
from runtime.faults import DyingCloud, Fault, FaultyBus, Killed
from runtime.making import JOB, T0, cue, refusal


async def test_a_cue_is_claimed_before_it_is_sent_and_its_end_is_written_down() -> None:
    stage = Stage(cue("c1", age_ms=40))
    seen: list[list[tuple[str, str]]] = []

    class Watching(MemoryCloud):
        async def send(self, cue: Cue, job: Job) -> str:
            seen.append(stage.ends())
            return await super().send(cue, job)

    stage.cloud = Watching()
    stage.start()
    await stage.run()
    assert seen == [[("c1", "sending")]]
    assert stage.ends() == [("c1", "sending"), ("c1", "sent")]
    sent = stage.bus.audit["a"][-1]
    assert (sent.job_id, sent.command_id, sent.latency_ms) == ("job-1", "command-1", 40)
    assert stage.meter.latencies_s == [0.04]


@pytest.mark.parametrize("fault", list(Fault))
async def test_no_cue_is_spoken_twice_whatever_call_breaks_and_however(fault: Fault) -> None:
    cues = [cue("c1"), cue("c2", "b"), cue("late", expires_ms=T0), cue("old", "b", job_id="gone")]
    plain = Stage(*cues, bus=FaultyBus())
    await plain.run(3000)
    assert sorted(plain.spoken) == ["c1", "c2"]
    assert isinstance(plain.bus, FaultyBus)
    for at in range(1, plain.bus.calls + 1):
        stage = Stage(*cues, bus=FaultyBus(at, fault))
        with suppress(Killed):
            await stage.run(3000)
        stage.start()
        await stage.run(3000)
        assert len(stage.spoken) == len(set(stage.spoken)), at
        if fault is Fault.REFUSED:  # nothing is lost to a bus that says no
            assert sorted(stage.spoken) == ["c1", "c2"], at


async def test_a_process_that_dies_between_send_and_record_does_not_speak_again() -> None:
    stage = Stage(cue("c1"), cloud=DyingCloud(die_at=1))
    with suppress(Killed):
        await stage.run()
    stage.start()
    await stage.run(20_000)
    assert stage.spoken == ["c1"]
    assert stage.ends() == [("c1", "sending"), ("c1", "unknown")]
    assert stage.bus.signals == []  # perhaps it was heard: its rule's window stands


async def test_no_answer_means_no_second_try_and_no_window_given_back() -> None:
    stage = Stage(cue("c1"), cloud=MemoryCloud(refusal(Meaning.OUTCOME_UNKNOWN)))
    await stage.run(20_000)
    assert stage.cloud.calls == 1
    assert stage.ends()[-1] == ("c1", "unknown")
    assert stage.bus.signals == []


async def test_a_fault_of_our_own_in_sending_ends_the_cue_as_unknown() -> None:
    fault: Any = ZeroDivisionError()
    stage = Stage(cue("c1"), cue("c2"), cloud=MemoryCloud(fault, fault))
    await stage.run(3000)
    assert stage.ends() == [(one, outcome) for one in ("c1", "c2") for outcome in ("sending", "unknown")]


async def test_slow_down_pauses_the_whole_tenant_and_tries_again_within_the_deadline() -> None:
    stage = Stage(
        cue("c1"), cue("c2", "b"), cloud=MemoryCloud(refusal(Meaning.SLOW_DOWN, status=429)), limit=1
    )
    await stage.run(900)
    assert stage.cloud.calls == 1
    await stage.run(4000)
    assert sorted(stage.spoken) == ["c1", "c2"]
    assert [one for one in stage.ends() if one[0] == "c1"] == [
        ("c1", outcome) for outcome in ("sending", "waiting", "sending", "sent")
    ]
    assert [line.attempt for line in stage.bus.audit["a"] if line.outcome != "queued"] == [1, 1, 2, 2]


async def test_tries_end_at_the_deadline_and_are_never_late() -> None:
    failures = [refusal(Meaning.NOT_PUSHED)] * 50
    stage = Stage(cue("c1", expires_ms=T0 + 2000), cloud=MemoryCloud(*failures))
    await stage.run(10_000)
    assert 2 <= stage.cloud.calls <= 5
    assert stage.ends() == [*[("c1", "sending"), ("c1", "waiting")] * stage.cloud.calls, ("c1", "expired")]


async def test_a_cue_whose_time_is_up_is_never_spoken_and_gives_its_rule_the_window_back() -> None:
    stage = Stage(cue("c1", expires_ms=T0))
    await stage.run()
    assert stage.cloud.calls == 0
    assert stage.ends() == [("c1", "expired")]
    data = {"job_id": "", "rule_index": "r", "cue_id": "c1", "fired_at_ms": T0}
    assert stage.bus.signals == [("a", "cue_returned", data)]


async def test_a_cue_of_a_rule_without_limits_has_nothing_to_give_back() -> None:
    stage = Stage(cue("c1", expires_ms=T0, limited=False))
    await stage.run()
    assert (stage.ends(), stage.bus.signals) == ([("c1", "expired")], [])


async def test_a_cue_whose_time_runs_out_during_its_claim_is_not_sent() -> None:
    stage = Stage(cue("c1"))

    class Slow(MemoryBus):
        async def claim(self, room: str, entry: Any) -> bool:
            stage.clock.now_ms += 60_000
            return await super().claim(room, entry)

    stage.bus = Slow()
    stage.start()
    await stage.run()
    assert stage.cloud.calls == 0
    assert stage.ends() == [("c1", "sending"), ("c1", "expired")]


@pytest.mark.parametrize(
    ("meaning", "outcome", "look"),
    [(Meaning.TEXT_REFUSED, "refused", []), (Meaning.JOB_OVER, "no_job", ["a"])],
)
async def test_what_the_cloud_refuses_is_not_repeated_and_gives_the_window_back(
    meaning: Meaning, outcome: str, look: list[str]
) -> None:
    stage = Stage(cue("c1"), cloud=MemoryCloud(refusal(meaning)))
    await stage.run(5000)
    assert stage.cloud.calls == 1
    assert stage.bus.audit["a"][-1].code == "MSS.1"
    assert stage.ends()[-1] == ("c1", outcome)
    assert [kind for _, kind, _ in stage.bus.signals] == ["cue_returned"]
    assert stage.looked == look


async def test_a_cue_of_another_live_is_not_spoken_in_this_one() -> None:
    stage = Stage(cue("c1", job_id="job-0"))
    await stage.run()
    assert stage.cloud.calls == 0
    assert stage.ends() == [("c1", "no_job")]


async def test_a_cue_waits_for_its_job_to_come_up_and_ends_as_no_job_if_none_does() -> None:
    stage = Stage(cue("c1"), cue("c2", "b"))
    stage.jobs.jobs = {"a": Job("job-1", JobState.WAITING)}
    await stage.run(1000)
    assert stage.cloud.calls == 0
    stage.jobs.jobs["a"] = JOB
    await stage.run(20_000)
    assert stage.spoken == ["c1"]
    assert stage.ends("b") == [("c2", "no_job")]


async def test_one_cue_per_room_is_out_at_a_time_and_rooms_do_not_wait_for_each_other() -> None:
    gate = asyncio.Event()
    out: list[str] = []

    class Gated(MemoryCloud):
        async def send(self, cue: Cue, job: Job) -> str:
            out.append(cue.id)
            await gate.wait()
            return await super().send(cue, job)

    stage = Stage(cue("a1"), cue("a2"), cue("b1", "b"), cloud=Gated())
    for one in stage.log:
        stage.dispatcher.arrive(one)
    for _ in range(10):
        stage.dispatcher.step()
        await asyncio.sleep(0)
    assert sorted(out) == ["a1", "b1"]
    gate.set()
    stage.arrived.clear()
    await stage.run()
    assert sorted(stage.spoken) == ["a1", "a2", "b1"]


async def test_the_tenants_limit_holds_over_all_rooms() -> None:
    stage = Stage(*(cue(f"{room}{n}", room) for room in "ab" for n in range(4)), limit=3)
    await stage.run(1000)
    assert len(stage.spoken) == 3
    await stage.run(900)
    assert len(stage.spoken) == 6


async def test_a_claim_that_the_bus_did_not_take_is_made_again_after_a_pause() -> None:
    class Refusing(MemoryBus):
        refused = 0

        async def claim(self, room: str, entry: AuditEntry) -> bool:
            if not self.refused:
                self.refused = 1
                raise BusError("away")
            return await super().claim(room, entry)

    stage = Stage(cue("c1"), bus=Refusing())
    await stage.run(400)
    assert stage.cloud.calls == 0
    await stage.run(1500)
    assert stage.spoken == ["c1"]
    assert stage.gate.wait_ms(stage.clock()) == 0  # an attempt that came to nothing took no slot


async def test_a_claim_whose_answer_was_lost_is_not_trusted_and_the_cue_accounted_for() -> None:
    class Forgetful(MemoryBus):
        forgot = False

        async def claim(self, room: str, entry: AuditEntry) -> bool:
            won = await super().claim(room, entry)
            if not self.forgot:
                self.forgot = True
                raise BusError("stored, but who knows")
            return won

    stage = Stage(cue("c1"), bus=Forgetful())
    await stage.run(2_000)
    assert stage.cloud.calls == 0
    assert stage.ends() == [("c1", "sending"), ("c1", "unknown")]


async def test_a_cue_that_another_one_has_claimed_is_left_to_it() -> None:
    stage = Stage(cue("c1"))
    stage.bus._claims.add(("a", "c1", 1))
    await stage.run(2_000)
    assert stage.cloud.calls == 0
    assert stage.ends() == []


async def test_a_cue_pushed_out_by_one_that_comes_back_is_written_down_and_returned() -> None:
    class Filling(MemoryCloud):
        async def send(self, cue: Cue, job: Job) -> str:
            stage.dispatcher.arrive(filler)
            return await super().send(cue, job)

    filler = cue("filler", priority=1)
    stage = Stage(*(cue(f"c{n}") for n in range(200)), cloud=Filling(refusal(Meaning.NOT_PUSHED)))
    await stage.run()
    assert ("c0", "overflow") in stage.ends()
    assert [data["cue_id"] for _, _, data in stage.bus.signals] == ["c0"]


async def test_the_loops_read_wake_send_and_stop() -> None:
    stage = Stage()
    log = MemoryLog()
    stage.dispatcher._cues = log
    loops = asyncio.gather(stage.dispatcher.read(), stage.dispatcher.send(), stage.dispatcher.tend())
    await asyncio.sleep(0.05)
    log.items.append(cue("c1"))
    async with asyncio.timeout(5):
        while not stage.spoken:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.005)
    await stage.dispatcher.stop(1)
    async with asyncio.timeout(5):
        await loops
    assert stage.meter.counts[Count.CUES, "sent"] == 1
    assert stage.bus.outcomes("a")[-1] == ("c1", "sent")


async def test_an_error_of_the_cloud_is_never_a_secret_in_the_audit() -> None:
    error = CloudError("no", meaning=Meaning.INVALID, error_code="MSS.7")
    stage = Stage(cue("c1"), cloud=MemoryCloud(error))
    await stage.run()
    assert (stage.bus.audit["a"][-1].code, stage.bus.audit["a"][-1].detail) == ("MSS.7", "invalid")
