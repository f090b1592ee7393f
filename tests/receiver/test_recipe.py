"""An HMAC by recipe: each part, each encoding, and what a recipe must not be."""

from __future__ import annotations

import base64
import hashlib
import hmac

import msgspec
import pytest

from livecue.receiver.rate import Debts
from livecue.receiver.recipe import (
    Digest,
    Encoding,
    Recipe,
    TimeUnit,
    recipe_problem,
    sign_by,
    signed_message,
    verify_recipe,
)
from livecue.receiver.request import CallbackRequest
from livecue.receiver.signature import Key, Verdict

NOW = 1_800_000_000
URL = "https://live.example.com/callbacks/flagship?token=t"
QUERY = f"b=2&a=%31&sign=S&ts={NOW}"
HEADERS = (("x-app", "app"), ("x-app", "again"))
PLAIN = Recipe(("time",), "param:sign", "param:ts")
REQUEST = CallbackRequest(URL, QUERY, HEADERS, b"body", NOW)
KEYS = (Key("k", "key"),)


@pytest.mark.parametrize(
    ("part", "text"),
    [
        ("url", "https://live.example.com/callbacks/flagship"),
        ("uri", "live.example.com/callbacks/flagship"),
        ("path", "/callbacks/flagship"),
        ("query", f"b=2&a=%31&ts={NOW}"),
        ("query_sorted", f"a=%31&b=2&ts={NOW}"),
        ("time", str(NOW)),
        ("body", "body"),
        ("body_sha256", hashlib.sha256(b"body").hexdigest()),
        ("body_md5", hashlib.md5(b"body").hexdigest()),
        ("header:X-App", "app,again"),
        ("param:a", "1"),
        ("param:none", ""),
        ("text:as: it stands", "as: it stands"),
    ],
)
def test_each_part_is_what_it_says(part: str, text: str) -> None:
    recipe = msgspec.structs.replace(PLAIN, parts=("text:<", part, "text:>"), separator="\n")
    assert signed_message(recipe, REQUEST, str(NOW)) == f"<\n{text}\n>".encode()


def test_the_digest_and_the_encoding_are_the_recipes() -> None:
    made = hmac.new(b"key", b"m", "sha512").digest()
    recipe = msgspec.structs.replace(PLAIN, digest=Digest.SHA512)
    assert sign_by(recipe, "key", b"m") == made.hex()
    recipe = msgspec.structs.replace(recipe, encoding=Encoding.BASE64)
    assert sign_by(recipe, "key", b"m") == base64.b64encode(made).decode()
    recipe = msgspec.structs.replace(recipe, encoding=Encoding.BASE64URL)
    assert sign_by(recipe, "key", b"m") == base64.urlsafe_b64encode(made).decode()
    for digest in Digest:
        recipe = msgspec.structs.replace(PLAIN, digest=digest)
        assert sign_by(recipe, "key", b"m") == hmac.new(b"key", b"m", str(digest)).hexdigest()


def verdict(recipe: Recipe, query: str) -> Verdict:
    return verify_recipe(recipe, CallbackRequest(URL, query, (), b"", NOW), KEYS, window_s=60)[0].verdict


def test_hex_is_good_in_either_case_and_base64_is_not() -> None:
    given = sign_by(PLAIN, "key", str(NOW).encode())
    assert verdict(PLAIN, f"ts={NOW}&sign={given.upper()}") == Verdict.GENUINE
    recipe = msgspec.structs.replace(PLAIN, encoding=Encoding.BASE64URL)
    given = sign_by(recipe, "key", str(NOW).encode())
    assert verdict(recipe, f"ts={NOW}&sign={given}") == Verdict.GENUINE
    assert verdict(recipe, f"ts={NOW}&sign={given.lower()}") == Verdict.WRONG


def test_faults_of_place_and_time_are_named() -> None:
    given = sign_by(PLAIN, "key", str(NOW).encode())
    assert verdict(PLAIN, f"ts={NOW}") == Verdict.MISSING
    assert verdict(PLAIN, f"sign={given}") == Verdict.MISSING
    assert verdict(PLAIN, f"ts={NOW}&sign={given}&sign={given}") == Verdict.DUPLICATED
    assert verdict(PLAIN, f"ts={NOW}&ts={NOW}&sign={given}") == Verdict.DUPLICATED
    for time in ("now", "-1", "1e9", "9" * 17, "１８"):
        assert verdict(PLAIN, f"ts={time}&sign={given}") == Verdict.MALFORMED
    hexed = msgspec.structs.replace(PLAIN, time_unit=TimeUnit.HEX_SECONDS)
    assert verdict(hexed, f"ts=xyz&sign={given}") == Verdict.MALFORMED


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"parts": ("query",)}, ""),
        ({"parts": ("param:ts",)}, ""),
        ({"parts": ("param:ts", "nonce")}, "nonce is no part"),
        ({"parts": ("body",)}, "the time is not signed"),
        ({"parts": ("query",), "time": "header:x-time"}, "the time is not signed"),
        ({"parts": ("time", "param:sign")}, "a signature cannot be over itself"),
        ({"signature": "sign"}, "signature must say where it stands"),
        ({"time": "header:"}, "time must say where it stands"),
    ],
)
def test_a_recipe_that_protects_nothing_is_refused(change: dict[str, object], said: str) -> None:
    problem = recipe_problem(msgspec.structs.replace(PLAIN, **change))
    assert problem.startswith(said)
    assert bool(problem) is bool(said)


def test_a_debt_is_worked_off_in_its_time_and_each_room_has_its_own() -> None:
    debts = Debts(burst_s=2)
    for second in range(100):
        assert debts.wait_s("steady", second) == 0
        debts.charge("steady", 10, 10, second)
    assert debts.wait_s("a", 0) == 0
    debts.charge("a", 1000, 10, 0)
    assert [debts.wait_s("a", now) for now in (0, 50, 97.5, 98)] == [98, 48, 1, 0]
    assert debts.wait_s("b", 0) == 0
    debts.charge("a", 10, 10, 1000)
    assert debts.wait_s("a", 1000) == 0, "what was not used in between is not saved up beyond the burst"
