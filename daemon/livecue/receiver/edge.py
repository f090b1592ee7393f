"""What both doors share: bodies read within bounds, every way out turned into a constant answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from livecue.runtime.ports import BusError

log = structlog.get_logger()

READ_S = 10.0
"""How long a body may take to arrive, however steadily it drips."""
RETRY_AFTER_S = 5

Endpoint = Callable[[Request], Awaitable[Response]]


class RefusedError(Exception):
    """The request is answered with `status`; `headers` go along. Remedy: the caller's."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers


def guarded(handle: Endpoint) -> Endpoint:
    """Turn every way out of `handle` into a constant answer."""

    async def endpoint(request: Request) -> Response:
        try:
            return await handle(request)
        except RefusedError as refused:
            return Response(str(refused), refused.status, refused.headers, "text/plain")
        except BusError as error:
            log.warning("bus-refused", path=request.scope.get("path", ""), error=str(error))
            headers = {"Retry-After": str(RETRY_AFTER_S)}
            return Response("try again later", 503, headers, "text/plain")
        except ClientDisconnect:
            return Response(status_code=400)
        except Exception:
            log.exception("request-failed", path=request.scope.get("path", ""))
            return Response("internal error", 500, media_type="text/plain")

    return endpoint


async def read_body(request: Request, most_bytes: int) -> bytes:
    """The body, if it is short enough and comes in time.

    Raises:
        RefusedError: 413 as soon as it is too large, 408 after `READ_S`; the connection is closed.
    """
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most_bytes:
        raise RefusedError(413, "too large", {"Connection": "close"})
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(READ_S):
            async for part in request.stream():
                size += len(part)
                if size > most_bytes:
                    raise RefusedError(413, "too large", {"Connection": "close"})
                parts.append(part)
    except TimeoutError:
        raise RefusedError(408, "too slow", {"Connection": "close"}) from None
    return b"".join(parts)


def taken(status: int, body: bytes = b"{}") -> Response:
    """The answer to what the bus has acknowledged."""
    return Response(body, status, media_type="application/json")
