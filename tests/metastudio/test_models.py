from __future__ import annotations

from typing import Any

import pytest
from huaweicloudsdkmetastudio.v1 import (
    ControlSmartLiveReq,
    LiveEvent,
    LiveEventCallBackConfig,
    LiveJobRunConfig,
    ReportLiveEventReq,
    ReviewConfig,
    SmartLiveJob,
    StartSmartLiveReq,
)
from hypothesis import given
from hypothesis import strategies as st

from livecue.domain import Cue, CueKind, JobState, ReportedEvent
from livecue.metastudio import command_body, job_from_json, report_body, start_body, validate_start
from livecue.metastudio.models import (
    CALLBACK_EVENTS,
    ShownCallback,
    callback_from_json,
    script_of,
    voice_speed_of,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ["output_urls", "stream_keys", "video_config", "play_policy", "live_event_callback_config"]
FIELDS += [
    "interaction_callback_url",
    "job_run_config",
    "live_exit_config",
    "width",
    "height",
    "bitrate",
    "key",
]


def names(model: Any) -> set[str]:
    return set(model.attribute_map.values())


def cue(kind: CueKind, **fields: Any) -> Cue:
    base = {"id": "1", "room": "r", "job_id": "j", "rule_index": "rule-1", "at_ms": 1, "expires_ms": 2}
    return Cue(kind=kind, **{**base, **fields})


def test_a_job_is_read_with_its_error_and_its_report_url() -> None:
    job = job_from_json(
        {
            "job_id": "j1",
            "state": "FAILED",
            "create_time": "2022-01-18T16:29:36Z",
            "live_event_report_url": "https://h/x?auth_key=k",
            "error_info": {"error_code": "MSS.20010118", "error_msg": "heartbeat"},
            "new_field": {"a": 1},
        }
    )
    assert (job.job_id, job.state, job.created_ms) == ("j1", "FAILED", 1_642_523_376_000)
    assert (job.error_code, job.error_text, job.over) == ("MSS.20010118", "heartbeat", True)
    assert job.report_url == "https://h/x?auth_key=k"
    assert "auth_key" not in repr(job)


def test_a_state_added_later_is_kept_and_counts_as_running() -> None:
    job = job_from_json({"job_id": 7, "state": "PAUSED"})
    assert (job.job_id, job.state, job.over) == ("7", "PAUSED", False)


def test_a_job_just_started_is_waiting() -> None:
    assert job_from_json({"job_id": "j"}).state == JobState.WAITING


def test_a_blocked_job_says_why() -> None:
    job = job_from_json({"job_id": "j", "state": "BLOCKED", "block_reason": "content"})
    assert (job.error_text, job.over) == ("content", True)


@pytest.mark.parametrize(
    ("written", "ms"),
    [
        ("2021-01-10T08:43:17Z", 1_610_268_197_000),
        ("2021-01-10T16:43:17.250+08:00", 1_610_268_197_250),
        ("2021-01-10T08:43:17", 1_610_268_197_000),
        ("1610268197000", 1_610_268_197_000),
        (1_610_268_197_000, 1_610_268_197_000),
        ("yesterday", None),
        (None, None),
    ],
)
def test_the_time_of_creation_is_read_in_every_form(written: object, ms: int | None) -> None:
    assert job_from_json({"job_id": "j", "create_time": written}).created_ms == ms


@given(st.dictionaries(st.sampled_from(sorted(names(SmartLiveJob))), JSON))
def test_only_a_missing_job_id_makes_a_job_unreadable(data: dict[str, Any]) -> None:
    job = job_from_json(data | {"job_id": "j"})
    assert job.job_id == "j"
    with pytest.raises(ValueError, match="job_id"):
        job_from_json(data | {"job_id": None})


def test_every_field_of_a_job_that_is_read_is_one_the_vendors_sdk_knows() -> None:
    read = {
        "job_id",
        "state",
        "create_time",
        "live_event_report_url",
        "error_info",
        "block_reason",
        "room_id",
    }
    assert read <= names(SmartLiveJob)


def test_a_start_carries_the_users_fields_our_callback_and_one_job_per_room() -> None:
    given_by_user = {"output_urls": ["rtmp://h/a"], "stream_keys": ["k"], "added_later": 1}
    body = start_body(given_by_user, callback_url="https://l/callbacks/r", auth_type="MSS_A_HEAD", key="k2")
    config = body["live_event_callback_config"]
    assert body["added_later"] == 1
    assert config["callback_event_type"] == [
        "SHOOT_SCRIPT_SWITCH",
        "RTMP_STREAM_STATE_CHANGE",
        "REPLY_COMMAND_FINISH",
    ]
    assert (config["live_event_type_callback_url"], config["auth_type"], config["key"]) == (
        "https://l/callbacks/r",
        "MSS_A_HEAD",
        "k2",
    )
    assert body["job_run_config"] == {"single_job_in_room": True}
    assert set(body) - {"added_later"} <= names(StartSmartLiveReq)
    assert set(config) <= names(LiveEventCallBackConfig)
    assert set(body["job_run_config"]) <= names(LiveJobRunConfig)
    assert "job_run_config" not in given_by_user


@pytest.mark.parametrize("config", [None, "text", [1], {}, {"key": {"a": 1}, "callback_event_type": "X"}])
def test_a_job_that_shows_no_callbacks_shows_empty_ones(config: object) -> None:
    assert callback_from_json({"live_event_callback_config": config}) == ShownCallback("", "", "", ())
    assert callback_from_json({}) == ShownCallback("", "", "", ())


def test_how_a_job_calls_back_is_read_and_its_secrets_are_not_printed() -> None:
    asked = start_body({}, callback_url="https://l/?token=t0", auth_type="MSS_A", key="k0")
    shown = callback_from_json(asked)
    assert shown == ShownCallback("https://l/?token=t0", "MSS_A", "k0", CALLBACK_EVENTS)
    assert not [secret for secret in ("t0", "k0") if secret in repr(shown)]


def test_the_users_own_callback_and_run_config_are_kept() -> None:
    own = {"live_event_type_callback_url": "https://mine"}
    start = {"live_event_callback_config": own, "job_run_config": {"allow_resource_type": "PERIOD"}}
    body = start_body(start, callback_url="https://ours")
    assert body["live_event_callback_config"] == own
    assert body["job_run_config"] == {"allow_resource_type": "PERIOD", "single_job_in_room": True}


def test_without_a_callback_url_or_key_none_is_sent() -> None:
    assert "live_event_callback_config" not in start_body({})
    assert "key" not in start_body({}, callback_url="https://x")["live_event_callback_config"]


def test_a_spoken_cue_becomes_an_inserted_script() -> None:
    body = command_body(cue(CueKind.SPEAK, text="欢迎", play_type="APPEND", play_role="CO_STREAMER"))
    assert body == {
        "command": "INSERT_PLAY_SCRIPT",
        "params": {
            "text_config": {"text": "欢迎"},
            "play_type": "APPEND",
            "play_role": "CO_STREAMER",
            "rule_index": "rule-1",
        },
    }
    assert set(body) <= names(ControlSmartLiveReq)


@pytest.mark.parametrize("kind", list(CueKind))
def test_review_settings_stand_beside_the_parameters_and_only_if_there_are_any(kind: CueKind) -> None:
    body = command_body(cue(kind, text="好", review_config={"no_need_review": True}))
    assert body["review_config"] == {"no_need_review": True}
    assert "review_config" not in body["params"]
    assert set(body) <= names(ControlSmartLiveReq)
    assert set(body["review_config"]) <= names(ReviewConfig)
    assert set(command_body(cue(kind))) == {"command", "params"}


def test_an_audio_cue_becomes_inserted_audio_with_its_play_type() -> None:
    assert command_body(cue(CueKind.PLAY_AUDIO, audio_url="https://a/b.wav")) == {
        "command": "INSERT_PLAY_AUDIO",
        "params": {
            "audio_url": "https://a/b.wav",
            "play_type": "PLAY_NOW",
            "play_role": "STREAMER",
            "rule_index": "rule-1",
        },
    }


def test_a_layer_cue_carries_its_layer() -> None:
    body = command_body(cue(CueKind.SHOW_LAYER, layer={"layer_config": {"x": 1}}))
    assert body == {"command": "SHOW_LAYER", "params": {"layer_config": {"x": 1}}}


def test_a_report_counts_its_events_and_keeps_their_content_a_string() -> None:
    body = report_body([ReportedEvent(timestamp=1, type=1, content='{"content":"hi"}')])
    assert body == {"total": 1, "events": [{"timestamp": 1, "type": 1, "content": '{"content":"hi"}'}]}
    assert set(body) <= names(ReportLiveEventReq)
    assert set(body["events"][0]) == names(LiveEvent)


@pytest.mark.parametrize("n", [0, 1001])
def test_a_report_of_none_or_too_many_events_is_refused(n: int) -> None:
    with pytest.raises(ValueError, match="1 to 1000"):
        report_body([ReportedEvent(timestamp=1, type=1, content="{}")] * n)


def test_a_documented_start_has_no_problems() -> None:
    start = {
        "output_urls": ["rtmp://vfxpush.hwcloudvr.cn/live/lysa"],
        "stream_keys": ["k"],
        "video_config": {"width": 1080, "height": 1920, "bitrate": 8000, "later": 1},
        "play_policy": {
            "repeat_count": -1,
            "live_exit_config": {
                "max_live_duration": 168,
                "auto_stop_mode": "SCENE_END",
                "max_exception_waiting_duration": 0,
            },
        },
        "live_event_callback_config": {
            "live_event_type_callback_url": "https://h/c",
            "auth_type": "MSS_A",
            "key": "k" * 32,
        },
        "interaction_callback_url": "http://127.0.0.1:8080/x",
        "job_run_config": {"single_job_in_room": True},
        "later": {"x": 1},
    }
    assert validate_start(start) == []
    assert validate_start({}) == []


EXIT = "play_policy.live_exit_config"


@pytest.mark.parametrize(
    ("start", "field"),
    [
        ({"output_urls": "rtmp://h/S3CRET"}, "output_urls"),
        ({"output_urls": ["rtmp://h/S3CRET"] * 11}, "output_urls"),
        ({"output_urls": ["https://h/S3CRET"]}, "output_urls[0]"),
        ({"output_urls": ["rtmp://[h/S3CRET"]}, "output_urls[0]"),
        ({"output_urls": ["rtmp://h/a"], "stream_keys": ["S3CRET", "S3CRET"]}, "stream_keys"),
        ({"output_urls": ["rtmp://h/a"], "stream_keys": []}, "stream_keys"),
        ({"output_urls": ["rtmp://h/a"], "stream_keys": [5]}, "stream_keys"),
        ({"video_config": {"width": 1280, "height": 720}}, "video_config.width"),
        ({"video_config": {"width": 1080}}, "video_config.width"),
        ({"video_config": {"bitrate": 999}}, "video_config.bitrate"),
        ({"video_config": {"bitrate": 8001}}, "video_config.bitrate"),
        ({"video_config": {"bitrate": "fast"}}, "video_config.bitrate"),
        ({"video_config": []}, "video_config"),
        ({"play_policy": 5}, "play_policy"),
        ({"play_policy": {"live_exit_config": 5}}, EXIT),
        ({"play_policy": {"live_exit_config": {"max_live_duration": 169}}}, f"{EXIT}.max_live_duration"),
        ({"play_policy": {"live_exit_config": {"max_live_duration": True}}}, f"{EXIT}.max_live_duration"),
        ({"play_policy": {"live_exit_config": {"auto_stop_mode": "LATER"}}}, f"{EXIT}.auto_stop_mode"),
        (
            {"play_policy": {"live_exit_config": {"max_exception_waiting_duration": -1}}},
            f"{EXIT}.max_exception_waiting_duration",
        ),
        ({"interaction_callback_url": "https://h/?k=S3CRET" + "x" * 2048}, "interaction_callback_url"),
        ({"interaction_callback_url": "http://h/?k=S3CRET"}, "interaction_callback_url"),
        ({"live_event_callback_config": 5}, "live_event_callback_config"),
        (
            {"live_event_callback_config": {"live_event_type_callback_url": "ftp://h/S3CRET"}},
            "live_event_callback_config.live_event_type_callback_url",
        ),
        ({"live_event_callback_config": {"auth_type": "MSS_B"}}, "live_event_callback_config.auth_type"),
        ({"live_event_callback_config": {"key": "S3CRET" * 6}}, "live_event_callback_config.key"),
        ({"job_run_config": 1}, "job_run_config"),
        ({"job_run_config": {"single_job_in_room": False}}, "job_run_config.single_job_in_room"),
    ],
)
def test_a_wrong_start_is_named_by_field_with_a_remedy_and_no_secret(
    start: dict[str, Any], field: str
) -> None:
    [problem] = validate_start(start)
    path, _, rest = problem.partition(": ")
    assert path.startswith(field)
    assert rest.count(". ") >= 1
    assert rest.endswith(".")
    assert "S3CRET" not in problem


@given(st.dictionaries(st.sampled_from(FIELDS), JSON | st.dictionaries(st.sampled_from(FIELDS), JSON)))
def test_checking_a_start_never_fails_itself(start: dict[str, Any]) -> None:
    assert all(isinstance(problem, str) for problem in validate_start(start))


def test_a_script_is_read_by_number_and_by_title_without_its_markup() -> None:
    segments = [
        {"sequence_no": 1, "title": "开场", "text_config": {"text": "大家好"}},
        {
            "sequence_no": "2",
            "title": "",
            "text_config": {"text": '<speak>看<break time="200ms"/>这件</speak>'},
        },
        {"sequence_no": 3, "audio_config": {"audio_url": "https://h/a"}},
        "odd",
    ]
    room = {
        "scene_scripts": [{"script_name": "商品1", "shoot_scripts": segments}, None, {"script_name": "空"}]
    }
    assert script_of(room) == {
        ("商品1", "1"): "大家好",
        ("商品1", "开场"): "大家好",
        ("商品1", "2"): "看这件",
    }
    assert script_of({}) == {}


def test_the_voices_speed_is_that_of_the_slowest_scene_and_nonsense_is_passed_over() -> None:
    scenes = [{"voice_config": {"speed": speed}} for speed in (120, "80", 0, None, "fast", 999)]
    assert voice_speed_of({"scene_scripts": [*scenes, {}, {"voice_config": "x"}]}) == 80
    assert voice_speed_of({"scene_scripts": [{}]}) is None
    assert voice_speed_of({}) is None


@pytest.mark.parametrize(
    ("told", "hours"), [(5, 5), ("5", 5), (0, 0), (None, 0), ("soon", 0), (-1, 0), ({}, 0)]
)
def test_the_clouds_own_end_of_a_job_is_read_from_the_answer_to_its_start(told: object, hours: int) -> None:
    assert job_from_json({"job_id": "j", "limit_duration": told}).limit_h == hours
