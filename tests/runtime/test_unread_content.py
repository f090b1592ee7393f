from __future__ import annotations

import json

from livecue.domain import LiveEvent
from livecue.engine import compile_rules
from livecue.engine.rules import HitCondition, Match, Rule, Tag, Trigger
from livecue.runtime.decoding import Unreadable, UnreadableError, read_events
from livecue.runtime.desk import Desk, DeskRules
from livecue.runtime.ports import Count, Delivery, Lane

CONTENT = json.dumps({"user": {"userId": "7"}, "n": [1, {"x": None}]})


def delivery(content: object, event_type: int = 3, seq: int = 1) -> Delivery:
    body = json.dumps({"timestamp": 1, "type": event_type, "content": content}).encode()
    return Delivery(seq, 5, Lane.EVENTS, "shop", body)


def test_content_that_no_rule_reads_is_passed_on_whole_and_not_made_into_anything() -> None:
    (event,) = read_events(delivery(CONTENT), {1})
    assert isinstance(event, LiveEvent)
    assert (event.content, event.raw) == ({}, CONTENT)
    (read,) = read_events(delivery(CONTENT), {3})
    assert isinstance(read, LiveEvent)
    assert read.content == json.loads(CONTENT)


def test_content_that_is_no_object_is_unreadable_whether_somebody_reads_it_or_not() -> None:
    for content in ("[1]", "{", "1", "", '{"a": nul}', '{"a": 1} x'):
        for read in ({1}, {3}, None):
            (found,) = read_events(delivery(content), read)
            assert isinstance(found, UnreadableError)
            assert found.reason is Unreadable.BAD_CONTENT


def test_a_rule_that_ran_out_of_time_is_counted_and_told_when_it_is_put_aside() -> None:
    tag = Tag("content", Match.REGEX, "(价|价)*$")
    rule = Rule("slow", 1, hit_condition=HitCondition(tags=(tag,)), trigger=Trigger(reply_texts=("好",)))
    desk = Desk("shop", DeskRules(compile_rules([rule])), None)
    trap = json.dumps({"content": "价" * 60 + "!"})
    for seq in range(4):
        desk.take(delivery(trap, 1, seq))
    done, commit = desk.finish()
    assert done.counts[Count.RULE_TIMEOUTS, ""] == 3
    assert done.quarantined == ["slow"]
    assert commit.state is not None
