"""One exchange with MetaStudio: bytes out, JSON in, every foreign exception translated here.

The line between "nothing was sent" and "outcome unknown" is drawn from what the connection itself
reports: until the request's first header is written, nothing can have happened.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, Protocol

import httpx
import msgspec

from livecue.domain import Meaning
from livecue.metastudio.errors import MetaStudioError, error, error_from_answer, secrets_in
from livecue.metastudio.limits import AGAIN_MS

OnCall = Callable[[str, str], None]
"""Called once per HTTP exchange with the operation and `ok` or the `Meaning` of its failure."""

May = Callable[[str, str], bool]
"""Whether a request with this operation and HTTP method may go out at this very moment."""

Sleep = Callable[[float], Awaitable[object]]

MAX_ANSWER_BYTES: Final = 8 << 20
MAX_REFUSAL_BYTES: Final = 64 << 10
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


def json_bytes(operation: str, body: Mapping[str, Any]) -> bytes:
    """Write a body once, as compact UTF-8: these bytes are signed and sent."""
    try:
        return msgspec.json.encode(body, enc_hook=_plain_mapping)
    except (TypeError, ValueError, msgspec.MsgspecError) as exc:
        text = f"the body cannot be written as JSON ({type(exc).__name__})"
        raise error(operation, Meaning.INVALID, detail=text) from None


def _plain_mapping(value: object) -> dict[Any, Any]:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def monotonic_ms() -> int:
    """Milliseconds of a clock that never steps; it has no date."""
    return time.monotonic_ns() // 1_000_000


class Renews(Protocol):
    """Credentials that run out and can be had anew."""

    async def renewed(self, refused: httpx.Request) -> bool:
        """Whether there are newer credentials than those `refused` was answered 401 with."""


class Wire:
    """Sends requests of one client and answers with JSON objects or `MetaStudioError`."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        on_call: OnCall | None,
        renews: Renews | None = None,
        sleep: Sleep = asyncio.sleep,
        may: May | None = None,
    ) -> None:
        self._client = client
        self._on_call = on_call
        self._renews = renews
        self._sleep = sleep
        self._may = may

    def call(self, operation: str, deadline: float) -> Call:
        """One call of the API, over before `deadline` (seconds of the running loop's clock)."""
        return Call(operation, deadline, self._client, self._on_call, self._renews, self._sleep, self._may)


class Call:
    """One call: a request, and the few more that some calls need, under one deadline.

    The rate limit counts requests, and who calls has waited for one place only. So each further
    request goes one window after the answer to the one before.
    """

    def __init__(
        self,
        operation: str,
        deadline: float,
        client: httpx.AsyncClient,
        on_call: OnCall | None,
        renews: Renews | None,
        sleep: Sleep,
        may: May | None = None,
    ) -> None:
        self._may = may
        self._operation = operation
        self._deadline = deadline
        self._client = client
        self._on_call = on_call
        self._renews = renews
        self._sleep = sleep
        self._answered: float | None = None

    async def exchange(
        self,
        method: str,
        url: httpx.URL | str,
        *,
        body: Mapping[str, Any] | None = None,
        signed: bool = True,
    ) -> dict[str, Any]:
        """One request and its answer; once a call, refused credentials are renewed and it is repeated.

        `signed` False sends it without the client's credentials.
        """
        while True:
            await self._wait_for_its_turn()
            request = self._request(method, url, body)
            try:
                answer = await self._send(request, set(secrets_in(body)), signed=signed)
            except MetaStudioError as exc:
                self._count(exc.meaning)
                if not (signed and exc.meaning is Meaning.UNAUTHENTICATED and await self._renewed(request)):
                    raise
            else:
                self._count("ok")
                return answer

    async def _wait_for_its_turn(self) -> None:
        if self._answered is None:
            return
        now = asyncio.get_running_loop().time()
        pause_s = self._answered + AGAIN_MS / 1000 - now
        if now + max(pause_s, 0) >= self._deadline:
            text = "the call needs another request, for which timeout_s leaves no time"
            raise error(self._operation, Meaning.UNAVAILABLE, detail=text)
        if pause_s > 0:
            await self._sleep(pause_s)

    async def _renewed(self, refused: httpx.Request) -> bool:
        renews, self._renews = self._renews, None
        if renews is None:
            return False
        try:
            async with asyncio.timeout_at(self._deadline):
                return await renews.renewed(refused)
        except TimeoutError:
            text = "the credentials ran out, and no new ones came in time"
            raise error(self._operation, Meaning.UNAVAILABLE, detail=text) from None

    def _request(self, method: str, url: httpx.URL | str, body: Mapping[str, Any] | None) -> httpx.Request:
        content = b"" if body is None else json_bytes(self._operation, body)
        headers = {"Content-Type": "application/json"} if method in {"POST", "PUT"} else {}
        try:
            return self._client.build_request(method, url, content=content, headers=headers)
        except httpx.InvalidURL:
            raise error(self._operation, Meaning.INVALID, detail="the URL cannot be used") from None

    async def _send(self, request: httpx.Request, secrets: set[str], *, signed: bool) -> dict[str, Any]:
        operation, method = self._operation, request.method
        secrets.update(request.url.params.get_list("auth_key"))
        sent = _Sent(operation, method, self._may)
        request.extensions["trace"] = sent.trace
        try:
            auth = httpx.USE_CLIENT_DEFAULT if signed else None
            async with asyncio.timeout_at(self._deadline):
                response = await self._client.send(request, auth=auth, stream=True)
                try:
                    raw = await read_bounded(response)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, httpx.StreamError, TimeoutError) as exc:
            raise _no_answer(operation, method, exc, sent=sent.any, secrets=secrets) from None
        finally:
            self._answered = asyncio.get_running_loop().time()
        return _answer(operation, method, response, raw, secrets)

    def _count(self, result: str) -> None:
        if self._on_call is not None:
            self._on_call(self._operation, str(result))


class _Sent:
    """Notes from httpcore's trace whether a request began to go out, and keeps back what may not."""

    def __init__(self, operation: str, method: str, may: May | None) -> None:
        self._operation = operation
        self._method = method
        self._may = may
        self.any = False

    async def trace(self, name: str, _info: object) -> None:
        if not name.endswith("send_request_headers.started"):
            return
        if self._may is not None and not self._may(self._operation, self._method):
            text = "not sent: this replica has no valid lease on the tenant"
            raise error(self._operation, Meaning.UNAVAILABLE, detail=text)
        self.any = True


async def read_bounded(response: httpx.Response) -> bytes | None:
    """The body; None if it is larger than `MAX_ANSWER_BYTES`. Of a refusal its beginning is enough."""
    most = MAX_ANSWER_BYTES if response.is_success else MAX_REFUSAL_BYTES
    parts, size = [], 0
    async for part in response.aiter_bytes():
        parts.append(part)
        size += len(part)
        if size > most:
            return None if response.is_success else b"".join(parts)[:most]
    return b"".join(parts)


def _no_answer(
    operation: str, method: str, exc: Exception, *, sent: bool, secrets: Collection[str]
) -> MetaStudioError:
    unsent = isinstance(exc, _NEVER_SENT) or (isinstance(exc, TimeoutError) and not sent)
    if isinstance(exc, httpx.UnsupportedProtocol):
        return error(operation, Meaning.INVALID, detail="the URL cannot be used")
    happened = "no connection" if unsent else "no answer"
    if isinstance(exc, httpx.TimeoutException | TimeoutError):
        happened += " in time"
    text = f"{happened} ({type(exc).__name__}"
    text += f": {exc})" if isinstance(exc, httpx.ConnectError) and str(exc) else ")"
    return error(operation, _lost(method, sent=not unsent), detail=text, secrets=secrets)


def _lost(method: str, *, sent: bool) -> Meaning:
    return Meaning.OUTCOME_UNKNOWN if sent and method != "GET" else Meaning.UNAVAILABLE


def _answer(
    operation: str, method: str, response: httpx.Response, raw: bytes | None, secrets: Collection[str]
) -> dict[str, Any]:
    status, request_id = response.status_code, response.headers.get("x-request-id", "")
    if not 200 <= status < 300:
        refusal = error_from_answer(operation, status, response.headers, raw or b"", secrets)
        if status in {502, 504} and not refusal.error_code.startswith("MSS."):
            # A gateway gave up on the server behind it, which may have done the work all the same.
            detail = "the gateway had no answer from behind it"
            meaning = _lost(method, sent=True)
            raise error(operation, meaning, status=status, request_id=request_id, detail=detail)
        raise refusal
    problem = ""
    data: Any = {}
    if raw is None:
        problem = f"the answer is larger than {MAX_ANSWER_BYTES >> 20} MiB"
    elif raw.strip():
        try:
            data = msgspec.json.decode(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            problem = "the answer is not JSON"
    if not problem and not isinstance(data, dict):
        problem = "the answer is not a JSON object"
    if problem:
        meaning = _lost(method, sent=True)
        raise error(operation, meaning, status=status, request_id=request_id, detail=problem)
    return dict(data)
