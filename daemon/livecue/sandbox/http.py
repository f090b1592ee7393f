"""From an HTTP request to a call of an operation and back: limits, authentication, JSON, refusals.

The order is the gateway's: path, credentials, quota, body, operation (S4 3.2, 3.3, 1).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from livecue.sandbox import errors
from livecue.sandbox.calls import Call, Operation, Reply
from livecue.sandbox.errors import ApiError, invalid
from livecue.sandbox.misbehave import misbehave
from livecue.sandbox.signing import SignedRequest, refusal
from livecue.sandbox.state import State

__all__ = ["Call", "Guard", "Operation", "Reply", "endpoint"]

MAX_BODY_BYTES = 12 * 1024 * 1024
MAX_DEPTH = 64


# Raises ApiError unless the request may pass. The body comes as it was received.
Guard = Callable[[State, Request, bytes], None]


def endpoint(
    state: State, name: str, operation: Operation, changed: Callable[[], None], guard: Guard | None = None
) -> Callable[[Request], Any]:
    """The Starlette endpoint of `operation`. `changed` is called whenever it may have changed a job."""
    check = guard or verify

    async def handle(request: Request) -> Response:
        try:
            raw = await read_body(request)
            _admit(state, name, request, raw, check)
            body = decode(raw)
            query = dict(request.query_params)
            call = Call(state, request.path_params, query, body, _base_url(request))
            strike = state.faults.strike(name, call.path.get("room_id", ""), state.clock())
            if strike is None:
                reply: Reply | None = operation(call)
            else:
                reply = await misbehave(strike, name, operation, call, request)
        except ApiError as error:
            state.records.refused[error.code] += 1
            return respond(refused(error))
        except ClientDisconnect:
            return Response(status_code=400)
        finally:
            changed()
        return Response(status_code=502) if reply is None else respond(reply)

    return handle


def _base_url(request: Request) -> str:
    """Where the client found the sandbox, in its own words: it may come through a forwarded port."""
    host, port = request.scope.get("server") or ("127.0.0.1", 80)
    return f"{request.scope['scheme']}://{request.headers.get('host') or f'{host}:{port}'}"


def _admit(state: State, name: str, request: Request, raw: bytes, check: Guard) -> None:
    state.records.calls[name] += 1
    window = state.window(name)
    if window is None:
        raise errors.no_such_api()
    check(state, request, raw)
    if not window.admit(time.monotonic()):
        state.records.throttled[name] += 1
        raise errors.throttled()
    if failing := state.failing.get(name):
        raise failing.popleft()


def verify(state: State, request: Request, raw: bytes) -> None:
    """AK/SK or token, and the project of the path (S4 3.2)."""
    identity = state.identity
    project = request.path_params.get("project_id")
    if token := request.headers.get("x-auth-token"):
        if state.tokens.get(token, 0.0) <= state.clock():
            raise errors.bad_signature("the token is unknown or has expired")
    elif "authorization" in request.headers:
        reason = refusal(signed_part(request, raw), ak=identity.ak, sk=identity.sk, now_s=state.clock())
        if reason is not None:
            raise errors.bad_signature(reason)
        if "x-project-id" not in request.headers:
            raise errors.bad_signature("X-Project-Id is required with AK/SK")
        if request.headers["x-project-id"] != project:
            raise errors.wrong_project()
    else:
        raise errors.unauthenticated()
    if project != identity.project_id:
        raise errors.wrong_project()


def signed_part(request: Request, raw: bytes) -> SignedRequest:
    """What of `request` was signed, as it stood on the wire."""
    headers: dict[str, str] = {}
    for name, value in request.headers.raw:
        text = value.decode("utf-8", "replace")
        key = name.decode("latin-1").lower()
        # A header sent twice has no one value to sign; both together never match.
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    query = request.scope["query_string"].decode("latin-1")
    return SignedRequest(request.method, path.decode("latin-1"), query, headers, raw)


async def read_body(request: Request) -> bytes:
    """The body, at most 12 MB of it."""
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MAX_BODY_BYTES:
            raise errors.too_large()
        chunks.append(chunk)
    return b"".join(chunks)


def decode(raw: bytes) -> Mapping[str, Any]:
    """The JSON object in `raw`; nothing at all counts as an empty one."""
    if not raw.strip():
        return {}
    try:
        body = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid("the body is not readable JSON") from error
    if not isinstance(body, dict):
        raise invalid("the body must be a JSON object")
    if not _shallow(body):
        raise invalid(f"the body is nested deeper than {MAX_DEPTH}")
    return body


def _shallow(value: Any) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
        if not level:
            return True
    return False


def _children(value: Any) -> Sequence[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [child for child in inner if isinstance(child, (dict, list))]


def refused(error: ApiError) -> Reply:
    """The vendor's form of a refusal (S4 3.3)."""
    return Reply({"error_code": error.code, "error_msg": error.message}, error.status, error.headers)


def respond(reply: Reply) -> Response:
    """The HTTP response, with its X-Request-Id."""
    headers = {"X-Request-Id": uuid4().hex, **(reply.headers or {})}
    if reply.body is None:
        return Response(status_code=reply.status, headers=headers)
    content = msgspec.json.encode(reply.body)
    return Response(content, reply.status, headers, "application/json")
