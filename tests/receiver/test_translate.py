"""Callbacks as the documentation prints them, as they might come, and as they must not be believed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.domain import SignalKind
from livecue.receiver.translate import Callback, UnknownEvent, UnreadableError, scrubbed, translate

ROOM, JOB, REPLY = "26f065244f754b3aa853b649a21aaf66", "e87104f76d7546ce8a46ac6b04c49c3c", "b1"


def body(event_type: str, message: object, *, as_text: bool = True) -> bytes:
    inner = json.dumps(message, ensure_ascii=False) if as_text else message
    return json.dumps({"event_type": event_type, "message": inner}, ensure_ascii=False).encode()


def read(raw: bytes) -> Callback:
    found = translate(raw)
    assert isinstance(found, Callback)
    return found


SWITCH = {
    "room_id": ROOM,
    "job_id": JOB,
    "scene_script_name": "商品1",
    "shoot_script_sequence_no": "2",
    "shoot_script_title": "段落2",
}
RTMP = {
    "room_id": ROOM,
    "job_id": JOB,
    "output_url": "rtmp://push.example.com/live/secret-path",
    "stream_key": "very-secret",
    "state": "CONNECTED",
}


@pytest.mark.parametrize("as_text", [True, False])
def test_a_change_of_segment_is_read_from_text_and_from_an_object(*, as_text: bool) -> None:
    found = read(body("SHOOT_SCRIPT_SWITCH", SWITCH, as_text=as_text))
    assert found == Callback(
        SignalKind.SCRIPT_SWITCH, ROOM, {"job_id": JOB, "scene": "商品1", "sequence_no": 2, "title": "段落2"}
    )


@pytest.mark.parametrize(("given_no", "number"), [(3, 3), ("3", 3), (" 3 ", 3), ("", None), (None, None)])
def test_a_sequence_number_may_be_text_or_missing(given_no: Any, number: int | None) -> None:
    found = read(body("SHOOT_SCRIPT_SWITCH", {**SWITCH, "shoot_script_sequence_no": given_no}))
    assert found.data["sequence_no"] == number


def test_product_and_live_come_along_where_configured() -> None:
    found = read(
        body(
            "SHOOT_SCRIPT_SWITCH",
            {**SWITCH, "product_id": 17, "product_title": "茶", "live_id": "9", "new": 1},
        )
    )
    assert found.data["product_id"] == "17"
    assert found.data["product_title"] == "茶"
    assert found.data["live_id"] == "9"
    assert "new" not in found.data


def test_a_stream_state_keeps_only_the_host_of_the_output() -> None:
    found = read(body("RTMP_STREAM_STATE_CHANGE", RTMP))
    assert found == Callback(
        SignalKind.RTMP_STATE, ROOM, {"job_id": JOB, "state": "CONNECTED", "output_host": "push.example.com"}
    )
    assert (
        read(body("RTMP_STREAM_STATE_CHANGE", {**RTMP, "output_url": "rtmp://[bad"})).data["output_host"]
        == ""
    )


def test_a_finished_reply_is_read() -> None:
    found = read(body("REPLY_COMMAND_FINISH", {"room_id": ROOM, "job_id": JOB, "reply_id": REPLY}))
    assert found == Callback(SignalKind.REPLY_FINISHED, ROOM, {"job_id": JOB, "reply_id": REPLY})


BROKEN = (
    # S3, table 8, as printed
    '{\n  "event_type":  "REPLY_COMMAND_FINISH",\n  "message":"{\\"room_id\\":\\"' + ROOM + '\\",\\"job_id\\":\\"' + JOB
    + '\\",\\"reply_id\\":\\"' + REPLY + '"}"\n}',
    # S4, 6.1.1: neither text nor object
    '{ "event_type": "REPLY_COMMAND_FINISH", "message":{"room_id \\":"' + ROOM + '\\","job_id \\":"' + JOB
    + '\\","reply_id \\":"' + REPLY + '"}" }',
    # valid outside, broken inside: the last quote is missing
    json.dumps({
        "event_type": "REPLY_COMMAND_FINISH",
        "message": f'{{"room_id":"{ROOM}","job_id":"{JOB}","reply_id":"{REPLY}}}',
    }),
)  # fmt: skip


@pytest.mark.parametrize("text", BROKEN)
def test_the_documentations_broken_sample_is_read(text: str) -> None:
    found = read(text.encode())
    assert found == Callback(SignalKind.REPLY_FINISHED, ROOM, {"job_id": JOB, "reply_id": REPLY})


def test_broken_text_with_two_different_replies_is_not_guessed() -> None:
    doubled = BROKEN[0].replace('\\"reply_id', '\\"reply_id\\":\\"other\\",\\"reply_id')
    with pytest.raises(UnreadableError):
        translate(doubled.encode())


def test_an_unknown_type_is_told_apart_from_nonsense() -> None:
    assert translate(body("LIVE_SOMETHING_NEW", {"a": 1})) == UnknownEvent("LIVE_SOMETHING_NEW")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"null",
        b'"text"',
        b"\xff\xfe",
        b'{"message":"{}"}',
        b'{"event_type":7,"message":"{}"}',
        body("SHOOT_SCRIPT_SWITCH", [1]),
        body("SHOOT_SCRIPT_SWITCH", {**SWITCH, "job_id": ""}),
        body("SHOOT_SCRIPT_SWITCH", {**SWITCH, "job_id": {"a": 1}}),
        body("SHOOT_SCRIPT_SWITCH", {**SWITCH, "shoot_script_sequence_no": "two"}),
        body("SHOOT_SCRIPT_SWITCH", {**SWITCH, "shoot_script_sequence_no": True}),
        body("SHOOT_SCRIPT_SWITCH", {**SWITCH, "shoot_script_title": "x" * 1025}),
        body("RTMP_STREAM_STATE_CHANGE", {**RTMP, "state": None}),
        body("REPLY_COMMAND_FINISH", {"room_id": ROOM, "job_id": JOB}),
        b'{"event_type":"RTMP_STREAM_STATE_CHANGE","message":"{broken',
    ],
)
def test_nonsense_is_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableError):
        translate(raw)


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
def test_no_bytes_at_all_are_an_error_of_ours(raw: bytes) -> None:
    try:
        translate(raw)
    except UnreadableError:
        scrubbed(raw)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SWITCH, *RTMP]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(
    event_type=st.sampled_from(["SHOOT_SCRIPT_SWITCH", "RTMP_STREAM_STATE_CHANGE", "REPLY_COMMAND_FINISH"]),
    message=json_values,
    as_text=st.booleans(),
)
def test_any_message_is_understood_or_unreadable_and_never_keeps_a_stream_key(
    event_type: str, message: Any, *, as_text: bool
) -> None:
    try:
        found = translate(body(event_type, message, as_text=as_text))
    except UnreadableError:
        return
    assert isinstance(found, Callback)
    assert "stream_key" not in found.data


@given(
    secret=st.text("abcXYZ0189-_/?=&.:", min_size=1).map(lambda text: "k3y" + text + "k3y"),
    name=st.sampled_from(["stream_key", "output_url", "streamKey", "STREAM_KEY", "hwSecret"]),
    depth=st.integers(0, 2),
    cut=st.booleans(),
)
def test_secrets_are_scrubbed_from_text_however_deep_it_is_quoted(
    secret: str, name: str, depth: int, *, cut: bool
) -> None:
    text = json.dumps({"a": 1, name: secret, "z": "kept"})
    for _ in range(depth):
        text = json.dumps({"message": text})
    raw = text.encode()[: -3 if cut else None]
    clean = scrubbed(raw)
    assert secret.encode() not in clean
    assert b"kept"[: 1 if cut else 4] in clean


def test_lists_of_secrets_and_unquoted_ones_are_scrubbed() -> None:
    clean = scrubbed(b'{"stream_keys":["one-secret","two-secret"],"token": 12345, "x":1}')
    assert b"secret" not in clean
    assert b"12345" not in clean
    assert b'"x":1' in clean
