"""Signatures: the published known answer, the forms, freshness and rotation."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.domain import SignalKind
from livecue.receiver import signature
from livecue.receiver.replay import Seen, dedup_id
from livecue.receiver.request import CallbackRequest
from livecue.receiver.rooms import AuthType, CallbackRoom, judge, stranger, url_token
from livecue.receiver.signature import Key, UriForm, Verdict, key_to_give, same_secret, sign, signed_uri
from livecue.receiver.translate import Callback

KEY = "GCTbw44s6MPLh4GqgDpnfuFHgy25Enly"
OTHER = "another-key-of-the-rotation"
URL = "https://api.example.com/v1/products"
QUERY = "live_id=111&limit=10&offset=0"
TIME = "66df9308"
DIGEST = "5e7fe8869a12a87ea966d9edbc02e38cd4ce62c73b8b05c638f15835e78902d7"
THEN = int(TIME, 16)
ALL = tuple(UriForm)


def verify(
    url: str,
    query: str,
    secrets: list[str],
    times: list[str],
    keys: list[str],
    forms: tuple[UriForm, ...] = (UriForm.BARE_SORTED,),
    *,
    now_s: float,
) -> Verdict:
    named = [Key(str(number), key) for number, key in enumerate(keys)]
    return signature.verify(url, query, secrets, times, named, forms, now_s=now_s).verdict


def test_the_published_known_answer_is_accepted() -> None:
    assert (
        signed_uri(URL, QUERY, UriForm.BARE_SORTED)
        == "api.example.com/v1/products?limit=10&live_id=111&offset=0"
    )
    assert sign(KEY, signed_uri(URL, QUERY, UriForm.BARE_SORTED), TIME) == DIGEST
    assert verify(URL, QUERY, [DIGEST], [TIME], [KEY], now_s=THEN) == Verdict.GENUINE


@pytest.mark.parametrize(
    ("form", "uri"),
    [
        (UriForm.BARE_SORTED, "a.example/cb?a=1&b=2&c"),
        (UriForm.BARE_SENT, "a.example/cb?b=2&a=1&c"),
        (UriForm.FULL_SORTED, "https://a.example/cb?a=1&b=2&c"),
        (UriForm.FULL_SENT, "https://a.example/cb?b=2&a=1&c"),
    ],
)
def test_each_form_leaves_its_own_signature_out(form: UriForm, uri: str) -> None:
    assert signed_uri("https://a.example/cb?old=1#x", "b=2&hwSecret=ab&a=1&hwTime=cd&c", form) == uri
    assert signed_uri("https://a.example/cb", "hwTime=1", form).endswith("a.example/cb")


def test_a_form_that_is_not_accepted_is_wrong() -> None:
    secret = sign(KEY, signed_uri(URL, QUERY, UriForm.FULL_SENT), TIME)
    assert verify(URL, QUERY, [secret], [TIME], [KEY], now_s=THEN) == Verdict.WRONG
    assert verify(URL, QUERY, [secret], [TIME], [KEY], ALL, now_s=THEN) == Verdict.GENUINE


@pytest.mark.parametrize(
    ("age_s", "verdict"),
    [
        (0, Verdict.GENUINE),
        (60, Verdict.GENUINE),
        (60.001, Verdict.STALE),
        (86_400, Verdict.STALE),
        (-60, Verdict.GENUINE),
        (-61, Verdict.FUTURE),
    ],
)
def test_a_signature_is_believed_for_a_minute_and_the_skew(age_s: int, verdict: Verdict) -> None:
    assert verify(URL, QUERY, [DIGEST], [TIME], [KEY], now_s=THEN + age_s) == verdict


@pytest.mark.parametrize(
    "hw_time", ["66DF930", "0x66df9308", "66df93080", "66df930g", " 66df930", "６６df9308", "+6df9308"]
)
def test_a_time_that_is_not_eight_hex_digits_is_malformed(hw_time: str) -> None:
    secret = sign(KEY, signed_uri(URL, QUERY, UriForm.BARE_SORTED), hw_time)
    assert verify(URL, QUERY, [secret], [hw_time], [KEY], now_s=THEN) == Verdict.MALFORMED


def test_missing_and_doubled_signatures_are_refused() -> None:
    assert verify(URL, QUERY, [], [TIME], [KEY], now_s=THEN) == Verdict.MISSING
    assert verify(URL, QUERY, [DIGEST], [], [KEY], now_s=THEN) == Verdict.MISSING
    assert verify(URL, QUERY, [""], [TIME], [KEY], now_s=THEN) == Verdict.MISSING
    assert verify(URL, QUERY, [DIGEST, DIGEST], [TIME], [KEY], now_s=THEN) == Verdict.DUPLICATED
    assert verify(URL, QUERY, [DIGEST], [TIME, TIME], [KEY], now_s=THEN) == Verdict.DUPLICATED


def test_upper_case_hex_is_the_same_signature() -> None:
    assert verify(URL, QUERY, [DIGEST.upper()], [TIME], [KEY], now_s=THEN) == Verdict.GENUINE


def test_without_a_key_nobody_is_believed() -> None:
    empty = sign("", signed_uri(URL, QUERY, UriForm.BARE_SORTED), TIME)
    assert verify(URL, QUERY, [empty], [TIME], [""], now_s=THEN) == Verdict.WRONG
    assert verify(URL, QUERY, [DIGEST], [TIME], [], now_s=THEN) == Verdict.WRONG


def test_every_key_and_form_is_compared_even_after_a_match(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    real = hmac.compare_digest

    def counted(one: bytes, two: bytes) -> bool:
        compared.append(two)
        return real(one, two)

    monkeypatch.setattr(hmac, "compare_digest", counted)
    assert verify(URL, QUERY, [DIGEST], [TIME], [KEY, OTHER], ALL, now_s=THEN) == Verdict.GENUINE
    assert len(compared) == 8


@given(
    st.sampled_from([KEY, OTHER]),
    st.sampled_from(UriForm),
    st.lists(st.tuples(st.text("abcxyz", min_size=1), st.text("019%", max_size=5)), max_size=5),
    st.integers(0, 60),
)
def test_what_is_signed_in_an_accepted_form_is_believed_with_either_key(
    key: str, form: UriForm, pairs: list[tuple[str, str]], age_s: int
) -> None:
    query = "&".join(f"{name}={value}" for name, value in pairs)
    secret = sign(key, signed_uri(URL, query, form), TIME)
    full = f"{query}&hwTime={TIME}&hwSecret={secret}"
    assert verify(URL, full, [secret], [TIME], [KEY, OTHER], ALL, now_s=THEN + age_s) == Verdict.GENUINE
    assert verify(URL, full + "&z9=1", [secret], [TIME], [KEY, OTHER], ALL, now_s=THEN) == Verdict.WRONG
    assert verify(URL + "x", full, [secret], [TIME], [KEY, OTHER], ALL, now_s=THEN) == Verdict.WRONG
    later = f"{THEN + 1:08x}"
    assert verify(URL, full, [secret], [later], [KEY, OTHER], ALL, now_s=THEN) == Verdict.WRONG


@given(st.text(max_size=80), st.text(max_size=12), st.text(max_size=80))
def test_noise_is_never_believed_and_never_an_error(secret: str, hw_time: str, query: str) -> None:
    assert verify(URL, query, [secret], [hw_time], [KEY], ALL, now_s=THEN) != Verdict.GENUINE


@given(st.text(), st.lists(st.text(st.characters(codec="utf-8")), max_size=3))
def test_a_secret_is_the_same_only_if_it_is_equal_and_not_empty(
    given_secret: str, expected: list[str]
) -> None:
    assert same_secret(given_secret, expected) == (given_secret != "" and given_secret in expected)


def room(**settings: object) -> CallbackRoom:
    values = {
        "room": "flagship",
        "room_id": "r1",
        "public_url": URL,
        "auth_type": AuthType.MSS_A,
        "keys": (Key("k", KEY),),
    }
    return CallbackRoom(**{**values, **settings})  # type: ignore[arg-type]


def request(query: str = "", headers: tuple[tuple[str, str], ...] = ()) -> CallbackRequest:
    return CallbackRequest(URL, query, headers, b"{}", float(THEN))


def test_the_query_carries_the_signature_under_mss_a_and_the_headers_under_mss_a_head() -> None:
    query = f"{QUERY}&hwSecret={DIGEST}&hwTime={TIME}"
    headers = (("x-hw-mss-secret", DIGEST), ("x-hw-mss-time", TIME))
    head = room(auth_type=AuthType.MSS_A_HEAD)
    assert judge(room(), request(query)).verdict == Verdict.GENUINE
    assert judge(head, request(QUERY, headers)).verdict == Verdict.GENUINE
    assert judge(room(), request(QUERY, headers)).verdict == Verdict.MISSING
    assert judge(head, request(query)).verdict == Verdict.MISSING
    assert judge(room(), request(f"{query}&hwTime={TIME}")).verdict == Verdict.DUPLICATED
    assert judge(room(), request(f"{query}&hw%54ime={TIME}")).verdict == Verdict.DUPLICATED
    assert judge(head, request(QUERY, (*headers, headers[0]))).verdict == Verdict.DUPLICATED


def test_a_token_is_compared_where_one_is_configured() -> None:
    guarded = room(auth_type=AuthType.NONE, token="geheim")
    assert judge(guarded, request("token=geheim")).verdict == Verdict.GENUINE
    assert judge(guarded, request("token=falsch")).verdict == Verdict.WRONG
    assert judge(guarded, request("token=geheim&token=geheim")).verdict == Verdict.DUPLICATED
    assert judge(guarded, request()).verdict == Verdict.MISSING
    assert judge(room(auth_type=AuthType.NONE), request()).verdict == Verdict.MISSING
    assert judge(room(auth_type=AuthType.NONE), request("token=")).verdict == Verdict.MISSING
    assert judge(room(auth_type=AuthType.NONE), request("token=x")).verdict == Verdict.WRONG


def test_meituan_is_refused_unless_a_verifier_is_plugged_in() -> None:
    assert judge(room(auth_type=AuthType.MEITUAN_DEFAULT), request()).verdict == Verdict.WRONG
    plugged = room(auth_type=AuthType.MEITUAN_DEFAULT, verifier=lambda one: one.header("x-sign") == ["ok"])
    assert judge(plugged, request(headers=(("x-sign", "ok"),))).verdict == Verdict.GENUINE
    assert judge(plugged, request(headers=(("x-sign", "no"),))).verdict == Verdict.WRONG


def test_no_secret_is_shown_by_a_repr() -> None:
    shown = repr(room(token="geheim")) + repr(
        judge(room(), request(f"{QUERY}&hwSecret={DIGEST}&hwTime={TIME}"))
    )
    assert KEY not in shown
    assert "geheim" not in shown
    assert DIGEST not in shown


def test_an_exact_repetition_has_the_same_id_and_anything_else_another() -> None:
    switch = Callback(SignalKind.SCRIPT_SWITCH, "r1", {"job_id": "j"})
    first = dedup_id("flagship", TIME, DIGEST, b"body", switch)
    assert first == dedup_id("flagship", TIME, DIGEST.upper(), b"body", switch)
    others = {
        dedup_id("other", TIME, DIGEST, b"body", switch),
        dedup_id("flagship", "66df9309", DIGEST, b"body", switch),
        dedup_id("flagship", TIME, DIGEST[::-1], b"body", switch),
        dedup_id("flagship", TIME, DIGEST, b"BODY", switch),
    }
    assert len(others | {first}) == 5


def test_a_finished_reply_has_one_id_however_it_is_signed_and_unsigned_news_has_none() -> None:
    done = Callback(SignalKind.REPLY_FINISHED, "r1", {"job_id": "j", "reply_id": "x"})
    assert dedup_id("flagship", TIME, DIGEST, b"a", done) == dedup_id("flagship", "", "", b"b", done)
    rtmp = Callback(SignalKind.RTMP_STATE, "r1", {"job_id": "j", "state": "CONNECTED"})
    assert dedup_id("flagship", "", "", b"a", rtmp) == ""


def test_the_digest_is_hmac_sha256_in_hex() -> None:
    assert sign("k", "u", "t") == hmac.new(b"k", b"ut", hashlib.sha256).hexdigest()


def test_a_key_is_good_in_its_time_alone_and_is_named() -> None:
    def by(*keys: Key, now_s: float = THEN) -> signature.Check:
        return signature.verify(URL, QUERY, [DIGEST], [TIME], keys, now_s=now_s)

    timed = Key("timed", KEY, not_before_s=THEN - 5, not_after_s=THEN + 5)
    assert by(timed) == signature.Check(Verdict.GENUINE, "timed")
    assert by(timed, now_s=THEN - 5).verdict == Verdict.GENUINE
    assert by(timed, now_s=THEN - 6) == signature.Check(Verdict.KEY_EARLY, "timed")
    assert by(timed, now_s=THEN + 5) == signature.Check(Verdict.KEY_EXPIRED, "timed")
    assert by(timed, Key("again", KEY), now_s=THEN + 5) == signature.Check(Verdict.GENUINE, "again")
    assert by(Key("other", OTHER)) == signature.Check(Verdict.WRONG)
    assert KEY not in repr(timed)


def test_the_cloud_is_given_the_newest_key_that_is_good_and_never_a_previous_one() -> None:
    keys = (Key("key", KEY), Key("b", OTHER, 100, 200), Key("c", OTHER, 150), Key("p", KEY, given=False))
    given_at = {now: key_to_give(keys, now) for now in (0, 120, 170, 300)}
    assert {now: key.id for now, key in given_at.items() if key} == {0: "key", 120: "b", 170: "c", 300: "c"}
    assert key_to_give(keys[1:3], 0) == keys[1], "none is good: the next that will be"
    assert key_to_give((Key("x", KEY, not_after_s=5), Key("y", KEY, not_after_s=9)), 10) == Key(
        "y", KEY, not_after_s=9
    )
    assert key_to_give(keys[3:], 0) is None


def test_the_token_of_a_url_is_long_and_another_for_each_room_and_secret() -> None:
    tokens = {url_token(secret, name) for secret in ("s1", "s2") for name in ("a", "b")}
    assert len(tokens) == 4
    assert {len(token) for token in tokens} == {43}
    assert url_token("s1", "a") in tokens


def test_a_room_that_is_not_there_costs_no_more_than_sixteen_keys() -> None:
    query = f"{QUERY}&hwSecret={DIGEST}&hwTime={TIME}"
    few = [room(keys=(Key(str(n), f"{n}"),)) for n in range(15)]
    assert not stranger([*few, room()], request(query))
    assert stranger([*few, room(), room(keys=(Key("x", "one-too-many"),))], request(query))
    assert stranger([], request(query))


def test_what_was_seen_is_remembered_for_two_minutes_and_within_bounds() -> None:
    seen = Seen(most=2)
    for number, once in enumerate(("a", "b", "c", "")):
        seen.add(once, number)
    assert len(seen) == 2
    assert [seen.before(once, 10) for once in ("a", "b", "c", "", "d")] == [False, True, True, False, False]
    assert not seen.before("c", 120_002)
