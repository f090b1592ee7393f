from __future__ import annotations

import asyncio
import base64
import time
from typing import Any

import msgspec
import pytest

from livecue.bus.api import api_request
from livecue.bus.channels import Channels
from livecue.bus.connection import Bus
from livecue.bus.ledger import NatsLedger
from livecue.bus.outbox import ask_messages, read_asks
from livecue.bus.readers import NatsAskLog, NatsHistory
from livecue.domain import Ask, AskKind
from livecue.runtime.asker import Asker
from livecue.runtime.memory import MemoryOutside, Tally
from livecue.runtime.ports import AuditEntry, Cursor, Outcome, RoomCommit, StaleStateError
from runtime.asks import callback, chat


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def fresh(make: Any, ask_id: str, **changes: Any) -> Ask:
    ask: Ask = make(id=ask_id, at_ms=now_ms(), expires_ms=now_ms() + 15_000, **changes)
    return ask


async def store(bus: Bus, *asks: Ask) -> None:
    ledger = NatsLedger(bus.nc)
    cursor = await ledger.cursor(3)
    await ledger.commit(
        3, Cursor(cursor.seq + 1, cursor.revision), [RoomCommit("flagship", None, [], [], list(asks))]
    )


async def taken(bus: Bus, count: int) -> list[Ask]:
    log = NatsAskLog(bus.nc, now_ms() - 600_000)
    found: list[Ask] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            found += await log.take(0.2)
    found += await log.take(0.2)
    await log.close()
    return found


async def test_asks_are_stored_with_the_round_and_read_back_as_they_were(bus: Bus) -> None:
    asks = [
        callback(),
        chat(id="18.0:other", texts=("一", "二")),
        callback(id="19.0:规则", url="https://h/x"),
    ]
    await store(bus, *asks)
    found = await taken(bus, 3)
    assert sorted(found, key=lambda ask: ask.id) == sorted(asks, key=lambda ask: ask.id)


async def test_asks_of_a_refused_round_are_not_there(bus: Bus) -> None:
    ledger = NatsLedger(bus.nc)
    await store(bus, callback(id="good"))
    with pytest.raises(StaleStateError):
        await ledger.commit(3, Cursor(9, 0), [RoomCommit("flagship", None, [], [], [callback(id="bad")])])
    assert [ask.id for ask in await taken(bus, 1)] == ["good"]


@pytest.mark.parametrize(("ask", "ttl"), [(chat(), "30s"), (callback(), "600s")])
async def test_the_outbox_forgets_by_itself(bus: Bus, ask: Ask, ttl: str) -> None:
    await store(bus, ask)
    stored = await api_request(bus.nc, "STREAM.MSG.GET.LIVE_OUT", {"last_by_subj": "live.asks.flagship"})
    assert f"Nats-TTL: {ttl}".encode() in base64.b64decode(stored["message"]["hdrs"])


async def test_a_thousand_asks_of_one_round_fit_into_one_batch(bus: Bus) -> None:
    asks = [callback(id=str(n), content={"content": "长" * 400}) for n in range(1000)]
    await store(bus, *asks)
    assert [ask.id for ask in await taken(bus, 1000)] == [ask.id for ask in asks]


def test_an_ask_beyond_all_measure_goes_without_its_events_content() -> None:
    messages = list(ask_messages([callback(content={"content": "x" * 200_000}), callback(id="next")]))
    asks = [ask for _, body in messages for ask in read_asks(body)]
    assert [dict(ask.content) for ask in asks] == [{}, dict(callback().content)]
    assert all(len(body) < 300_000 for _, body in messages)


def test_no_message_is_larger_than_the_smallest_servers_take() -> None:
    asks = [callback(id=str(n), content={"content": "x" * 50_000}) for n in range(40)]
    messages = list(ask_messages(asks))
    assert [ask.id for _, body in messages for ask in read_asks(body)] == [ask.id for ask in asks]
    assert all(len(body) < 300_000 for _, body in messages)


async def test_the_history_knows_ends_and_not_claims(bus: Bus, channels: Channels) -> None:
    async def note(outcome: Outcome, subject: str, room: str = "flagship") -> None:
        await channels.record(room, AuditEntry(outcome, subject, now_ms()))

    for n in range(600):
        await bus.nc.publish(
            "live.audit.flagship", msgspec.json.encode(AuditEntry(Outcome.SENT, f"cue-{n}", now_ms()))
        )
    await note(Outcome.ANSWERED, "ask:1.0:a")
    await note(Outcome.ASKING, "ask:2.0:b")
    await note(Outcome.GONE, "ask:3.0:c", "outlet")
    await note(Outcome.SENT, "4.0:d")
    history = NatsHistory(bus.nc, now_ms() - 600_000)
    assert await history.ended() == {("flagship", "1.0:a"), ("outlet", "3.0:c")}
    lines = await history.lines()
    assert [entry.subject_id for _, entry in lines] == [*(f"cue-{n}" for n in range(600)), "4.0:d"]
    begun = time.monotonic()
    assert await NatsHistory(bus.nc, now_ms() + 60_000).ended() == set()
    assert time.monotonic() - begun < 1  # nothing to read is known at once: a start waits for it


def life(bus: Bus, channels: Channels, outside: MemoryOutside) -> Asker:
    since = now_ms() - 600_000
    to = dict.fromkeys(AskKind, outside)
    log, history = NatsAskLog(bus.nc, since), NatsHistory(bus.nc, since)
    return Asker(log, history, to, channels, channels, Tally(), now_ms, lambda: 0.0)


async def run_until(asker: Asker, holds: Any) -> None:
    loops = [asyncio.create_task(asker.read()), asyncio.create_task(asker.send())]
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    for task in [*loops, *asker._running]:
        task.cancel()
    await asyncio.gather(*loops, *asker._running, return_exceptions=True)
    await asker._asks.close()


async def signals(bus: Bus) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    info = await api_request(bus.nc, "STREAM.INFO.LIVE_IN", {})
    for seq in range(1, int(info["state"]["last_seq"]) + 1):
        stored = await api_request(bus.nc, "STREAM.MSG.GET.LIVE_IN", {"seq": seq})
        found.append(msgspec.json.decode(base64.b64decode(stored["message"]["data"]))["data"])
    return found


async def test_a_second_life_leaves_alone_what_the_first_ended(bus: Bus, channels: Channels) -> None:
    await store(bus, fresh(callback, "1.0:a"), fresh(chat, "2.0:b"))
    first = MemoryOutside("好")
    asker = life(bus, channels, first)
    await run_until(asker, lambda: len(first.asked) == 2 and not asker._running)
    await store(bus, fresh(callback, "3.0:c"))
    second = MemoryOutside("又")
    again = life(bus, channels, second)
    await run_until(again, lambda: second.asked and not again._running)
    assert [ask.id for ask in second.asked] == ["3.0:c"]
    assert sorted(data["text"] for data in await signals(bus)) == ["又", "好", "好"]


async def test_a_life_that_ends_while_asking_leaves_the_callback_and_one_answer_to_the_next(
    bus: Bus, channels: Channels
) -> None:
    class Hanging(MemoryOutside):
        async def ask(self, ask: Ask, within_s: float) -> str:  # noqa: ARG002
            self.asked.append(ask)
            await asyncio.Event().wait()
            return ""

    await store(bus, fresh(callback, "1.0:a"), fresh(chat, "2.0:b"))
    hanging = Hanging()
    await run_until(life(bus, channels, hanging), lambda: len(hanging.asked) == 2)
    await asyncio.sleep(0.05)
    after = MemoryOutside("好")
    asker = life(bus, channels, after)
    await run_until(asker, lambda: after.asked and not asker._running and not len(asker._queue))
    assert [ask.id for ask in after.asked] == ["1.0:a"], "the chat was claimed: it is not asked twice"
    found = {data["ask_id"]: (data["text"], data["fallback"]) for data in await signals(bus)}
    assert found == {"1.0:a": ("好", False), "2.0:b": ("有的，看详情页", True)}


async def test_two_answers_to_one_ask_are_one_signal(bus: Bus, channels: Channels) -> None:
    ask = fresh(chat, "2.0:b")
    await store(bus, ask)
    for text in ("一", "二"):
        asker = life(bus, channels, MemoryOutside(text))
        assert await asker._speak(ask, text, fallback=False)
    assert [data["text"] for data in await signals(bus)] == ["一"]
