"""Metrics, rooms' settings translated, and the listening socket."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from app.processes import write_config
from livecue.app import callbacks, rooms
from livecue.app.metrics import PrometheusMeter
from livecue.app.web import ListenError, listen
from livecue.domain import ReportMode
from livecue.engine import Ages
from livecue.runtime.ports import Count
from livecue.settings import load
from livecue.supervisor import OnEnd, Policy


def test_totals_are_the_sum_over_rooms_of_one_reason_or_of_all() -> None:
    meter = PrometheusMeter()
    meter.count(Count.CUES, "a", reason="sent")
    meter.count(Count.CUES, "b", 2, "sent")
    meter.count(Count.CUES, "b", reason="expired")
    assert (meter.total(Count.CUES), meter.total(Count.CUES, "sent")) == (4, 3)
    assert (meter.total(Count.CUES, "unknown"), meter.total(Count.EVENTS)) == (0, 0)


def test_every_count_is_on_the_page_by_its_promised_name() -> None:
    meter = PrometheusMeter()
    for what in Count:
        meter.count(what, "a", reason="x")
    meter.reply_latency("a", 0.04)
    meter.lag(3, 7)
    meter.chat_state("ask", 3)
    meter.chat_state("off", None)
    page = meter.page().decode()
    for what in Count:
        assert f'livecue_{what}_total{{reason="x",room="a"}} 1.0' in page
    assert 'livecue_reply_latency_seconds_count{room="a"} 1.0' in page
    assert 'livecue_inbox_lag{partition="3"} 7.0' in page
    assert 'livecue_chat_state{room="ask"} 3.0' in page
    assert 'livecue_chat_state{room="off"} -1.0' in page


def test_what_another_replica_looks_after_has_no_series_here_any_more() -> None:
    meter = PrometheusMeter()
    meter.lag(3, 7)
    meter.lag(4, 0)
    meter.chat_state("ask", 3)
    meter.process({"bus": "", "cloud": "away"}, 0)
    meter.leases(2, 1)
    assert 'livecue_part_ok{part="cloud"} 0.0' in meter.page().decode()
    meter.no_lag(3)
    meter.no_lag(5)
    meter.no_chats()
    meter.process({"bus": ""}, 0)
    meter.leases(1, 0)
    page = meter.page().decode()
    assert "livecue_chat_state{" not in page
    assert 'livecue_inbox_lag{partition="3"}' not in page
    assert 'livecue_inbox_lag{partition="4"} 0.0' in page
    assert 'part="cloud"' not in page
    assert 'livecue_part_ok{part="bus"} 1.0' in page
    assert 'livecue_leases_held{kind="tenant"} 0.0' in page


def test_rooms_are_told_apart_and_share_a_program_if_they_share_their_packs(tmp_path: Path) -> None:
    config = write_config(
        tmp_path,
        http={"port": 0, "public_url": "https://live.example.com/x/"},
        rooms=[
            {"key": "a", "room_id": "r1", "report": "all", "callback": {"key": "k-1", "previous_key": "k-0"}},
            {"key": "b", "room_id": "r2"},
            {"key": "c", "room_id": "r3", "kind": "chat", "robot_id": "x"},
        ],
        dispatch={"max_age_s": 7, "gift_max_age_s": 8.5},
    )
    loaded = load(config)
    desks = rooms.desk_rules(loaded.settings, rooms.load_rules(loaded))
    assert [desks[key].report for key in "abc"] == [ReportMode.ALL, ReportMode.UNMATCHED, ReportMode.NONE]
    assert desks["a"].program is desks["b"].program
    assert desks["a"].ages == Ages(7000, 8500)
    called = callbacks.callback_rooms(loaded.settings)
    assert list(called) == ["a"]
    assert called["a"].public_url == "https://live.example.com/x/callbacks/a"
    assert [(key.id, key.secret, key.given) for key in called["a"].keys] == [
        ("key", "k-1", True),
        ("previous_key", "k-0", False),
    ]
    assert {"k-1", "k-0"} < set(rooms.secrets_of(loaded.settings))


def test_a_chat_room_is_shared_with_others_unless_it_stops_what_nobody_planned(tmp_path: Path) -> None:
    chat = {"kind": "chat", "robot_id": "x"}
    config = write_config(
        tmp_path,
        rooms=[
            {"key": "a", "room_id": "r1"},
            {"key": "b", "room_id": "r2", **chat},
            {"key": "c", "room_id": "r3", **chat, "unplanned": "ignore"},
            {"key": "d", "room_id": "r4", **chat, "unplanned": "stop"},
        ],
    )
    plans = rooms.room_plans(load(config).settings)
    assert [plan.shared for plan in plans] == [False, True, True, False]


def test_a_taken_port_is_named_with_a_remedy() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ListenError, match=f"cannot listen on 127.0.0.1:{port}: .*set another http.port"):
            listen("127.0.0.1", port)


def test_a_start_takes_the_first_output_and_the_others_are_spare(tmp_path: Path) -> None:
    start = {"output_urls": ["rtmp://a/1", "rtmp://b/1"], "stream_keys": ["k1", "k2"]}
    lives = {"on_end": "stop", "rtmp_grace_s": 5, "waiting_s": 60, "auto_stop_mode": "SCENE_END"}
    config = write_config(tmp_path, rooms=[{"key": "a", "room_id": "r1", "start": start, **lives}])
    settings = load(config).settings
    room = rooms.cloud_rooms(settings, {}, 0)["a"]
    assert (room.start["output_urls"], room.start["stream_keys"]) == (["rtmp://a/1"], ["k1"])
    assert (room.outputs, room.stop_mode) == ((("rtmp://a/1", "k1"), ("rtmp://b/1", "k2")), "SCENE_END")
    (plan,) = rooms.room_plans(settings)
    assert plan.policy == Policy(OnEnd.STOP, 5_000, 60_000, 2)
    assert {"k1", "k2"} < set(rooms.secrets_of(settings))
