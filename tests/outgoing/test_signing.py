from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livecue.outgoing.signing import key_of, webhook_headers

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT_S = 1_614_265_330
BODY = b'{"test": 2432232314}'


def test_the_known_answer_of_standard_webhooks() -> None:
    assert webhook_headers([SECRET], ID, AT_S, BODY) == {
        "webhook-id": ID,
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


def test_a_secret_without_the_prefix_is_the_key_itself() -> None:
    raw = "a-secret-of-thirty-two-characters"
    assert key_of(raw) == raw.encode()


def test_while_a_secret_is_changed_both_sign() -> None:
    both = webhook_headers([SECRET, "the-old-one-is-still-good-for-now"], ID, AT_S, BODY)["webhook-signature"]
    old = webhook_headers(["the-old-one-is-still-good-for-now"], ID, AT_S, BODY)["webhook-signature"]
    assert both == f"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE= {old}"


def test_a_secret_that_is_not_base64_after_the_prefix_is_refused() -> None:
    with pytest.raises((ValueError, binascii.Error)):
        key_of("whsec_not base64!")


@given(st.binary(min_size=24, max_size=64), st.binary(max_size=200), st.integers(0, 2**33))
def test_a_receiver_that_follows_the_text_of_the_standard_accepts_it(
    key: bytes, body: bytes, at_s: int
) -> None:
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = webhook_headers([secret], ID, at_s, body)
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    version, _, given_signature = headers["webhook-signature"].partition(",")
    assert version == "v1"
    assert base64.b64decode(given_signature) == hmac.new(key, signed, hashlib.sha256).digest()
