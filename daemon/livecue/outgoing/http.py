"""One POST to somebody outside: bytes out, capped bytes in, every foreign exception translated here."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import httpx

from livecue.runtime.ask_ports import AskError, Unanswered

MAX_ANSWER_BYTES: Final = 64 << 10
_POOL: Final = 100
_UNREACHABLE: Final = (httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol)


@dataclass(frozen=True)
class Answer:
    """What came back with a 2xx. `body` None: larger than `MAX_ANSWER_BYTES`."""

    status: int
    body: bytes | None


def checked_url(url: str) -> httpx.URL:
    """`url` if it is https, or http towards loopback.

    Raises:
        AskError: NOT_SET_UP; the text never holds the URL, which may carry a key.
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise AskError(Unanswered.NOT_SET_UP, "the URL cannot be read") from None
    if not parsed.host:
        raise AskError(Unanswered.NOT_SET_UP, "the URL names no host")
    if parsed.scheme != "https" and not (parsed.scheme == "http" and is_loopback(parsed.host)):
        raise AskError(Unanswered.NOT_SET_UP, "the URL must be https (http is for loopback only)")
    return parsed


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Http:
    """The connections to everybody outside; an async context manager.

    A proxy of the environment is used, but never towards loopback. Cookies are not kept: one
    shop's must not reach another.
    """

    def __init__(self) -> None:
        self._outer = _client(trust_env=True)
        self._inner = _client(trust_env=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._outer.aclose()
        await self._inner.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, within_s: float) -> Answer:
        """One attempt, over within `within_s` from the first byte to the last.

        Raises:
            AskError: no answer, or a status that is not 2xx.
        """
        target = checked_url(url)
        client = self._inner if is_loopback(target.host) else self._outer
        try:
            async with asyncio.timeout(within_s):
                request = client.build_request("POST", target, content=body, headers=dict(headers))
                response = await client.send(request, stream=True)
                try:
                    _check_status(response)
                    return Answer(response.status_code, await _read(response))
                finally:
                    client.cookies.clear()
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            raise AskError(Unanswered.TIMEOUT, f"no answer within {within_s:.1f} s") from None
        except _UNREACHABLE as error:
            raise AskError(Unanswered.UNREACHABLE, type(error).__name__) from None
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
            raise AskError(Unanswered.UNREACHABLE, f"broken off: {type(error).__name__}") from None


def _client(*, trust_env: bool) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        timeout=None,  # noqa: S113 - each call has one limit of its own for all of its phases
        limits=httpx.Limits(max_connections=_POOL, max_keepalive_connections=_POOL, keepalive_expiry=20.0),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "livecue"},
        follow_redirects=False,
        trust_env=trust_env,
    )


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if 200 <= status < 300:
        return
    if status == 410:
        raise AskError(Unanswered.GONE, "410")
    if status in {429, 503}:
        raise AskError(
            Unanswered.BUSY, str(status), retry_after_s=_seconds(response.headers.get("retry-after"))
        )
    raise AskError(Unanswered.REFUSED, str(status))


def _seconds(told: str | None) -> float | None:
    """Retry-After in seconds. Its other form, a date, would need both clocks to agree: passed over."""
    if told is None or not told.isascii() or not told.isdigit():
        return None
    return float(min(int(told[:9]), 86_400))


async def _read(response: httpx.Response) -> bytes | None:
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)
