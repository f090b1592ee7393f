"""What the dispatcher lets a room say, and what it takes back: airtime, scenes, merging, rewording."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from egress.stage import Stage
from livecue.domain import Cue, CueKind, Job, JobState, Meaning, Merge, SignalKind
from livecue.egress.on_air import AirtimeLimits
from livecue.runtime.memory import MemoryCloud
from runtime.making import JOB, T0, cue, refusal

NARROW = AirtimeLimits(8_000, 0.5)
NARROW_LINE = AirtimeLimits(3_000, 1.0)


def long(cue_id: str, room: str = "a", **more: Any) -> Cue:
    usual: dict[str, Any] = {"seconds": 5.0, "play_type": "INSERT", "expires_ms": T0 + 80_000}
    return cue(cue_id, room, **usual | more)


def finish(stage: Stage, number: int) -> None:
    stage.hear(SignalKind.REPLY_FINISHED, reply_id=f"command-{number}")


async def test_a_room_is_given_no_more_than_it_can_say_and_the_others_go_on() -> None:
    stage = Stage(long("a1"), long("a2"), long("b1", "b"), airtime=NARROW)
    await stage.run(1_500)
    assert sorted(stage.spoken) == ["a1", "b1"]
    await stage.run(1_000)
    assert sorted(stage.spoken) == ["a1", "a2", "b1"]


async def test_a_finish_lets_the_next_one_go_and_is_audited() -> None:
    stage = Stage(long("a1"), long("a2"), airtime=NARROW)
    await stage.run(500)
    finish(stage, 1)
    await stage.run()
    assert stage.spoken == ["a1", "a2"]
    assert ("a1", "finished") in stage.ends()


async def test_a_finish_that_comes_just_after_its_time_still_shows_that_the_cloud_calls_back() -> None:
    stage = Stage(long("a1", seconds=1), long("a2", seconds=5), long("a3", seconds=5), airtime=NARROW_LINE)
    await stage.run(1_050)
    assert stage.spoken == ["a1", "a2"], "the first was taken to be over"
    finish(stage, 1)
    await stage.run(5_100)
    assert stage.spoken == ["a1", "a2", "a3"]
    waited_for = stage.dispatcher.air("a").airtime.command_ids
    assert waited_for == ["command-2", "command-3"], "the finish of the second may still come"


async def test_a_finish_faster_than_the_commands_own_answer_counts() -> None:
    class Hasty(MemoryCloud):
        async def send(self, cue: Cue, job: Job) -> str:
            finish(stage, len(self.cues) + 1)
            return await super().send(cue, job)

    stage = Stage(long("a1"), long("a2"), airtime=NARROW, cloud=Hasty())
    await stage.run(500)
    assert stage.spoken == ["a1", "a2"]
    assert stage.ends().count(("a1", "finished")) == 1


async def test_where_gifts_are_thanked_for_replies_leave_room_for_it() -> None:
    cues = [long(f"a{n}", seconds=3) for n in range(2)]
    thanks = long("gift", seconds=3, event_type=4, age_ms=-1)
    for leaves, said in ((True, ["a0", "gift"]), (False, ["a0", "a1"])):
        stage = Stage(*cues, airtime=NARROW, thanks=leaves)
        await stage.run(10)
        stage.arrive(thanks)
        await stage.run(300)
        assert stage.spoken == said


async def test_a_slow_voice_is_given_less_and_the_configured_speed_comes_before_the_rooms() -> None:
    slow, told = Stage(airtime=NARROW), Stage(airtime=AirtimeLimits(8_000, 0.5, voice_speed=100))
    for stage in (slow, told):
        stage.dispatcher.set_speed("a", 50)
        stage.arrive(long("a1", seconds=3), long("a2", seconds=3))
        await stage.run(1_000)
    assert (slow.spoken, told.spoken) == (["a1"], ["a1", "a2"])


async def test_what_could_not_be_said_in_time_expires_and_is_never_sent() -> None:
    stage = Stage(*(long(f"a{n}", expires_ms=T0 + 4_000) for n in range(3)), airtime=NARROW)
    await stage.run(20_000)
    assert stage.spoken == ["a0", "a1"]  # 5 s, and the other once 2 s of it are over
    assert ("a2", "expired") in stage.ends()


async def test_the_clouds_list_of_unplayed_inserts_heals_a_lost_finish() -> None:
    stage = Stage(long("a1", play_type="APPEND"), long("a2", play_type="APPEND"), airtime=NARROW)
    stage.cloud.waiting = frozenset()
    await stage.run(100)
    finish(stage, 1)
    await stage.run(100)  # a2 is sent: an APPEND waits until the cloud says it was spoken
    stage.arrive(long("a3"), long("a4", "b"))
    await stage.run(10_000)
    assert "a3" not in stage.spoken
    await stage.dispatcher._heal("a")
    await stage.run(100)
    assert "a3" in stage.spoken
    assert stage.meter.counts["airtime_healed", ""] == 1


async def test_a_scene_that_ends_takes_its_replies_with_it_sent_and_unsent() -> None:
    cues = [long(f"a{n}", scenes=("one",), seconds=3) for n in range(4)]
    stage = Stage(*cues, long("all", seconds=1, priority=1), airtime=NARROW)
    stage.hear(SignalKind.SCRIPT_SWITCH, scene="one")
    await stage.run(2_000)
    assert set(stage.spoken) == {"all", "a0", "a1", "a2"}
    finish(stage, 1)
    stage.hear(SignalKind.SCRIPT_SWITCH, scene="two")
    await stage.run(100)
    [(room, ids)] = stage.cloud.withdrawn
    unspoken = {f"command-{stage.spoken.index(one) + 1}" for one in ("a0", "a1", "a2")}
    assert (room, set(ids)) == ("a", unspoken)
    withdrawn = {one for one, outcome in stage.ends() if outcome == "withdrawn"}
    assert withdrawn == {"a1", "a2", "a3"}  # a0 is being said
    assert {data["cue_id"] for _, _, data in stage.bus.signals} == withdrawn
    finish(stage, stage.spoken.index("a0") + 1)
    await stage.run()
    assert ("a0", "finished") in stage.ends()


async def test_a_reply_without_an_answer_may_hold_the_air_and_counts_as_if_it_did() -> None:
    stage = Stage(long("a1"), long("a2"), airtime=NARROW, cloud=MemoryCloud(refusal(Meaning.OUTCOME_UNKNOWN)))
    await stage.run(1_500)
    assert stage.spoken == []
    await stage.run(1_500)
    assert stage.spoken == ["a2"]


async def test_a_reply_that_is_bound_to_the_new_scene_or_to_none_stays() -> None:
    stage = Stage(long("both", scenes=("one", "two")), long("free", "b"), airtime=NARROW)
    stage.hear(SignalKind.SCRIPT_SWITCH, scene="two")
    await stage.run()
    assert sorted(stage.spoken) == ["both", "free"]
    stage.hear(SignalKind.SCRIPT_SWITCH, scene="one")
    await stage.run()
    assert stage.cloud.withdrawn == []


async def test_a_reply_decided_after_the_switch_is_not_withdrawn_by_it() -> None:
    stage = Stage(airtime=NARROW)
    stage.hear(SignalKind.SCRIPT_SWITCH, scene="one")
    stage.arrive(long("next", scenes=("two",), age_ms=-1))
    await stage.run(100)
    assert stage.spoken == ["next"]


async def test_a_withdrawal_that_failed_is_tried_again_and_one_for_another_live_is_dropped() -> None:
    stage = Stage(long("a1", scenes=("one",)), airtime=NARROW)
    await stage.run()
    stage.cloud.failures = [refusal(Meaning.NOT_PUSHED)]
    stage.hear(SignalKind.SCRIPT_SWITCH, scene="two")
    await stage.run(2_000)
    assert stage.cloud.withdrawn == [("a", ("command-1",))]
    other = Stage(long("a1", scenes=("one",)), airtime=NARROW)
    await other.run()
    other.hear(SignalKind.SCRIPT_SWITCH, scene="two")
    other.jobs.jobs["a"] = Job("job-2", JobState.PROCESSING)
    await other.run(2_000)
    assert other.cloud.withdrawn == []


async def test_a_command_that_got_no_id_holds_the_air_and_is_never_withdrawn_by_an_empty_id() -> None:
    class Wordless(MemoryCloud):
        async def send(self, cue: Cue, job: Job) -> str:
            await super().send(cue, job)
            return ""

    stage = Stage(long("a1", scenes=("one",)), long("a2", scenes=("one",)), airtime=NARROW, cloud=Wordless())
    await stage.run(1_500)
    assert stage.spoken == ["a1"]
    stage.hear(SignalKind.SCRIPT_SWITCH, scene="two")
    stage.hear(SignalKind.REPLY_FINISHED, reply_id="")
    await stage.run(2_000)
    assert stage.cloud.withdrawn == []


def thanks(name: str, n: int) -> Cue:
    merge = Merge("感谢{names}的火箭", name, 3)
    return cue(f"g{n}", text=f"感谢{name}的火箭", merge=merge, event_type=4, age_ms=20 - n, seconds=1)


async def test_thanks_that_piled_up_are_one_command_and_each_is_accounted_for() -> None:
    stage = Stage(*(thanks(name, n) for n, name in enumerate("甲乙丙丁")))
    await stage.run()
    assert [one.text for one in stage.cloud.cues] == ["感谢甲、乙、丙的火箭", "感谢丁的火箭"]
    sent = {
        line.subject_id: (line.command_id, line.text)
        for line in stage.bus.audit["a"]
        if line.outcome == "sent"
    }
    assert set(sent) == {"g0", "g1", "g2", "g3"}
    assert sent["g0"] == sent["g2"] == ("command-1", "感谢甲、乙、丙的火箭")


async def test_a_name_that_review_refuses_costs_the_others_nothing() -> None:
    class Review(MemoryCloud):
        async def send(self, cue: Cue, job: Job) -> str:
            if "乙" in cue.text:
                raise refusal(Meaning.TEXT_REFUSED)
            return await super().send(cue, job)

    stage = Stage(*(thanks(name, n) for n, name in enumerate("甲乙丙")), cloud=Review())
    await stage.run(3_000)
    assert sorted(one.text for one in stage.cloud.cues) == ["感谢丙的火箭", "感谢甲的火箭"]
    assert ("g1", "refused") in stage.ends()
    assert stage.ends().count(("g1", "sending")) == 2


async def test_a_refused_text_gives_way_to_the_rules_next_one_once() -> None:
    both = [refusal(Meaning.TEXT_REFUSED)] * 2
    stage = Stage(cue("c1", text="甲", other_text="乙"), cloud=MemoryCloud(both[0]))
    await stage.run(2_000)
    assert [one.text for one in stage.cloud.cues] == ["乙"]
    assert [end for _, end in stage.ends()] == ["sending", "waiting", "sending", "sent"]
    refused = Stage(cue("c1", text="甲", other_text="乙"), cloud=MemoryCloud(*both))
    await refused.run(5_000)
    assert (refused.cloud.calls, refused.ends()[-1]) == (2, ("c1", "refused"))


@pytest.mark.parametrize("how", ["answer", "signal"])
async def test_a_job_that_is_over_closes_the_rooms_queue(how: str) -> None:
    cues = [cue(f"c{n}", job_id=JOB.job_id) for n in range(3)]
    stage = Stage(
        *cues, cue("b1", "b"), cloud=MemoryCloud(*[refusal(Meaning.JOB_OVER)] * (how == "answer")), limit=1
    )
    if how == "signal":
        await stage.settle()
        stage.hear(SignalKind.JOB_ENDED)
    await stage.run(3_000)
    ends = dict(stage.ends())
    assert set(ends.values()) <= {"no_job", "sent"}
    assert list(ends.values()).count("no_job") >= 2
    assert stage.looked == (["a"] if how == "answer" else [])
    assert "b1" in stage.spoken
    stage.arrive(cue("late", job_id=JOB.job_id, age_ms=-1))
    await stage.run(1_000)
    assert ("late", "no_job") in stage.ends()
    stage.jobs.jobs["a"] = Job("job-2", JobState.PROCESSING)
    stage.arrive(cue("next", job_id="job-2", expires_ms=T0 + 60_000))
    await stage.run(2_000)
    assert "next" in stage.spoken


async def test_the_end_of_a_live_leaves_what_was_decided_for_none_or_for_the_next() -> None:
    stage = Stage(cue("old", job_id=JOB.job_id), cue("free"), cue("b1", "b", job_id=JOB.job_id))
    stage.jobs.jobs["a"] = Job(JOB.job_id, JobState.WAITING)
    await stage.settle()
    stage.hear(SignalKind.JOB_ENDED)
    stage.jobs.jobs["a"] = Job("job-2", JobState.PROCESSING)
    await stage.run(1_000)
    assert sorted(stage.spoken) == ["b1", "free"]
    assert stage.ends()[0] == ("old", "no_job")
    assert stage.meter.counts["cues", "no_job"] == 1


async def test_a_new_live_begins_with_free_air_and_old_commands_are_forgotten() -> None:
    stage = Stage(long("a1", scenes=("one",)), airtime=NARROW)
    await stage.run()
    stage.jobs.jobs["a"] = Job("job-2", JobState.PROCESSING)
    stage.arrive(long("a2"))
    await stage.run(300)
    assert stage.spoken == ["a1", "a2"]
    stage.hear(SignalKind.REPLY_FINISHED, reply_id="command-1")
    stage.hear(SignalKind.SCRIPT_SWITCH, scene="two", job_id="job-2")
    await stage.run(300)
    assert (stage.cloud.withdrawn, ("a1", "finished") in stage.ends()) == ([], False)


async def test_a_layer_takes_no_air_and_is_never_finished() -> None:
    usual = {name: getattr(long("layer"), name) for name in Cue.__struct_fields__}
    layer = Cue(**usual | {"kind": CueKind.SHOW_LAYER, "layer": {}})
    stage = Stage(long("a1", seconds=8), layer, long("a2"), airtime=NARROW)
    await stage.run(600)
    assert stage.spoken == ["a1", "layer"]
    assert {end for one, end in stage.ends() if one == "layer"} == {"sending", "sent"}


async def test_where_a_finish_is_overdue_the_cloud_is_asked() -> None:
    stage = Stage(long("a1", seconds=1), airtime=NARROW)
    await stage.run()
    finish(stage, 1)
    stage.arrive(long("a2", seconds=1))
    await stage.run(3_200)
    stage.cloud.waiting = frozenset()
    tending = asyncio.create_task(stage.dispatcher.tend())
    async with asyncio.timeout(5):
        while not stage.meter.counts["airtime_healed", ""]:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.01)
    await stage.dispatcher.stop(1)
    await tending


async def test_what_waits_for_another_try_is_said_by_the_next_life_and_what_was_out_is_not() -> None:
    stage = Stage(
        cue("again"), cue("out", "b"), cloud=MemoryCloud(refusal(Meaning.SLOW_DOWN, status=429)), limit=1
    )
    await stage.run()
    assert stage.ends() == [("again", "sending"), ("again", "waiting")]
    stage.start()
    await stage.run(3_000)
    assert sorted(stage.spoken) == ["again", "out"]


async def test_a_new_life_knows_what_the_last_one_put_on_the_air() -> None:
    stage = Stage(long("a1"), airtime=NARROW)
    await stage.run()
    stage.start()
    stage.arrive(long("a2"))
    await stage.run(1_500)
    assert stage.spoken == ["a1"]
    await stage.run(1_000)
    assert stage.spoken == ["a1", "a2"]
    stage.hear(SignalKind.REPLY_FINISHED, reply_id="command-1")
    await stage.run()
    assert ("a1", "finished") in stage.ends()


async def test_a_cloud_that_keeps_failing_is_asked_by_one_probe_at_a_time() -> None:
    stage = Stage(*(cue(f"a{n}", expires_ms=T0 + 80_000) for n in range(30)))
    stage.cloud.failures = [refusal(Meaning.UNAVAILABLE, status=503)] * 100
    await stage.run(60_000)
    assert stage.cloud.calls <= 5 + 7
    assert stage.gate.open
    stage.cloud.failures.clear()
    await stage.run(40_000)
    assert stage.spoken
    assert not stage.gate.open
