"""Auth type x form x key x time x tampering: believed is what has no fault at all, and nothing else.

What is sent is signed here by a reading of the page of its own, not by livecue's.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.receiver.recipe import Recipe, TimeUnit
from livecue.receiver.request import CallbackRequest
from livecue.receiver.rooms import AuthType, CallbackRoom, judge
from livecue.receiver.signature import Key, UriForm, Verdict, signed_uri

NOW = 0x66DF9308
URL = "https://live.example.com/callbacks/flagship"
QUERY = "live_id=7&appid=3&limit=10"
BODY = b'{"event_type":"X","message":"{}"}'
TOKEN = "T" * 43

KEYS = (
    Key("current", "secret-current"),
    Key("previous_key", "secret-previous", given=False),
    Key("timed", "secret-timed", NOW - 600, NOW + 600),
    Key("early", "secret-early", NOW + 300),
    Key("expired", "secret-expired", not_after_s=NOW - 300),
    Key("nothing", ""),
)
KEY_STATES = {
    "current": Verdict.GENUINE,
    "previous": Verdict.GENUINE,
    "timed": Verdict.GENUINE,
    "early": Verdict.KEY_EARLY,
    "expired": Verdict.KEY_EXPIRED,
    "unknown": Verdict.WRONG,
    "": Verdict.WRONG,
}
TIMES = {
    0: Verdict.GENUINE,
    60: Verdict.GENUINE,
    -60: Verdict.GENUINE,
    61: Verdict.STALE,
    86_400: Verdict.STALE,
    -61: Verdict.FUTURE,
    -86_400: Verdict.FUTURE,
}
"""By age in seconds."""

TAMPERING = {
    "none": Verdict.GENUINE,
    "upper case": Verdict.GENUINE,
    "other body": Verdict.GENUINE,  # the body is not signed: S3
    "query changed": Verdict.WRONG,
    "query added": Verdict.WRONG,
    "query dropped": Verdict.WRONG,
    "other room": Verdict.WRONG,
    "secret cut": Verdict.WRONG,
    "secret flipped": Verdict.WRONG,
    "time moved": Verdict.WRONG,
    "time no hex": Verdict.MALFORMED,
    "secret twice": Verdict.DUPLICATED,
    "time twice": Verdict.DUPLICATED,
    "secret missing": Verdict.MISSING,
    "time missing": Verdict.MISSING,
    "secret empty": Verdict.MISSING,
    "all in the other place": Verdict.MISSING,
}


def page(url: str, query: str, form: str, hw_time: str, key: str) -> str:
    """S3, table 8: hmac_sha256(Key, URI + hwTime), in the form that is meant."""
    scheme, rest = url.split("://")
    whole = f"{scheme}://{rest}" if "full" in form else rest
    if query:
        parts = query.split("&")
        whole += "?" + "&".join(
            sorted(parts, key=lambda part: part.split("=")[0]) if "sorted" in form else parts
        )
    return hmac.new(key.encode(), whole.encode() + hw_time.encode(), hashlib.sha256).hexdigest()


class Case(NamedTuple):
    auth: AuthType
    form: UriForm
    key: str
    age_s: int
    tampering: str

    @property
    def faults(self) -> list[Verdict]:
        found = (KEY_STATES[self.key], TIMES[self.age_s], TAMPERING[self.tampering])
        return [verdict for verdict in found if verdict != Verdict.GENUINE]

    def room(self) -> CallbackRoom:
        return CallbackRoom("flagship", "r1", URL, self.auth, KEYS, (self.form,))

    def sent(self) -> CallbackRequest:
        how, query = self.tampering, QUERY
        hw_time = f"{NOW - self.age_s:x}"
        url = URL + "-2" if how == "other room" else URL
        secret = page(url, query, self.form, hw_time, f"secret-{self.key}" if self.key else "")
        if how == "upper case":
            secret = secret.upper()
        elif how == "secret cut":
            secret = secret[:-1]
        elif how == "secret flipped":
            secret = secret[::-1]
        elif how == "time moved":
            hw_time = f"{NOW - self.age_s + 1:x}"
        elif how == "time no hex":
            hw_time = "0x" + hw_time[:6]
        query = {
            "query changed": query.replace("7", "8"),
            "query added": query + "&more=1",
            "query dropped": query.replace("live_id=7&", ""),
        }.get(how, query)
        given = [("secret", "" if how == "secret empty" else secret), ("time", hw_time)]
        given = [pair for pair in given if f"{pair[0]} missing" != how]
        given += [pair for pair in given if f"{pair[0]} twice" == how]
        return self.placed(given, query, b"{}" if how == "other body" else BODY)

    def placed(self, given: list[tuple[str, str]], query: str, body: bytes) -> CallbackRequest:
        in_query = (self.auth is AuthType.MSS_A) != (self.tampering == "all in the other place")
        if in_query:
            names = {"secret": "hwSecret", "time": "hwTime"}
            query = "&".join([query, *(f"{names[name]}={value}" for name, value in given)])
            return CallbackRequest(URL, query, (), body, NOW)
        headers = tuple((f"x-hw-mss-{name}", value) for name, value in given)
        return CallbackRequest(URL, query, headers, body, NOW)


def cases(auth: AuthType, form: UriForm) -> Iterator[Case]:
    for key, age_s, tampering in itertools.product(KEY_STATES, TIMES, TAMPERING):
        yield Case(auth, form, key, age_s, tampering)


SIGNED = (AuthType.MSS_A, AuthType.MSS_A_HEAD)


@pytest.mark.parametrize("form", UriForm)
@pytest.mark.parametrize("auth", SIGNED)
def test_believed_is_what_has_no_fault_and_one_fault_is_named(auth: AuthType, form: UriForm) -> None:
    count = 0
    for case in cases(auth, form):
        verdict, faults = judge(case.room(), case.sent()).verdict, case.faults
        assert (verdict == Verdict.GENUINE) is (not faults), case
        if len(faults) == 1:
            assert verdict == faults[0], case
        count += not faults
    assert count == 3 * 3 * 3


@pytest.mark.parametrize("auth", SIGNED)
@pytest.mark.parametrize(("signed", "accepted"), [*itertools.product(UriForm, UriForm)])
def test_a_form_is_believed_only_where_it_is_accepted(
    auth: AuthType, signed: UriForm, accepted: UriForm
) -> None:
    case = Case(auth, signed, "current", 0, "none")
    room = msgspec.structs.replace(case.room(), forms=(accepted,))
    assert (judge(room, case.sent()).verdict == Verdict.GENUINE) is (signed is accepted)


@pytest.mark.parametrize(("auth", "tried"), [*itertools.product(AuthType, SIGNED)])
def test_a_signature_opens_no_room_of_another_auth_type(auth: AuthType, tried: AuthType) -> None:
    sent = Case(tried, UriForm.BARE_SORTED, "current", 0, "none").sent()
    room = CallbackRoom("flagship", "r1", URL, auth, KEYS, tuple(UriForm), TOKEN)
    assert (judge(room, sent).verdict == Verdict.GENUINE) is (auth is tried)


@pytest.mark.parametrize(
    ("token", "query", "verdict"),
    [
        (TOKEN, f"token={TOKEN}", Verdict.GENUINE),
        (TOKEN, f"a=1&token={TOKEN}&b=2", Verdict.GENUINE),
        (TOKEN, f"token={TOKEN[:-1]}", Verdict.WRONG),
        (TOKEN, f"token={TOKEN.lower()}", Verdict.WRONG),
        (TOKEN, f"token={TOKEN}&token={TOKEN}", Verdict.DUPLICATED),
        (TOKEN, f"token={TOKEN}&tok%65n={TOKEN}", Verdict.DUPLICATED),
        (TOKEN, "token=", Verdict.MISSING),
        (TOKEN, "", Verdict.MISSING),
        ("", "token=", Verdict.MISSING),
        ("", "", Verdict.MISSING),
        ("", "token=x", Verdict.WRONG),
    ],
)
def test_without_a_signature_the_token_of_the_url_decides(token: str, query: str, verdict: Verdict) -> None:
    room = CallbackRoom("flagship", "r1", URL, AuthType.NONE, KEYS, token=token)
    assert judge(room, CallbackRequest(URL, query, (), BODY, NOW)).verdict == verdict


RECIPE = Recipe(
    ("text:v1", "path", "query_sorted", "time", "body"), "header:X-Sign", "header:x-time", separator="|"
)


@pytest.mark.parametrize("key", KEY_STATES)
@pytest.mark.parametrize("age_s", TIMES)
@pytest.mark.parametrize("other_body", [False, True])
def test_a_recipe_knows_the_same_keys_and_times_and_signs_the_body(
    key: str, age_s: int, *, other_body: bool
) -> None:
    time = str(NOW - age_s)
    text = f"v1|/callbacks/flagship|appid=3&limit=10&live_id=7|{time}|".encode() + BODY
    secret = hmac.new(f"secret-{key}".encode() if key else b"", text, hashlib.sha256).hexdigest()
    headers = (("x-sign", secret), ("x-time", time))
    sent = CallbackRequest(URL, QUERY, headers, BODY + b" " * other_body, NOW)
    room = CallbackRoom("flagship", "r1", URL, AuthType.MEITUAN_DEFAULT, KEYS, recipe=RECIPE)
    faults = {KEY_STATES[key], TIMES[age_s], Verdict.WRONG if other_body else Verdict.GENUINE}
    faults.discard(Verdict.GENUINE)
    verdict = judge(room, sent).verdict
    assert verdict in (faults or {Verdict.GENUINE})


names = st.text("abchwSTime_", min_size=1, max_size=8)
values = st.text("abc019%._-+/:=", max_size=8)
pairs = st.lists(st.tuples(names, values), max_size=6)


def written(found: list[tuple[str, str]]) -> str:
    return "&".join(f"{name}={value}" for name, value in found)


@given(pairs, st.randoms(use_true_random=False))
def test_the_sorted_forms_do_not_depend_on_the_order_sent(
    found: list[tuple[str, str]], random: object
) -> None:
    once = list({name: (name, value) for name, value in found}.values())
    shuffled = sorted(once, key=lambda _: random.random())  # type: ignore[attr-defined]
    for form in (UriForm.BARE_SORTED, UriForm.FULL_SORTED):
        assert signed_uri(URL, written(once), form) == signed_uri(URL, written(shuffled), form)


@given(pairs, st.integers(0, 6), st.integers(0, 6), st.sampled_from(UriForm))
def test_where_the_signature_stands_in_the_query_makes_no_difference(
    found: list[tuple[str, str]], here: int, there: int, form: UriForm
) -> None:
    own = [pair for pair in found if pair[0] not in {"hwSecret", "hwTime"}]
    beside = list(own)
    beside.insert(here, ("hwSecret", "ab"))
    beside.insert(there, ("hwTime", "cd"))
    assert signed_uri(URL, written(beside), form) == signed_uri(URL, written(own), form)


@given(pairs, st.sampled_from(["bare", "full"]))
def test_the_form_as_sent_changes_nothing_and_the_sorted_one_only_the_order(
    found: list[tuple[str, str]], scheme: str
) -> None:
    own = [pair for pair in found if pair[0] not in {"hwSecret", "hwTime"}]
    base = URL if scheme == "full" else URL.removeprefix("https://")
    sent = signed_uri(URL, written(own), UriForm(f"{scheme}_sent"))
    assert sent == (f"{base}?{written(own)}" if own else base)
    in_order = sorted(own, key=lambda pair: pair[0])
    assert signed_uri(URL, written(own), UriForm(f"{scheme}_sorted")) == (
        f"{base}?{written(in_order)}" if own else base
    )


@given(pairs, pairs, st.sampled_from(UriForm), st.sampled_from(SIGNED))
def test_a_signature_holds_for_its_own_query_alone(
    found: list[tuple[str, str]], other: list[tuple[str, str]], form: UriForm, auth: AuthType
) -> None:
    room = CallbackRoom("flagship", "r1", URL, auth, KEYS, (form,))
    plain = [[pair for pair in one if pair[0] not in {"hwSecret", "hwTime"}] for one in (found, other)]
    secret = page(URL, written(plain[0]), form, f"{NOW:x}", "secret-current")
    for one in plain:
        case = Case(auth, form, "current", 0, "none")
        sent = case.placed([("secret", secret), ("time", f"{NOW:x}")], written(one), BODY)
        same = signed_uri(URL, written(one), form) == signed_uri(URL, written(plain[0]), form)
        assert (judge(room, sent).verdict == Verdict.GENUINE) is same


def test_the_units_of_time_of_a_recipe_say_the_same_moment() -> None:
    for unit, time in (
        (TimeUnit.SECONDS, f"{NOW}"),
        (TimeUnit.MILLISECONDS, f"{NOW}000"),
        (TimeUnit.HEX_SECONDS, f"{NOW:X}"),
    ):
        recipe = msgspec.structs.replace(RECIPE, parts=("time",), time_unit=unit)
        secret = hmac.new(b"secret-current", time.encode(), hashlib.sha256).hexdigest()
        sent = CallbackRequest(URL, "", (("x-sign", secret), ("x-time", time)), b"", NOW)
        room = CallbackRoom("flagship", "r1", URL, AuthType.MEITUAN_DEFAULT, KEYS, recipe=recipe)
        assert judge(room, sent).verdict == Verdict.GENUINE
