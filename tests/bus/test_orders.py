"""Orders by hand are answered by whoever has the tenant's lease, at this very moment."""

from __future__ import annotations

import pytest
from nats.aio.client import Client

from livecue.bus.connection import BusOptions
from livecue.bus.embedded import EmbeddedServer
from livecue.bus.orders import ask_daemon, serve_orders
from livecue.runtime.order_ports import Reply, Request
from livecue.runtime.ports import BusError


async def test_only_a_valid_lease_answers_and_with_it_goes_the_ear(
    nc: Client, server: EmbeddedServer
) -> None:
    options = BusOptions((server.url,), token=server.token)
    done: list[str] = []

    async def old(request: Request) -> Reply:
        done.append(f"old {request.do}")
        return Reply("old")

    async def new(request: Request) -> Reply:
        done.append(f"new {request.do}")
        return Reply("new")

    valid = [True]
    async with serve_orders(nc, old, lambda: valid[0]):
        assert (await ask_daemon(options, Request("list"))).error == "old"
        valid[0] = False
        async with serve_orders(nc, new, lambda: True):
            assert (await ask_daemon(options, Request("stop"))).error == "new"
    with pytest.raises(BusError, match="no livecue answers on this bus"):
        await ask_daemon(options, Request("list"))
    assert done == ["old list", "new stop"]
