"""A connection for one command: tried once at each server, given up soon, never reconnected."""

from __future__ import annotations

from contextlib import suppress

from nats.aio.client import Client
from nats.errors import Error as NatsError

from livecue.bus.connection import BusOptions, unreachable

_TIMEOUT_S = 5


async def connect_for_a_moment(options: BusOptions, troubles: list[str] | None = None) -> Client:
    """A connected client, to be closed by the caller. `troubles` takes what the server complains of, then and later.

    Raises:
        BusUnfitError: the server refuses our credentials.
        BusError: it cannot be reached.
    """
    told: list[str] = [] if troubles is None else troubles

    async def trouble(error: Exception) -> None:
        told.append(str(error) or type(error).__name__)

    options.security()  # files that cannot be read are told of by name
    nc = Client()
    try:
        await nc.connect(
            list(options.servers),
            token=options.token or None,
            user=options.user or None,
            password=options.password or None,
            user_credentials=options.creds_file or None,
            tls=options.tls(),
            connect_timeout=_TIMEOUT_S,
            allow_reconnect=False,
            max_reconnect_attempts=1,  # by itself it would knock sixty times, two seconds apart
            reconnect_time_wait=0,
            error_cb=trouble,
        )
    except (NatsError, OSError, TimeoutError) as error:
        with suppress(NatsError, OSError, TimeoutError):
            await nc.close()  # it keeps the socket on which it was refused
        why = told[-1] if told else str(error) or type(error).__name__
        raise unreachable(options, why) from error
    return nc
