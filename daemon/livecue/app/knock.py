"""One HTTP request step by step, so that it can be said which step failed: name, connection, certificate, answer.

For looking, not for working: no redirects, no proxies, nothing kept open. What is asked and answered is
never a secret.
"""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

_HEAD_BYTES = 64 * 1024
_BODY_BYTES = 32 * 1024 * 1024


class Step(StrEnum):
    """How far it came."""

    NAME = "name"
    CONNECTION = "connection"
    CERTIFICATE = "certificate"
    ANSWER = "answer"
    DONE = "done"


@dataclass(frozen=True)
class Knock:
    """What was seen. `failed` is the step that `error` is about, DONE if there was an answer.

    `expires_s`: until when the certificate is good. `date_s`: the server's own time, to the second, and
    `asked_s`, `answered_s` ours, all in Unix seconds. `body` is cut at 32 MiB.
    """

    url: str
    failed: Step = Step.NAME
    error: str = ""
    addresses: tuple[str, ...] = ()
    expires_s: float | None = None
    status: int = 0
    date_s: float | None = None
    asked_s: float = 0
    answered_s: float = 0
    body: bytes = b""

    @property
    def skew_s(self) -> float | None:
        """By how much the server's clock is ahead of ours, to about a second; None if it did not say."""
        if self.date_s is None:
            return None
        return self.date_s + 0.5 - (self.asked_s + self.answered_s) / 2

    @property
    def took_ms(self) -> int:
        return round((self.answered_s - self.asked_s) * 1000)


async def knock(
    url: str,
    now_s: Callable[[], float],
    *,
    method: str = "GET",
    body: bytes = b"",
    timeout_s: float = 5.0,
    trusted: ssl.SSLContext | None = None,
) -> Knock:
    """Ask once. `now_s`: our clock, Unix seconds; `timeout_s`: of each step. Raises nothing for what is wrong out there."""
    parts = urlsplit(url)
    seen = Knock(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(timeout_s):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError) as error:
        return replace(seen, error=_why(error, timeout_s))
    addresses = tuple(dict.fromkeys(str(one[4][0]) for one in found))
    seen = replace(seen, addresses=addresses, failed=Step.CONNECTION)
    context = (trusted or ssl.create_default_context()) if parts.scheme == "https" else None
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port)
        if context is not None:
            seen = replace(seen, failed=Step.CERTIFICATE)
            async with asyncio.timeout(timeout_s):
                await writer.start_tls(context, server_hostname=host)
            seen = replace(seen, expires_s=_expiry_s(writer))
        seen = replace(seen, failed=Step.ANSWER, asked_s=now_s())
        async with asyncio.timeout(timeout_s):
            writer.write(_request(method, parts.netloc.rpartition("@")[2], parts.path or "/", body))
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
        seen = replace(seen, answered_s=now_s())
        async with asyncio.timeout(timeout_s):
            return _answered(seen, head, await _rest(reader) if method == "GET" else b"")
    except (
        OSError,
        TimeoutError,
        ValueError,
        asyncio.IncompleteReadError,
        asyncio.LimitOverrunError,
    ) as error:
        return replace(seen, error=_why(error, timeout_s))
    finally:
        if writer is not None:
            writer.transport.abort()


async def _rest(reader: asyncio.StreamReader) -> bytes:
    parts, size = [], 0
    while size < _BODY_BYTES and (part := await reader.read(65_536)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)


def _request(method: str, host: str, path: str, body: bytes) -> bytes:
    lines = (
        f"{method} {path} HTTP/1.1",
        f"Host: {host}",
        "User-Agent: livecue-doctor",
        "Connection: close",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode("ascii") + b"\r\n\r\n" + body


def _answered(seen: Knock, head: bytes, body: bytes) -> Knock:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    if not version.startswith("HTTP/") or not rest[:3].isdecimal():
        raise ValueError("the answer is not HTTP")
    headers = {
        name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    date_s = None
    with suppress(LookupError, ValueError):
        date_s = parsedate_to_datetime(headers["date"]).timestamp()
    return replace(seen, failed=Step.DONE, status=int(rest[:3]), date_s=date_s, body=body)


def _expiry_s(writer: asyncio.StreamWriter) -> float | None:
    certificate: dict[str, Any] | None = writer.get_extra_info("peercert")
    return ssl.cert_time_to_seconds(str(certificate["notAfter"])) if certificate else None


def _why(error: BaseException, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"nothing for {timeout_s:g} s"
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    if isinstance(error, ssl.SSLError):
        return error.reason or "no TLS is spoken there"
    if isinstance(error, OSError):
        if error.errno and error.errno > 0:  # asyncio's own words repeat the address
            return os.strerror(error.errno)
        return error.strerror or type(error).__name__
    if isinstance(error, asyncio.IncompleteReadError):
        return "the connection was closed without an answer"
    return str(error) or type(error).__name__
