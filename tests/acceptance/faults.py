"""What may go wrong with an answer of the cloud: late, never, half, not JSON, far too long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from starlette.background import BackgroundTask
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

Answer = Literal["", "html", "cut", "empty", "huge", "array"]
FOREVER = 1_000_000


@dataclass
class Fault:
    """The next `times` calls of `operation` go wrong: `status` and `code`, late by `delay_s`, or never answered.

    `happens`: the operation takes effect all the same. `answer`: the 200 (or `status`) is not what it
    should be. `on_arrival` runs before anything is answered, `after` once the true answer is written.
    """

    operation: str
    status: int = 0
    code: str = ""
    times: int = 1
    delay_s: float = 0
    hang: bool = False
    happens: bool = False
    room_id: str = ""
    retry_after: str = ""
    answer: Answer = ""
    on_arrival: Callable[[], object] | None = None
    after: Callable[[], object] | None = None

    @property
    def answers_truly(self) -> bool:
        """Whether the operation's own answer goes out, if late."""
        return not (self.status or self.hang or self.answer)


class CutShort(Response):
    """Promises a whole body and closes the connection in the middle of it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        headers = [(b"content-type", b"application/json"), (b"content-length", b"4096")]
        await send({"type": "http.response.start", "status": self.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": b'{"command_id": "c', "more_body": True})


def refusal(status: int, code: str, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error_code": code, "error_msg": text}, status, headers)


async def spoilt(fault: Fault) -> Response:
    """The answer that `fault` wants in place of the true one."""
    if fault.hang:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(60)
    status = fault.status or (504 if fault.hang else 200)
    match fault.answer:
        case "html":
            return HTMLResponse("<html><body><h1>502 Bad Gateway</h1></body></html>", status)
        case "cut":
            return CutShort(status_code=status)
        case "empty":
            return Response(status_code=status)
        case "array":
            return JSONResponse(["not", "an", "object"], status)
        case "huge":
            return refusal(status, fault.code, "长" * 700_000)
    headers = {"Retry-After": fault.retry_after} if fault.retry_after else None
    return refusal(status, fault.code, "as the test wants it", headers)


def followed_by(response: Response, fault: Fault) -> Response:
    """`response`, and `fault.after` as soon as it is written."""
    if fault.after is not None:
        response.background = BackgroundTask(fault.after)
    return response
