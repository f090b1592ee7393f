"""Whether a job that somebody else started calls back in a way that is believed here."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from livecue.metastudio.models import CALLBACK_EVENTS
from livecue.receiver import AuthType, CallbackRequest, CallbackRoom, Key, Recipe, Verdict, unheard
from livecue.receiver.heard import AUTH_TYPE, EVENTS, KEY, URL
from livecue.receiver.rooms import judge
from livecue.receiver.signature import UriForm, sign, signed_uri
from livecue.receiver.translate import EVENT_TYPES

NOW_S = 0x66DF9308
HERE = "https://live.example.com/callbacks/a"
KEYS = (
    Key("key", "key-now"),
    Key("later", "key-later", not_before_s=NOW_S + 1),
    Key("over", "key-over", not_after_s=NOW_S),
    Key("previous_key", "key-before", given=False),
)
ALL = tuple(EVENT_TYPES)
HEAD = CallbackRoom("a", "r1", HERE, AuthType.MSS_A_HEAD, KEYS)
QUERY = CallbackRoom("a", "r1", HERE, AuthType.MSS_A, KEYS)
NONE = CallbackRoom("a", "r1", HERE, AuthType.NONE, token="guess-me-not")
MEITUAN = CallbackRoom("a", "r1", HERE, AuthType.MEITUAN_DEFAULT, verifier=lambda _: True)
BY_RECIPE = CallbackRoom(
    "a", "r1", HERE, AuthType.MEITUAN_DEFAULT, KEYS, recipe=Recipe(("body",), "header:s", "header:t")
)

SHOWN: list[tuple[CallbackRoom, dict[str, Any], tuple[str, ...]]] = [
    (HEAD, {}, ()),
    (HEAD, {"url": ""}, (URL,)),
    (HEAD, {"url": "", "auth_type": "", "key": "", "events": ()}, (URL,)),
    (HEAD, {"url": "https://elsewhere.example.com/callbacks/a"}, (URL,)),
    (HEAD, {"url": "https://live.example.com/callbacks/b"}, (URL,)),
    (HEAD, {"url": f"{HERE}/"}, (URL,)),
    (HEAD, {"url": f"{HERE}x"}, (URL,)),
    (HEAD, {"url": "http://live.example.com/callbacks/a"}, (URL,)),
    (HEAD, {"url": f"{HERE}?live_id=7"}, ()),
    (HEAD, {"auth_type": "MSS_A"}, (AUTH_TYPE,)),
    (HEAD, {"auth_type": "NONE"}, (AUTH_TYPE,)),
    (HEAD, {"auth_type": ""}, (AUTH_TYPE,)),
    (QUERY, {"auth_type": "MSS_A"}, ()),
    (QUERY, {"auth_type": "MSS_A_HEAD"}, (AUTH_TYPE,)),
    (HEAD, {"key": "key-of-theirs"}, (KEY,)),
    (HEAD, {"key": "key-before"}, ()),
    (HEAD, {"key": "key-later"}, (KEY,)),
    (HEAD, {"key": "key-over"}, (KEY,)),
    (HEAD, {"key": ""}, ()),
    (HEAD, {"key": "k******w"}, ()),
    (HEAD, {"events": ()}, ()),
    (HEAD, {"events": (*ALL, "A_NEW_EVENT")}, ()),
    (HEAD, {"events": ("SHOOT_SCRIPT_SWITCH",)}, (EVENTS,)),
    (HEAD, {"url": "https://x/", "auth_type": "MSS_A", "key": "y", "events": ("A",)}, (URL, AUTH_TYPE, KEY, EVENTS)),
    (NONE, {"url": f"{HERE}?token=guess-me-not", "auth_type": "", "key": ""}, ()),
    (NONE, {"url": f"{HERE}?a=1&token=guess-me-not", "auth_type": "NONE", "key": "whatever"}, ()),
    (NONE, {"url": f"{HERE}?token=guess-me-not", "auth_type": "MSS_A"}, ()),
    (NONE, {"url": HERE, "auth_type": "NONE"}, (URL,)),
    (NONE, {"url": f"{HERE}?token=guess", "auth_type": "NONE"}, (URL,)),
    (NONE, {"url": f"{HERE}?token=guess-me-not&token=guess-me-not", "auth_type": "NONE"}, (URL,)),
    (NONE, {"url": "https://x/?token=guess-me-not", "auth_type": "NONE"}, (URL,)),
    (MEITUAN, {"auth_type": "MEITUAN_DEFAULT", "key": "whatever"}, ()),
    (BY_RECIPE, {"auth_type": "MEITUAN_DEFAULT", "key": "key-before"}, ()),
    (BY_RECIPE, {"auth_type": "MEITUAN_DEFAULT", "key": "whatever"}, (KEY,)),
]  # fmt: skip


def shown(**other: Any) -> dict[str, Any]:
    return {"url": HERE, "auth_type": "MSS_A_HEAD", "key": "key-now", "events": ALL, **other}


@pytest.mark.parametrize(("room", "given", "wrong"), SHOWN)
def test_what_keeps_callbacks_away_is_named_by_its_setting(
    room: CallbackRoom, given: dict[str, Any], wrong: tuple[str, ...]
) -> None:
    assert unheard(room, now_s=NOW_S, **shown(**given)) == wrong


def as_called(url: str, auth_type: str, key: str) -> CallbackRequest:
    """The callback that MetaStudio makes with these settings (S3, table 8)."""
    base, _, query = url.partition("?")
    hw_time = f"{NOW_S:08x}"
    secret = sign(key, signed_uri(base, query, UriForm.BARE_SORTED), hw_time)
    headers: tuple[tuple[str, str], ...] = ()
    if auth_type == "MSS_A_HEAD":
        headers = (("x-hw-mss-secret", secret), ("x-hw-mss-time", hw_time))
    if auth_type == "MSS_A":
        query = "&".join(filter(None, (query, urlencode({"hwSecret": secret, "hwTime": hw_time}))))
    return CallbackRequest(base, query, headers, b"{}", NOW_S)


@pytest.mark.parametrize("room", [HEAD, QUERY, NONE])
@pytest.mark.parametrize("key", ["key-now", "key-before", "key-later", "key-over", "key-of-theirs"])
@pytest.mark.parametrize("auth_type", ["", "NONE", "MSS_A", "MSS_A_HEAD"])
@pytest.mark.parametrize("query", ["", "?token=guess-me-not", "?token=guess", "?live_id=7"])
def test_nothing_is_told_of_settings_whose_callbacks_are_believed_and_of_all_others_it_is(
    room: CallbackRoom, key: str, auth_type: str, query: str
) -> None:
    url = HERE + query
    believed = judge(room, as_called(url, auth_type, key)).verdict == Verdict.GENUINE
    wrong = unheard(room, url=url, auth_type=auth_type, key=key, events=ALL, now_s=NOW_S)
    assert believed is (not wrong), wrong


def test_a_start_asks_for_every_type_that_is_understood() -> None:
    assert set(CALLBACK_EVENTS) == EVENT_TYPES
