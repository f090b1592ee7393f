"""Whatever a server answers: the right meaning, in bounded time and memory, and no connection lost.

Each answer comes from a real socket, to a client whose pool has room for one connection: if that
one leaked, the next call would wait for it in vain.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import NamedTuple

import httpcore
import httpx
import pytest

from livecue.domain import Meaning
from livecue.metastudio import AkSkAuth, MetaStudio, MetaStudioError
from metastudio.serving import AK, NOW_MS, PROJECT, SK, handling

TIMEOUT_S = 0.4
GOOD = b"HTTP/1.1 200 OK\r\ncontent-length: 19\r\n\r\n" + b'{"command_id":"ok"}'
Chunks = Callable[[], Iterator[bytes | float]]
"""What a server writes: bytes, and pauses in seconds; then it hangs up, unless it pauses for long."""


def head(status: int, *headers: str, length: int | None = None) -> bytes:
    lines = [f"HTTP/1.1 {status} Whatever", *headers]
    lines += [f"content-length: {length}"] if length is not None else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(status: int, body: bytes, *headers: str) -> Chunks:
    return lambda: iter([head(status, *headers, length=len(body)) + body])


def refusal(status: int, code: str, text: str = "no") -> Chunks:
    return whole(status, json.dumps({"error_code": code, "error_msg": text}).encode())


def nothing() -> Iterator[bytes | float]:
    yield 60.0


def half_a_status_line() -> Iterator[bytes | float]:
    yield b"HTTP/1.1 20"
    yield 60.0


def dribbling_head() -> Iterator[bytes | float]:
    for byte in head(200, length=2) + b"{}":
        yield bytes([byte])
        yield 0.05


def dribbling_body() -> Iterator[bytes | float]:
    yield head(200, length=1000)
    while True:
        yield b" "
        yield 0.05


def endless_refusal() -> Iterator[bytes | float]:
    yield head(500) + b'{"error_code":"MSS.20010046","error_msg":"'
    while True:
        yield b"x" * 65_536


def hanging_up() -> Iterator[bytes | float]:
    yield b""


class Case(NamedTuple):
    name: str
    writes: Chunks
    posted: Meaning | str  # what a command makes of it, or the command_id
    got: Meaning | str  # what a show makes of it, or the job_id
    slow: bool = False


U, Q = Meaning.UNAVAILABLE, Meaning.OUTCOME_UNKNOWN
HTML = b"<!DOCTYPE html><html><body>Please log in</body></html>"
BIG = json.dumps({"error_code": "MSS.20010046", "error_msg": "x" * (2 << 20)}).encode()
GZIPPED = gzip.compress(b'{"command_id": "zipped", "job_id": "zipped"}')
CHUNKED = "transfer-encoding: chunked"

CASES = [
    Case("never answers", nothing, Q, U, slow=True),
    Case("half a status line", half_a_status_line, Q, U, slow=True),
    Case("a byte at a time, head", dribbling_head, Q, U, slow=True),
    Case("a byte at a time, body", dribbling_body, Q, U, slow=True),
    Case("html with 200", whole(200, HTML), Q, U),
    Case("html with 502", whole(502, HTML), Q, U),
    Case("html with 504", whole(504, HTML), Q, U),
    Case("html with 500", whole(500, HTML), U, U),
    Case("hangs up in mid-body", lambda: iter([head(200, length=500) + b'{"command_id"']), Q, U),
    Case("hangs up in the head", lambda: iter([b"HTTP/1.1 200 OK\r\ncontent-"]), Q, U),
    Case("hangs up before the status line", hanging_up, Q, U),
    Case("200 and nothing", whole(200, b""), "", "j"),
    Case("200 and blanks", whole(200, b" \n"), "", "j"),
    Case("204", lambda: iter([head(204)]), "", "j"),
    Case("a list", whole(200, b'[{"command_id": "x"}]'), Q, U),
    Case("null", whole(200, b"null"), Q, U),
    Case("an id that is an object", whole(200, b'{"command_id": {"id": 1}, "job_id": []}'), "", U),
    Case("an id that is null", whole(200, b'{"command_id": null, "state": "WAITING"}'), "", "j"),
    Case("nested beyond measure", whole(200, b"[" * 100_000), Q, U),
    Case("a refusal nested beyond measure", whole(400, b"[" * 60_000), Meaning.INVALID, Meaning.INVALID),
    Case("503", whole(503, b""), U, U),
    Case("503 with Retry-After", whole(503, b"", "retry-after: 7"), U, U),
    Case("2 MB of refusal", whole(500, BIG), Meaning.JOB_OVER, Meaning.JOB_OVER),
    Case("a refusal without end", endless_refusal, Meaning.JOB_OVER, Meaning.JOB_OVER),
    Case("unknown code, 400", refusal(400, "MSS.29999999"), Meaning.INVALID, Meaning.INVALID),
    Case("unknown code, 500", refusal(500, "MSS.29999999"), U, U),
    Case("unknown code, 403", refusal(403, "APIGW.9999"), Meaning.FORBIDDEN, Meaning.FORBIDDEN),
    Case("broken chunk", lambda: iter([head(200, CHUNKED) + b"zz\r\n{}\r\n0\r\n\r\n"]), Q, U),
    Case("cut chunk", lambda: iter([head(200, CHUNKED) + b"40\r\n{"]), Q, U),
    Case("gzip unasked", whole(200, GZIPPED, "content-encoding: gzip"), "zipped", "zipped"),
    Case("broken gzip", whole(200, b"no gzip", "content-encoding: gzip"), Q, U),
    Case("not HTTP", lambda: iter([b"220 mail.example.com ESMTP\r\n"]), Q, U),
    Case("invalid utf-8", whole(200, b'{"command_id": "\xff"}'), Q, U),
    Case("101", lambda: iter([head(101, "upgrade: x")]), Q, U),
    Case("too long a body", whole(200, b" " * (9 << 20)), Q, U),
    Case("two lengths", lambda: iter([head(200, "content-length: 1", "content-length: 2") + b"{}"]), Q, U),
]


class Line:
    """A client with one connection, and a server that misbehaves until told otherwise."""

    def __init__(self) -> None:
        self.writes: Chunks = nothing
        self.studio: MetaStudio

    async def serve(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in self.writes():
            if writer.is_closing():
                return
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            else:
                await asyncio.sleep(part)

    async def command(self) -> str | MetaStudioError:
        try:
            return await self.studio.command("r", "j", {"command": "x"})
        except MetaStudioError as exc:
            return exc

    async def show(self) -> str | MetaStudioError:
        try:
            return (await self.studio.show("r", "j")).job_id
        except MetaStudioError as exc:
            return exc

    def connections(self) -> list[httpcore.AsyncConnectionInterface]:
        transport = self.studio._client._transport
        assert isinstance(transport, httpx.AsyncHTTPTransport)
        return transport._pool.connections


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    line = Line()
    auth = AkSkAuth(AK, SK, PROJECT, lambda: NOW_MS)
    async with (
        handling(line.serve) as url,
        MetaStudio(url, PROJECT, auth, timeout_s=TIMEOUT_S, pool=1) as studio,
    ):
        line.studio = studio
        yield line


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_bad_answer_has_a_meaning_is_over_in_time_and_leaves_the_pool_usable(
    line: Line, case: Case
) -> None:
    for call, means in ((line.command, case.posted), (line.show, case.got)):
        line.writes = case.writes
        began = time.monotonic()
        end = await call()
        took_s = time.monotonic() - began
        assert (end.meaning if isinstance(end, MetaStudioError) else end) == means
        assert took_s < (TIMEOUT_S + 0.5 if case.slow else TIMEOUT_S), took_s
        assert len(str(end)) < 700
        assert all(one.is_idle() or one.is_closed() for one in line.connections())
        line.writes = lambda: iter([GOOD])
        assert await line.command() == "ok", "the only connection is free again"


async def test_retry_after_of_a_503_comes_along(line: Line) -> None:
    line.writes = whole(503, b"", "retry-after: 7")
    failed = await line.command()
    assert isinstance(failed, MetaStudioError)
    assert failed.retry_after_s == 7


async def test_the_text_of_a_long_refusal_is_cut_and_holds_no_secret(line: Line) -> None:
    for times in (100, 120_000):
        line.writes = refusal(500, "MSS.20010046", "auth_key=S3CRETKEY " * times)
        failed = await line.command()
        assert isinstance(failed, MetaStudioError)
        assert failed.meaning is Meaning.JOB_OVER
        assert "S3CRETKEY" not in str(failed)
        assert len(str(failed)) < 500


async def test_a_refusal_without_end_takes_no_memory_to_speak_of(line: Line) -> None:
    line.writes = endless_refusal
    await line.command()
    tracemalloc.start()
    try:
        await line.command()
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


async def test_a_call_cancelled_in_the_middle_leaves_the_pool_usable(line: Line) -> None:
    for writes in (nothing, dribbling_body):
        line.writes = writes
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await line.command()
        line.writes = lambda: iter([GOOD])
        assert await line.command() == "ok"
