"""One exchange with MetaStudio: bytes out, JSON in, every foreign exception translated here.

The line between "nothing was sent" and "outcome unknown" is drawn from what the connection itself
reports: until the request's first header is written, nothing can have happened.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import httpx
import msgspec

from livecue.domain import Meaning
from livecue.metastudio.errors import MetaStudioError, error, error_from_answer, secrets_in

OnCall = Callable[[str, str], None]
"""Called once per HTTP exchange with the operation and `ok` or the `Meaning` of its failure."""

MAX_ANSWER_BYTES: Final = 8 << 20
_HOST: Final = re.compile(r"[\w.:-]+")
_NEVER_SENT: Final = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


class _NoSecrets(logging.Filter):
    """httpx logs each URL at INFO and httpcore each header at DEBUG: a report URL's key, a token."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("httpcore"):
            return "headers" not in record.getMessage()
        if isinstance(record.args, tuple):
            record.args = tuple(_bare(arg) if isinstance(arg, httpx.URL) else arg for arg in record.args)
        return True


def _bare(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"


_NO_SECRETS: Final = _NoSecrets()


def keep_logs_clean() -> None:
    """Make httpx's own logs free of secrets at every level; safe to call again."""
    for name in ("httpx", "httpcore.http11", "httpcore.http2"):
        logging.getLogger(name).addFilter(_NO_SECRETS)


def checked_url(url: str, name: str) -> httpx.URL:
    """Accept an `https:` URL, or `http:` towards loopback; `name` is what the message calls it.

    Raises:
        ValueError: says what is wrong with it, never the URL itself (it may hold a key).
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise ValueError(f"{name} is not a URL; write https://<host>") from None
    if not _HOST.fullmatch(parsed.host) or parsed.userinfo:
        raise ValueError(f"{name} must be https://<host>[/path] without user and password")
    if parsed.scheme != "https" and not (parsed.scheme == "http" and is_loopback(parsed.host)):
        raise ValueError(f"{name} must be https: (http: is for loopback only)")
    return parsed


def is_loopback(host: str) -> bool:
    """True for localhost, 127.0.0.0/8 and ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def new_client(url: httpx.URL, *, auth: httpx.Auth | None, timeout_s: float, pool: int) -> httpx.AsyncClient:
    """Build the httpx client for one host: pooled, no redirects, quiet; a proxy never sees loopback."""
    keep_logs_clean()
    return httpx.AsyncClient(
        auth=auth,
        timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 5.0)),
        limits=httpx.Limits(max_connections=pool, max_keepalive_connections=pool, keepalive_expiry=20.0),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "livecue"},
        follow_redirects=False,
        trust_env=not is_loopback(url.host),
    )


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


class Wire:
    """Sends requests of one client and answers with JSON objects or `MetaStudioError`."""

    def __init__(self, client: httpx.AsyncClient, on_call: OnCall | None) -> None:
        self._client = client
        self._on_call = on_call

    async def exchange(
        self,
        operation: str,
        method: str,
        url: httpx.URL | str,
        *,
        deadline: float,
        body: Mapping[str, Any] | None = None,
        signed: bool = True,
    ) -> dict[str, Any]:
        """One request and its answer, over before `deadline` (seconds of the running loop's clock).

        `signed` False sends it without the client's credentials.
        """
        try:
            answer = await self._exchange(operation, method, url, deadline, body, signed=signed)
        except MetaStudioError as exc:
            self._count(operation, exc.meaning)
            raise
        self._count(operation, "ok")
        return answer

    def _count(self, operation: str, result: str) -> None:
        if self._on_call is not None:
            self._on_call(operation, str(result))

    async def _exchange(
        self,
        operation: str,
        method: str,
        url: httpx.URL | str,
        deadline: float,
        body: Mapping[str, Any] | None,
        *,
        signed: bool,
    ) -> dict[str, Any]:
        secrets = set(secrets_in(body))
        content = b"" if body is None else json_bytes(operation, body)
        headers = {"Content-Type": "application/json"} if method == "POST" else {}
        sent = _Sent()
        try:
            request = self._client.build_request(
                method, url, content=content, headers=headers, extensions={"trace": sent.trace}
            )
            secrets.update(request.url.params.get_list("auth_key"))
            auth = httpx.USE_CLIENT_DEFAULT if signed else None
            async with asyncio.timeout_at(deadline):
                response = await self._client.send(request, auth=auth, stream=True)
                try:
                    raw = await _read(response)
                finally:
                    await response.aclose()
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError) as exc:
            raise _no_answer(operation, method, exc, sent=sent.any, secrets=secrets) from None
        return _answer(operation, method, response, raw, secrets)


class _Sent:
    """Notes from httpcore's trace whether a request began to go out."""

    def __init__(self) -> None:
        self.any = False

    async def trace(self, name: str, _info: object) -> None:
        if name.endswith("send_request_headers.started"):
            self.any = True


async def _read(response: httpx.Response) -> bytes | None:
    """The body, or None if it is larger than `MAX_ANSWER_BYTES`."""
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _no_answer(
    operation: str, method: str, exc: Exception, *, sent: bool, secrets: Collection[str]
) -> MetaStudioError:
    unsent = isinstance(exc, _NEVER_SENT) or (isinstance(exc, TimeoutError) and not sent)
    if isinstance(exc, httpx.InvalidURL | httpx.UnsupportedProtocol):
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
        except (msgspec.DecodeError, UnicodeDecodeError):
            problem = "the answer is not JSON"
    if not problem and not isinstance(data, dict):
        problem = "the answer is not a JSON object"
    if problem:
        meaning = _lost(method, sent=True)
        raise error(operation, meaning, status=status, request_id=request_id, detail=problem)
    return dict(data)
