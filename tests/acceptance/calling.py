"""MetaStudio calling back: signed per MSS_A and MSS_A_HEAD (S3, table 8), true, forged, stale or repeated."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from acceptance.writing import CALLBACK_KEY

FORMS = ("bare sorted", "with scheme sorted", "bare as sent", "with scheme as sent")


def signed_text(url: str, form: str = "bare sorted") -> str:
    """The URI as it is signed: without or with its scheme, its query sorted or as sent."""
    base, _, query = url.partition("?")
    if form.startswith("bare"):
        base = base.split("://", 1)[1]
    pairs = query.split("&") if query else []
    if form.endswith("sorted"):
        pairs.sort(key=lambda pair: pair.split("=", 1)[0])
    return f"{base}?{'&'.join(pairs)}" if pairs else base


def secret_of(url: str, hw_time: str, key: str = CALLBACK_KEY, form: str = "bare sorted") -> str:
    return hmac.new(key.encode(), (signed_text(url, form) + hw_time).encode(), hashlib.sha256).hexdigest()


def hw_time(age_s: float = 0) -> str:
    return f"{int(time.time() - age_s):x}"


def callback(event_type: str, *, as_text: bool = True, **message: Any) -> bytes:
    told = json.dumps(message, ensure_ascii=False) if as_text else message
    return json.dumps({"event_type": event_type, "message": told}, ensure_ascii=False).encode()


def switch(room_id: str, job_id: str, scene: str, **more: Any) -> bytes:
    """SHOOT_SCRIPT_SWITCH."""
    told: dict[str, Any] = {
        "scene_script_name": scene,
        "shoot_script_sequence_no": 1,
        "shoot_script_title": "段落",
    }
    return callback("SHOOT_SCRIPT_SWITCH", room_id=room_id, job_id=job_id, **(told | more))


def by_head(url: str, age_s: float = 0, key: str = CALLBACK_KEY, form: str = "bare sorted") -> dict[str, str]:
    """The headers of MSS_A_HEAD."""
    moment = hw_time(age_s)
    return {"x-hw-mss-secret": secret_of(url, moment, key, form), "x-hw-mss-time": moment}


def by_query(url: str, age_s: float = 0, key: str = CALLBACK_KEY, form: str = "bare sorted") -> str:
    """The URL of MSS_A."""
    moment = hw_time(age_s)
    glue = "&" if "?" in url else "?"
    return f"{url}{glue}hwSecret={secret_of(url, moment, key, form)}&hwTime={moment}"


def post(
    url: str,
    body: bytes | Iterator[bytes],
    headers: Mapping[str, str] | list[tuple[str, str]] | None = None,
    timeout_s: float = 15,
) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=timeout_s) as client:
        given = list(headers.items()) if isinstance(headers, Mapping) else list(headers or [])
        return client.post(url, content=body, headers=[("content-type", "application/json"), *given])
