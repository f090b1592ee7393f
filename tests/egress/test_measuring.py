"""What the way out measures: how cues wait, how long they are spoken, how each rule fares, what the limit costs."""

from __future__ import annotations

from egress import reporting
from egress.stage import T0, Stage
from livecue.domain import Job, JobState, Meaning, SignalKind
from livecue.egress.turn import Turn
from livecue.runtime.measure_ports import RuleDid, Took
from livecue.runtime.memory import MemoryCloud
from runtime.making import cue, refusal


def times(stage: Stage, what: Took) -> list[float]:
    return [round(seconds, 2) for took, seconds, _ in stage.meter.times if took == what]


async def test_a_cues_wait_is_from_its_arrival_to_its_call() -> None:
    stage = Stage(*(cue(f"a{n}", age_ms=5_000) for n in range(2)), limit=1)
    await stage.run(3_000)
    assert times(stage, Took.CUE_WAIT) == [0, 1.05]


async def test_speech_is_from_the_clouds_answer_to_its_word_that_it_was_spoken() -> None:
    stage = Stage(cue("a1"))
    await stage.run(0)
    stage.clock.now_ms += 2_300
    stage.hear(SignalKind.REPLY_FINISHED, reply_id="command-1")
    stage.hear(SignalKind.REPLY_FINISHED, reply_id="command-1")
    assert times(stage, Took.SPEECH) == [2.3]


async def test_a_rule_is_told_how_each_of_its_cues_ended() -> None:
    stage = Stage(
        cue("b1", "b", rule_index="wrong", priority=1),
        cue("a1", rule_index="spoken"),
        cue("a2", rule_index="late", expires_ms=T0),
        cue("c1", "c", rule_index="nobody", expires_ms=T0 + 100),
        cloud=MemoryCloud(refusal(Meaning.INVALID)),
    )
    await stage.run(1_000)
    assert stage.meter.rules == {
        ("wrong", RuleDid.UNSENT): 1,
        ("spoken", RuleDid.SENT): 1,
        ("late", RuleDid.EXPIRED): 1,
        ("nobody", RuleDid.UNSENT): 1,
    }


async def test_only_the_limit_counts_as_the_limits_wait() -> None:
    stage = Stage(cue("a1"), cue("b1", "b"), limit=1)
    await stage.run(3_000)
    assert [operation for operation, _ in stage.meter.waits] == ["command", "command"]
    assert [round(seconds, 2) for _, seconds in stage.meter.waits] == [0, 1.05]
    stage.arrive(cue("a2", expires_ms=T0 + 60_000))
    stage.jobs.jobs["a"] = Job("job-1", JobState.WAITING)
    await stage.run(5_000)  # it waits for its job, with a slot free
    stage.jobs.jobs["a"] = reporting.JOB
    await stage.run(100)
    assert stage.spoken == ["a1", "b1", "a2"]
    assert stage.meter.waits[-1] == ("command", 0)


async def test_reports_tell_their_wait_too() -> None:
    stage = reporting.Stage(reporting.report("a1"), reporting.report("b1", "b"), limit=1)
    await stage.run(3_000)
    assert [operation for operation, _ in stage.meter.waits] == ["report", "report"]
    assert [round(seconds, 2) for _, seconds in stage.meter.waits] == [0, 1.05]


async def test_what_is_on_the_air_is_told_by_room() -> None:
    stage = Stage(cue("a1", seconds=4), cue("b1", "b", seconds=2))
    assert list(stage.dispatcher.queued_s()) == []
    await stage.run(0)
    stage.clock.now_ms += 1_000
    assert dict(stage.dispatcher.queued_s()) == {"a": 3.0, "b": 1.0}
    stage.clock.now_ms += 60_000
    assert sum(seconds for _, seconds in stage.dispatcher.queued_s()) == 0


def test_a_wait_ends_when_nothing_wants_the_slot_any_more() -> None:
    turn = Turn()
    turn.held_up(0, wanted=True)
    turn.held_up(100, wanted=False)
    turn.held_up(200, wanted=True)
    assert turn.goes(500) == 0.3
    assert turn.goes(900) == 0
    turn.held_up(1_000, wanted=True)
    turn.nobody()
    assert turn.goes(2_000) == 0
