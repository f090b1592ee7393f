from __future__ import annotations

import json
from typing import Any

from engine.making import Room, regex, rule
from livecue.domain import SignalKind
from livecue.engine import Limits, RoomState, next_due_ms
from livecue.engine.rules import Combo, Relation, ReplyOrder, Rule


def thanks(**more: Any) -> Rule:
    more.setdefault("reply_texts", ("谢谢{user.name}的{combo.count}个{giftName}，共{combo.value}",))
    more.setdefault("combo", Combo())
    return rule("thanks", event_type=4, relation=Relation.RESERVED, **more)


def gift(user: str = "7", name: str = "火箭", **more: Any) -> dict[str, Any]:
    return {
        "user": {"userId": user, "name": f"小{user}"},
        "gift": {"giftName": name, "giftNum": 2, "totalValue": 20} | more,
    }


def test_a_combo_gets_one_reply_when_no_more_gifts_come() -> None:
    room = Room(thanks())
    for at in (0, 2, 4):
        opened = room.see(gift(), at_s=at, type=4)
        assert (opened.cues, opened.matched, opened.hit_rule) == ((), True, "thanks")
        assert opened.pending == ("thanks",)
    assert next_due_ms(room.state) == 7000
    assert room.tick(6.999).cues == ()
    (cue,) = room.tick(60).cues
    assert (cue.text, cue.room) == ("谢谢小7的6个火箭，共60", "shop")
    assert (cue.id, cue.at_ms, cue.expires_ms) == ("3.0:thanks", 7000, 16_000)  # as of the timeout
    assert next_due_ms(room.state) is None
    assert room.tick(99).cues == ()


def test_the_end_marker_closes_a_combo_at_once() -> None:
    room = Room(thanks())
    assert room.said(gift(), at_s=0, type=4) == []
    assert room.said(gift(repeatEnd="1"), at_s=1, type=4) == ["谢谢小7的4个火箭，共40"]
    assert room.said(gift(repeat_end=1), at_s=2, type=4) == ["谢谢小7的2个火箭，共20"]
    assert room.tick(99).cues == ()


def test_frames_with_a_running_count_are_totals_so_far_and_a_late_one_does_not_lower_them() -> None:
    room = Room(thanks())
    for at, (count, worth) in enumerate([(1, 10), (3, 30), (2, 20)]):
        room.see(gift(repeatCount=count, totalValue=worth), at_s=at, type=4)
    assert [cue.text for cue in room.tick(9).cues] == ["谢谢小7的3个火箭，共30"]


def test_viewers_and_gifts_are_told_apart_and_nobody_is_not_called_by_name() -> None:
    texts = ("{user.name}{giftName}{combo.count}", "{giftName}{combo.count}")
    room = Room(thanks(reply_texts=texts, reply_order=ReplyOrder.ORDER))
    for user, name in (("a", "心"), ("b", "心"), ("a", "火箭"), ("0", "心"), ("0", "心"), ("a", "心")):
        room.see(gift(user, name), at_s=0, type=4)
    assert [cue.text for cue in room.tick(9).cues] == ["小b心2", "火箭2", "心4", "小a心4"]


def test_the_next_event_of_any_kind_answers_what_has_run_out_before_its_own_reply() -> None:
    room = Room(thanks(), rule("price", regex("价")))
    room.see(gift(), at_s=0, type=4)
    assert [cue.rule_index for cue in room.see("价", at_s=3).cues] == ["thanks", "price"]
    room.see(gift(), at_s=10, type=4)
    assert len(room.told(SignalKind.TICK, at_s=13).cues) == 1
    room.see(gift(), at_s=20, type=4)
    assert room.see({}, at_s=23, type=9).cues[0].at_ms == 23_000


def test_combos_are_answered_in_the_order_in_which_they_ran_out() -> None:
    slow = rule("slow", regex("火箭", "giftName"), event_type=4, combo=Combo(timeout_s=9))
    room = Room(slow, thanks(combo=Combo(timeout_s=1), reply_texts=("quick!",)))
    room.see(gift(), at_s=0, type=4)
    room.see(gift(name="心"), at_s=1, type=4)
    assert [(cue.text, cue.at_ms) for cue in room.tick(60).cues] == [("quick!", 2000), ("slow!", 9000)]


def test_a_limit_holds_the_reply_back_as_of_the_end_of_the_combo() -> None:
    room = Room(thanks(time_window=5))
    room.see(gift("a"), at_s=0, type=4)
    room.see(gift("b"), at_s=4.9, type=4)
    assert [decision.held for decision in (room.tick(3), room.tick(7.9))] == [(), ("time_window",)]
    room.see(gift("c"), at_s=5, type=4)
    assert len(room.tick(8).cues) == 1


def test_an_open_combo_survives_being_stored() -> None:
    room = Room(thanks())
    room.see(gift() | {"noise": ["x" * 5000], "text": "x" * 5000}, at_s=0, type=4)
    stored = json.dumps(room.state.to_json())
    assert len(stored) < 700
    room.state = RoomState.from_json(json.loads(stored))
    assert [cue.text for cue in room.tick(9).cues] == ["谢谢小7的2个火箭，共20"]


def test_open_combos_are_bounded_and_end_with_the_live() -> None:
    room = Room(thanks())
    room.limits = Limits(combos=2)
    assert [room.see(gift(user), at_s=0, type=4).evicted for user in "abc"] == [0, 0, 1]
    assert len(room.state.combos) == 2
    room.told(SignalKind.JOB_STARTED, job_id="j")
    room.see(gift(), at_s=1, type=4)
    room.told(SignalKind.JOB_ENDED, job_id="j", at_s=2)
    assert room.tick(99).cues == ()
