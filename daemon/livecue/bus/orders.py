"""Orders by hand: kept in LIVE_PLAN, asked for by request and reply on `livecue.jobs`."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import msgspec
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import NoRespondersError

from livecue.bus.api import TIMEOUT_S, BusApiError, api_request
from livecue.bus.connection import BusOptions
from livecue.bus.moment import connect_for_a_moment
from livecue.runtime.lease_ports import Holds
from livecue.runtime.order_ports import Order, Reply, Request
from livecue.runtime.ports import BusError

log = structlog.get_logger()

SUBJECT = "livecue.jobs"
_STREAM = "LIVE_PLAN"
_PREFIX = "live.plan.order."


class NatsOrders:
    """`Orders` on `live.plan.order.<room>`, the last one of each."""

    def __init__(self, nc: Client) -> None:
        self._nc = nc

    async def load(self) -> dict[str, Order]:
        info = await api_request(self._nc, f"STREAM.INFO.{_STREAM}", {"subjects_filter": f"{_PREFIX}*"})
        orders: dict[str, Order] = {}
        for subject in info["state"].get("subjects") or {}:
            try:
                answer = await api_request(self._nc, f"STREAM.MSG.GET.{_STREAM}", {"last_by_subj": subject})
                body = base64.b64decode(answer["message"].get("data", ""))
                orders[subject.removeprefix(_PREFIX)] = msgspec.json.decode(body, type=Order)
            except BusApiError as error:
                if error.code != 404:
                    raise
            except msgspec.MsgspecError as error:
                log.warning("order-unreadable", subject=subject, error=str(error))
        return orders

    async def save(self, room: str, order: Order) -> None:
        body = msgspec.json.encode({"v": 1, **msgspec.to_builtins(order)})
        try:
            reply = await self._nc.request(f"{_PREFIX}{room}", body, timeout=TIMEOUT_S)
        except (NatsError, OSError) as error:
            raise BusError(f"the order was not stored: {type(error).__name__}") from error
        if failure := msgspec.json.decode(reply.data).get("error"):
            raise BusError(f"the order was refused: {failure.get('description')}")


@asynccontextmanager
async def serve_orders(
    nc: Client, answer: Callable[[Request], Awaitable[Reply]], holds: Holds
) -> AsyncIterator[None]:
    """Answer requests meanwhile; not those that lay about until the tenant's lease was another's.

    Raises:
        BusError: not connected.
    """

    async def hear(msg: Msg) -> None:
        if not holds():
            return
        try:
            request = msgspec.json.decode(msg.data, type=Request)
        except msgspec.MsgspecError as error:
            reply = Reply(f"not readable: {error}")
        else:
            reply = await answer(request)
        if msg.reply:
            await msg.respond(msgspec.json.encode(reply))

    try:
        subscription = await nc.subscribe(SUBJECT, cb=hear)
    except (NatsError, OSError) as error:
        raise BusError(f"cannot listen on {SUBJECT}: {type(error).__name__}") from error
    try:
        yield
    finally:
        with suppress(NatsError, OSError):
            await subscription.unsubscribe()


async def ask_daemon(options: BusOptions, request: Request) -> Reply:
    """Ask the daemon on this bus.

    Raises:
        BusError: the server cannot be reached, or no daemon answers.
    """
    nc = await connect_for_a_moment(options)
    try:
        answer = await nc.request(SUBJECT, msgspec.json.encode(request), timeout=2 * TIMEOUT_S)
        return msgspec.json.decode(answer.data, type=Reply)
    except NoRespondersError:
        raise BusError(
            "no livecue answers on this bus: start `livecue run`, or ask again in some seconds if one was just lost"
        ) from None
    except (NatsError, OSError, TimeoutError, msgspec.MsgspecError) as error:
        raise BusError(f"livecue gave no answer: {str(error) or type(error).__name__}") from error
    finally:
        await nc.close()
