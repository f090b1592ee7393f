"""The life of a job in virtual time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from livecue.sandbox.jobs import LiveJob, Signal
from livecue.sandbox.voice import Insert

T0 = 1_790_000_000.0
# Two scenes of two segments, each segment 60 s of speech.
MINUTE = {"text_config": {"text": "好" * 250}}
SCENES = [{"script_name": name, "shoot_scripts": [MINUTE, MINUTE]} for name in ("甲", "乙")]
OUTPUT = {"output_urls": ["rtmp://push.example.com/live"], "stream_keys": ["key"]}


def a_job(body: Mapping[str, Any] | None = None, room: Mapping[str, Any] | None = None) -> LiveJob:
    return LiveJob(
        "job", "room", body or {}, {"scene_scripts": SCENES, **(room or {})}, T0, start_delay_s=1.0
    )


def told(signals: list[Signal], event_type: str, field: str) -> list[tuple[float, str]]:
    return [(round(s.at_s - T0, 2), s.message[field]) for s in signals if s.event_type == event_type]


def states(signals: list[Signal]) -> list[tuple[float, str]]:
    return told(signals, "RTMP_STREAM_STATE_CHANGE", "state")


def test_a_job_waits_then_runs_until_it_is_stopped() -> None:
    job = a_job()
    assert (job.advance(T0 + 0.9), job.state) == ([], "WAITING")
    job.advance(T0 + 1)
    assert (job.state, job.started_s) == ("PROCESSING", T0 + 1)
    job.end(T0 + 7)
    assert (job.state, job.ended_s, job.next_due_s()) == ("SUCCEED", T0 + 7, None)
    assert job.end(T0 + 8, "FAILED") == []
    assert job.state == "SUCCEED"


def test_a_stream_connects_and_ends_with_the_job() -> None:
    job = a_job(OUTPUT)
    signals = job.advance(T0 + 5) + job.end(T0 + 6)
    assert states(signals) == [(1, "CONNECTING"), (1.2, "CONNECTED"), (6, "DISCONNECTED"), (6, "END")]
    message = {
        "room_id": "room",
        "job_id": "job",
        "output_url": OUTPUT["output_urls"][0],
        "stream_key": "key",
    }
    assert signals[0].message == {**message, "state": "CONNECTING"}


def test_a_job_without_an_output_tells_nothing_of_streams() -> None:
    job = a_job()
    assert states(job.advance(T0 + 5) + job.end(T0 + 6)) == []


def test_a_job_stopped_while_waiting_never_streamed() -> None:
    job = a_job(OUTPUT)
    assert job.end(T0 + 0.5) == []
    assert job.advance(T0 + 5) == []


def test_the_start_overrides_the_room() -> None:
    job = a_job({"output_urls": ["rtmp://start"]}, {**OUTPUT, "play_policy": {"repeat_count": 3}})
    assert job.outputs == [("rtmp://start", "key")]
    assert job.policy == {"repeat_count": 3}


def test_every_segment_is_announced_with_its_scene_and_product() -> None:
    product = {"product_id": "p1", "product_title": "杯子"}
    shoot = {**MINUTE, "sequence_no": 7, "title": "卖点", "relation_product": product}
    room = {
        "scene_scripts": [{"script_name": "甲", "shoot_scripts": [shoot]}],
        "relation_live_platform_info": {"live_id": "L9"},
    }
    (signal,) = a_job(room=room).advance(T0 + 2)
    assert signal.message == {
        "room_id": "room",
        "job_id": "job",
        "scene_script_name": "甲",
        "shoot_script_sequence_no": "7",
        "shoot_script_title": "卖点",
        "live_id": "L9",
        **product,
    }


@pytest.mark.parametrize(
    ("mode", "ends_s"),
    [(None, 3601), ("FORCE_EXIT", 3601), ("SEGMENT_END", 3631), ("SCENE_END", 3691), ("SCRIPT_END", 3811)],
)
def test_the_longest_duration_stops_a_live_in_its_mode(mode: str | None, ends_s: float) -> None:
    policy = {"live_exit_config": {"max_live_duration": 1, "auto_stop_mode": mode}}
    job = a_job({"play_policy": policy})
    job.advance(T0 + 1)
    # A reply of 210 s shifts the script, so that the hour is over 30 s into a round of 240 s.
    job.insert(Insert("r", "INSERT_PLAY_SCRIPT", {}, "PLAY_NOW", 210.0), T0 + 1)
    signals = job.advance(T0 + 3 * 3600)
    assert (job.state, round((job.ended_s or 0) - T0)) == ("SUCCEED", ends_s)
    assert all(signal.at_s <= T0 + ends_s + 1 for signal in signals)


def test_a_finite_script_ends_the_live() -> None:
    job = a_job({"play_policy": {"repeat_count": 1}})
    job.advance(T0 + 10_000)
    assert (job.state, job.ended_s) == ("SUCCEED", T0 + 1 + 2 * 240)


def test_nothing_is_lost_when_a_whole_live_passes_between_two_looks() -> None:
    job = a_job({**OUTPUT, "play_policy": {"repeat_count": 0}})
    signals = job.advance(T0 + 10_000)
    assert states(signals) == [(1, "CONNECTING"), (1.2, "CONNECTED"), (241, "DISCONNECTED"), (241, "END")]
    assert len(told(signals, "SHOOT_SCRIPT_SWITCH", "shoot_script_title")) == 4


@pytest.mark.parametrize("policy", [{"play_mode": "NO_PRESET"}, {"auto_play_script": False}])
def test_a_live_without_a_preset_script_is_silent_until_something_is_inserted(
    policy: dict[str, object],
) -> None:
    job = a_job({"play_policy": policy})
    assert job.advance(T0 + 500) == []
    signals = job.insert(Insert("r", "INSERT_PLAY_SCRIPT", {}, "APPEND", 2.0), T0 + 500) + job.advance(
        T0 + 503
    )
    assert told(signals, "REPLY_COMMAND_FINISH", "reply_id") == [(502, "r")]


def test_a_refreshed_output_disconnects_the_old_one() -> None:
    job = a_job(OUTPUT)
    job.advance(T0 + 5)
    signals = job.refresh_output("rtmp://new", "k2", T0 + 5) + job.advance(T0 + 6)
    assert states(signals) == [(5, "DISCONNECTED"), (5, "CONNECTING"), (5.2, "CONNECTED")]
    assert [s.message["output_url"] for s in signals[:1]] == OUTPUT["output_urls"]
    assert signals[-2].message["stream_key"] == "k2"


def test_a_clock_that_is_set_back_does_no_harm() -> None:
    job = a_job(OUTPUT)
    job.advance(T0 + 30)
    assert job.advance(T0 - 100) == []
    job.end(T0 - 100)
    assert job.ended_s is not None
    assert job.started_s is not None
    assert job.ended_s >= job.started_s
