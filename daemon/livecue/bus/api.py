"""JetStream's own JSON API, asked directly: nats-py's models lack fields that livecue needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError

from livecue.runtime.ports import BusError

TIMEOUT_S = 5.0


class BusApiError(BusError):
    """JetStream refused a request.

    Remedy: the text carries the server's reason; `code` is its HTTP-like status, `err_code` its
    own number. Without JetStream (503) enable it on the server; livecue needs nats-server >= 2.12.
    """

    def __init__(self, message: str, *, code: int = 0, err_code: int = 0) -> None:
        super().__init__(message)
        self.code = code
        self.err_code = err_code


async def api_request(nc: Client, subject: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """One request to `$JS.API.<subject>`.

    Raises:
        BusApiError: the server said no.
        BusError: no answer within 5 s.
    """
    try:
        reply = await nc.request(f"$JS.API.{subject}", msgspec.json.encode(body), timeout=TIMEOUT_S)
    except (NatsError, OSError) as error:
        raise BusError(f"no answer to {subject}: {type(error).__name__}") from error
    answer: dict[str, Any] = msgspec.json.decode(reply.data, type=dict[str, Any])
    failure = answer.get("error")
    if failure:
        raise BusApiError(
            f"{subject}: {failure.get('description', 'refused')}",
            code=int(failure.get("code", 0)),
            err_code=int(failure.get("err_code", 0)),
        )
    return answer
