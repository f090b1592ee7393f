"""JetStream's own JSON API, asked directly: nats-py's models lack fields that livecue needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

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


class BusUnfitError(BusApiError):
    """The server is there and cannot serve livecue the way it is set up; trying again does not help.

    Remedy: `remedy`, which the text ends with: what to change at the server, its account or the configuration.
    """

    def __init__(self, what: str, remedy: str, *, code: int = 0, err_code: int = 0) -> None:
        super().__init__(f"{what}: {remedy}", code=code, err_code=err_code)
        self.what = what
        self.remedy = remedy


_JETSTREAM_OFF = frozenset({10039, 10076})  # not enabled for the account; not enabled


async def api_request(nc: Client, subject: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """One request to `$JS.API.<subject>`.

    Raises:
        BusUnfitError: JetStream is off.
        BusApiError: the server said no.
        BusError: no answer within 5 s.
    """
    try:
        reply = await nc.request(f"$JS.API.{subject}", msgspec.json.encode(body), timeout=TIMEOUT_S)
    except NoRespondersError as error:
        raise BusUnfitError(
            "nobody answers for JetStream, it is off on this server",
            "start nats-server with `-js`, or write `jetstream { store_dir: … }` in its configuration",
            code=503,
        ) from error
    except (NatsError, OSError) as error:
        raise BusError(f"no answer to {subject}: {type(error).__name__}") from error
    answer: dict[str, Any] = msgspec.json.decode(reply.data, type=dict[str, Any])
    failure = answer.get("error")
    if failure and failure.get("err_code") in _JETSTREAM_OFF:
        raise BusUnfitError(
            str(failure.get("description")),
            "write `jetstream: enabled` into the account of livecue's NATS user",
            code=503,
            err_code=int(failure["err_code"]),
        )
    if failure:
        raise BusApiError(
            f"{subject}: {failure.get('description', 'refused')}",
            code=int(failure.get("code", 0)),
            err_code=int(failure.get("err_code", 0)),
        )
    return answer
