"""Bytes to events: every shape that is promised, and everything that a stranger may send."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livecue.domain import LiveEvent, Signal
from livecue.runtime.decoding import UnreadableError, read_events, read_signal
from livecue.runtime.ports import Lane
from runtime.making import T0, delivery

GOOD = b'{"timestamp":5,"type":1,"content":{"content":"hi"}}'


def read(body: Any) -> list[LiveEvent | UnreadableError]:
    return list(read_events(delivery(body, seq=7)))


def only(body: Any) -> LiveEvent:
    [event] = read(body)
    assert isinstance(event, LiveEvent), event
    return event


def complaint(body: Any) -> str:
    [error] = read(body)
    assert isinstance(error, UnreadableError), error
    return str(error)


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def test_an_event_carries_its_place_on_the_bus_and_the_platforms_own_time() -> None:
    assert only(GOOD) == LiveEvent("a", "7.0", T0, 5, 1, {"content": "hi"}, '{"content":"hi"}')


def test_content_may_be_a_json_string_and_is_passed_on_as_it_came() -> None:
    event = only({"timestamp": 5, "type": 1, "content": '{ "content" : "hi" }'})
    assert event.content == {"content": "hi"}
    assert event.raw == '{ "content" : "hi" }'


def test_a_report_gives_its_events_in_order_each_with_its_own_id() -> None:
    events = read(b'{"total":2,"events":[%b,%b]}' % (GOOD, GOOD.replace(b"hi", b"ho")))
    assert [(event.id, event.content["content"]) for event in events if isinstance(event, LiveEvent)] == [
        ("7.0", "hi"),
        ("7.1", "ho"),
    ]
    assert read(b'{"total":0,"events":[]}') == []


def test_a_missing_timestamp_is_the_time_of_storage() -> None:
    assert only({"type": 1, "content": {}}).timestamp_ms == T0


def test_numbers_that_came_as_text_are_numbers() -> None:
    event = only({"type": "4", "timestamp": "12", "content": {}})
    assert (event.type, event.timestamp_ms) == (4, 12)
    assert only({"type": 4, "timestamp": 12.0, "content": {}}).timestamp_ms == 12


def test_the_word_events_inside_a_content_makes_no_report_of_it() -> None:
    assert only({"type": 1, "content": {"events": [1], "content": '"events"'}}).content["events"] == [1]


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize(
    "bad",
    [b'{"type":1}', b"null", b'{"type":1,"content":"x"}', b'{"type":1,"content":{"a":1e999}}', nested(500)],
)
def test_a_bad_event_does_not_take_its_good_neighbours_along(bad: bytes, place: int) -> None:
    events = [GOOD, GOOD]
    events.insert(place, bad)
    kinds = [type(event) for event in read(b'{"total":3,"events":[%b]}' % b",".join(events))]
    wanted: list[type] = [LiveEvent, LiveEvent]
    wanted.insert(place, UnreadableError)
    assert kinds == wanted


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not_json"),
        (b"nonsense", "not_json"),
        (b"\xff\xfe", "not_json"),
        (b"[]", "not_an_event: Expected `object`"),
        (b'{"type":1}', "not_an_event: Object missing required field `content`"),
        (b'{"type":101,"content":{}}', "not_an_event: `type` must be 0 to 100"),
        (b'{"type":-1,"content":{}}', "not_an_event: `type`"),
        (b'{"type":"x","content":{}}', "not_an_event: `type`"),
        (b'{"type":%b,"content":{}}' % (b"9" * 400), "not_an_event"),
        (b'{"type":true,"content":{}}', "not_an_event"),
        (b'{"type":1,"content":"not JSON"}', "bad_content: `content` must be a JSON object"),
        (b'{"type":1,"content":"[]"}', "bad_content"),
        (b'{"type":1,"content":[]}', "not_an_event"),
        (b'{"type":1,"content":{"a":1e999}}', "not_an_event: Number out of range"),
        (b'{"type":1,"content":"{\\"a\\":1e999}"}', "bad_content"),
        (b'{"type":1,"content":{"a":NaN}}', "not_json"),
        (b'{"type":1,"content":{"a":"\\ud800"}}', "not_json"),
        (b'{"type":1,"content":"{\\"a\\":\\"\\\\ud800\\"}"}', "bad_content"),
        (b'{"type":1,"content":{"a":"\xff"}}', "not_json"),
        (b'{"type":1,"timestamp":1.5,"content":{}}', "not_an_event: `timestamp`"),
        (b'{"type":1,"timestamp":1e300,"content":{}}', "not_an_event: `timestamp`"),
        (b'{"type":1,"timestamp":-1,"content":{}}', "not_an_event: `timestamp`"),
        (b'{"type":1,"content":%b}' % nested(5000), "not_json"),
        (b'{"type":300,"content":%b}' % nested(900), "not_an_event"),
        (msgspec.json.encode({"type": 1, "content": nested(5000).decode()}), "bad_content"),
        (b'{"type":1,"content":{"a":%b}}' % (b"9" * 5000), "not_an_event: Integer value out of range"),
        (b'{"events":null}', "not_an_event"),
    ],
)
def test_what_is_no_event_says_why(body: bytes, said: str) -> None:
    assert complaint(body).startswith(said)


def test_the_unreadable_piece_goes_along_for_the_dead_letter() -> None:
    body = b'{"events":[%b,{"type":1,"content":"x"}]}' % GOOD
    error = read(body)[1]
    assert isinstance(error, UnreadableError)
    assert msgspec.json.decode(error.body)["content"] == "x"


def test_a_content_too_long_for_what_follows_from_it_is_refused() -> None:
    assert only({"type": 1, "content": {"a": "x" * 60_000}}).type == 1
    assert complaint({"type": 1, "content": {"a": "x" * 1_000_000}}).endswith("longer than 65536 characters")


def test_of_a_key_given_twice_the_last_counts_and_big_numbers_stay_exact() -> None:
    assert only(b'{"type":1,"type":2,"content":{"a":1,"a":%b}}' % (b"9" * 30)).content == {"a": int("9" * 30)}


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_bytes_whatever_raise_anything(body: bytes) -> None:
    assert all(isinstance(event, LiveEvent | UnreadableError) for event in read(body))
    assert isinstance(read_signal(delivery(body, lane=Lane.SIGNALS)), Signal | UnreadableError)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {"type": json_values, "content": json_values},
        optional={"timestamp": json_values, "events": json_values},
    )
)
@settings(max_examples=300, deadline=None)
def test_no_json_near_an_event_raises_anything(wire: dict[str, Any]) -> None:
    try:
        body = msgspec.json.encode(wire)
    except (OverflowError, UnicodeError):
        return
    for event in read(body):
        if isinstance(event, LiveEvent):
            assert msgspec.json.decode(event.raw) == event.content


def test_a_signal_is_read_and_one_of_an_unknown_kind_is_kept() -> None:
    heard = read_signal(delivery({"v": 1, "kind": "later", "data": {"job_id": "j"}}, lane=Lane.SIGNALS))
    assert heard == Signal("a", "1", T0, "later", {"job_id": "j"})
    for body in (b"", b"[]", b'{"kind":"x"}', b'{"kind":"x","data":%b}' % nested(5000)):
        assert isinstance(read_signal(delivery(body)), UnreadableError)
