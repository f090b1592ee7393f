"""Where the torture takes place: the tests' own cloud, livecue and nats-server as processes, and viewers.

Viewers publish without pause, each event with an id and again until it is acknowledged, whoever is dead just
then. With an external server they speak NATS; with the embedded one HTTP, as connectors do there.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import nats
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from acceptance.cloud import Cloud
from acceptance.processes import Livecue, Nats, free_port, until
from acceptance.writing import Bus, bus_of, config, event, once, pack, room, rule, tag, user
from torture.auditor import TURNS, Event, Kind
from torture.records import Accounts

ROOMS = ("one", "two", "three")
TOKEN = "a-token-of-the-torture"
LASTS_S = 7200.0
MAX_AGE_S = 60
_EVERY_S = (0.02, 0.09)
_AGAIN_S = 0.05
_TOTAL = tag("1", "MATH_GE", "totalValue", "SUM")
_LEVEL = {"aggregate": {"mode": "level"}}
RULES = (
    rule("call", "^第[0-9]+号$", *(f"{turn}{{content}}" for turn in TURNS), reply_order="ORDER"),
    rule(
        "rocket",
        [tag("火箭", "EQUAL", "giftName"), _TOTAL],
        "{user.name}满{total}",
        event_type=4,
        livecue=_LEVEL,
    ),
)


def as_event(one: Event) -> dict[str, Any]:
    """The event as a platform writes it; its number is the viewer's name."""
    who = user(f"u{one.number}", name=f"n{one.number}")
    match one.kind:
        case Kind.CALL:
            return event({"user": who, "content": f"第{one.number}号"})
        case Kind.CHAT:
            return event({"user": who, "content": "路过"})
    name = "火箭" if one.kind is Kind.ROCKET else "小心心"
    given = {"giftName": name, "giftNum": 1, "totalValue": one.value, "giftValue": one.value}
    return event({"user": who, "gift": given}, 4)


def drawn(number: int, dice: random.Random) -> Event:
    """The next event. What is answered is rare: the tenant may send four commands a second."""
    kinds, weights = (Kind.CHAT, Kind.GIFT, Kind.CALL, Kind.ROCKET), (72, 24, 3, 1)
    [kind] = dice.choices(kinds, weights)
    return Event(number, kind, dice.randint(1, 99) if kind in {Kind.GIFT, Kind.ROCKET} else 0)


class Arena:
    """`server` is None where livecue has its own. `daemons`: as many as are to share the work."""

    def __init__(self, folder: Path, *, embedded: bool, daemons: int = 1) -> None:
        self.cloud = Cloud(free_port())
        self.server = None if embedded else Nats(folder / "nats")
        rules = [pack(folder / "pack", RULES)]
        self._rooms = [room(key, rules, report="all", sessions=[once(LASTS_S)]) for key in ROOMS]
        self.daemons = [self._daemon(folder / f"daemon-{n}") for n in range(daemons)]
        self.acknowledged: dict[str, list[Event]] = {key: [] for key in ROOMS}
        self.ids = {str(one["key"]): str(one["room_id"]) for one in self._rooms}

    def _daemon(self, folder: Path) -> Livecue:
        more = {"nats": {"url": self.server.url}} if self.server else {}
        body = config(self.cloud, self._rooms, dispatch={"max_age_s": MAX_AGE_S}, **more)
        body["http"]["ingest_token"] = TOKEN
        return Livecue(folder, body)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Everything up, every room live and heard of; whatever is left is killed at the end."""
        async with AsyncExitStack() as stack:
            self.cloud.up()
            stack.callback(self.cloud.down)
            if self.server:
                self.server.up()
                stack.callback(self.server.kill)
            for daemon in self.daemons:
                daemon.up()
                stack.callback(daemon.kill)
            await self.ready()
            await until(lambda: all(map(self.cloud.live, self.ids.values())), 20, "not every room went live")
            await until(self._told_of_all, 10)
            yield

    def _told_of_all(self) -> bool:
        """Whether each room has heard of its job: what a rule adds up begins with it."""
        return len([line for line in self.lines() if line["event"] == "job-started"]) >= len(ROOMS)

    def lines(self) -> list[dict[str, Any]]:
        """The log of every daemon."""
        return [line for daemon in self.daemons for line in daemon.lines()]

    async def ready(self, within: float = 30) -> None:
        for daemon in self.daemons:
            await until(daemon.ready, within, "livecue is not ready")

    @asynccontextmanager
    async def bus(self) -> AsyncIterator[Bus]:
        async with bus_of(self.server.url if self.server else self.daemons[0]) as bus:
            yield bus

    async def accounts(self) -> Accounts:
        """What the bus has stored, by the bus's own word."""
        async with self.bus() as bus:
            return await Accounts.read(bus)

    # -- viewers

    @asynccontextmanager
    async def viewers(self, seed: str) -> AsyncIterator[None]:
        """Events in every room until the end of the block; what was begun is published to its end."""
        leaving = asyncio.Event()
        async with AsyncExitStack() as stack:
            post = await stack.enter_async_context(self._poster())
            async with asyncio.TaskGroup() as group:
                for key in ROOMS:
                    group.create_task(self._view(key, random.Random(f"{seed} {key}"), post, leaving))
                try:
                    yield
                finally:
                    leaving.set()

    async def _view(self, key: str, dice: random.Random, post: Poster, leaving: asyncio.Event) -> None:
        for number in itertools.count(1):
            if leaving.is_set():
                return
            one = drawn(number, dice)
            while not await post(key, one):  # noqa: ASYNC110 - there is no other event to wait for
                await asyncio.sleep(_AGAIN_S)
            self.acknowledged[key].append(one)
            await asyncio.sleep(dice.uniform(*_EVERY_S))

    @asynccontextmanager
    async def _poster(self) -> AsyncIterator[Poster]:
        if self.server:
            nc = await nats.connect(self.server.url, max_reconnect_attempts=-1, reconnect_time_wait=0.1)
            try:
                yield ByNats(nc)
            finally:
                await nc.close()
        else:
            async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
                yield ByHttp(client, self.daemons)


class Poster:
    """Publishes one event; whether it is known to be stored."""

    async def __call__(self, key: str, one: Event) -> bool:
        raise NotImplementedError


class ByNats(Poster):
    def __init__(self, nc: Client) -> None:
        self._bus = Bus(nc)

    async def __call__(self, key: str, one: Event) -> bool:
        with suppress(NatsError, JetStreamError, OSError, TimeoutError):
            await self._bus.publish(key, as_event(one), msg_id=f"{key}-{one.number}")
            return True
        return False


class ByHttp(Poster):
    def __init__(self, client: httpx.AsyncClient, daemons: list[Livecue]) -> None:
        self._client = client
        self._daemons = daemons
        self._turns = itertools.count()

    async def __call__(self, key: str, one: Event) -> bool:
        daemon = self._daemons[next(self._turns) % len(self._daemons)]
        headers: Mapping[str, str] = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": str(one.number)}
        with suppress(httpx.HTTPError):
            url = f"{daemon.url}/api/rooms/{key}/events"
            return (await self._client.post(url, json=as_event(one), headers=headers)).status_code == 202
        return False
