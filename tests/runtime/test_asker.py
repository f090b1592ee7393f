from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from livecue.domain import Ask, AskKind
from livecue.runtime import asker as asker_module
from livecue.runtime.ask_ports import AskError, Outside, Unanswered
from livecue.runtime.asker import Asker
from livecue.runtime.memory import MemoryBus, MemoryLog, MemoryOutside, Tally
from livecue.runtime.ports import Count
from runtime.asks import AT_MS, callback, chat

DOWN = AskError(Unanswered.REFUSED, "500")


class World:
    """A bus and a shop and a model that outlive the askers, and a clock that is set by hand."""

    def __init__(self, *answers: str | AskError) -> None:
        self.now_ms = AT_MS + 100
        self.bus = MemoryBus()
        self.outside = MemoryOutside(*answers)
        self.tally = Tally()

    def asker(self, *asks: Ask, outside: Outside | None = None) -> Asker:
        """A new life: what `asks` holds is in the outbox when it starts."""
        to = outside or self.outside
        return Asker(
            MemoryLog(asks),
            self.bus,
            {AskKind.CALLBACK: to, AskKind.CHAT: to},
            self.bus,
            self.bus,
            self.tally,
            lambda: self.now_ms,
            lambda: 0.0,
        )

    @property
    def spoken(self) -> list[tuple[str, bool]]:
        return [(data["text"], data["fallback"]) for _, kind, data in self.bus.signals if kind == "answered"]

    @property
    def returned(self) -> list[Any]:
        return [data["cue_id"] for _, kind, data in self.bus.signals if kind == "cue_returned"]

    def outcomes(self, room: str = "flagship") -> list[str]:
        return [str(entry.outcome) for entry in self.bus.audit[room]]


async def live(asker: Asker, until: Callable[[], bool], turns: int = 400) -> None:
    """Let the asker's loops run until something holds, then stop it."""
    loops = [asyncio.create_task(asker.read()), asyncio.create_task(asker.send())]
    for _ in range(turns):
        if until():
            break
        asker._woken.set()  # the clock was moved by hand
        await asyncio.sleep(0.002)
    await asker.stop(1.0)
    await asyncio.gather(*loops)
    assert until()


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - what is waited for is anything at all
            await asyncio.sleep(0.001)


@asynccontextmanager
async def running(asker: Asker, drain_s: float = 1.0) -> AsyncIterator[Asker]:
    """The asker's loops for the length of the block, then an orderly stop."""
    loops = [asyncio.create_task(asker.read()), asyncio.create_task(asker.send())]
    yield asker
    await asker.stop(drain_s)
    await asyncio.gather(*loops)


async def crash(asker: Asker, when: Callable[[], bool]) -> None:
    """Let the asker run until something holds, then drop it as it stands."""
    loops = [asyncio.create_task(asker.read()), asyncio.create_task(asker.send())]
    await until(when)
    for task in [*loops, *asker._running]:
        task.cancel()
    await asyncio.gather(*loops, *asker._running, return_exceptions=True)


class Hanging:
    """Is asked, and never answers."""

    def __init__(self) -> None:
        self.asked: list[Ask] = []

    async def ask(self, ask: Ask, within_s: float) -> str:  # noqa: ARG002
        self.asked.append(ask)
        await asyncio.Event().wait()
        return ""


async def test_a_shops_text_comes_back_as_a_signal() -> None:
    world = World("大码有货")
    await live(world.asker(callback()), lambda: len(world.outcomes()) == 1)
    assert world.bus.signals == [
        (
            "flagship",
            "answered",
            {
                "ask_id": "17.0:size",
                "job_id": "job-1",
                "rule_index": "size",
                "text": "大码有货",
                "fallback": False,
                "event_id": "17.0",
                "at_ms": AT_MS,
                "expires_ms": AT_MS + 15_000,
            },
        )
    ]
    entry = world.bus.audit["flagship"][0]
    assert (entry.outcome, entry.subject_id, entry.text) == ("answered", "ask:17.0:size", "大码有货")
    assert world.tally.counts[Count.ASKS, "callback:answered"] == 1


async def test_a_shop_that_only_takes_note_makes_no_signal() -> None:
    world = World("")
    await live(world.asker(callback()), lambda: world.outcomes() == ["delivered"])
    assert not world.bus.signals


async def test_an_answer_is_not_spoken_where_the_rule_speaks_for_itself() -> None:
    world = World("大码有货")
    await live(world.asker(callback(speaks=False)), lambda: world.outcomes() == ["delivered"])
    assert not world.bus.signals
    assert not world.bus.audit["flagship"][0].code, "and that is not being late"


async def test_an_answer_that_comes_too_late_is_taken_and_not_spoken() -> None:
    world = World("大码有货")
    world.now_ms = AT_MS + 15_000
    await live(world.asker(callback()), lambda: world.outcomes() == ["delivered"])
    assert not world.spoken
    assert world.bus.audit["flagship"][0].code == "late"


async def test_a_callback_is_asked_again_until_it_is_taken() -> None:
    world = World(DOWN, DOWN, "大码有货")
    asker = world.asker(callback())

    def pass_time() -> bool:
        world.now_ms += 500
        return bool(world.outcomes())

    await live(asker, pass_time)
    assert len(world.outside.asked) == 3
    assert world.outcomes() == ["delivered"], "5 s and 30 s later it is too old to be said"
    assert world.tally.counts[Count.ASKS_FAILED, "callback:refused"] == 2


async def test_a_callback_that_nobody_takes_is_given_up_when_the_outbox_forgets_it() -> None:
    world = World(DOWN)

    def pass_time() -> bool:
        world.now_ms += 1_900
        return world.outcomes() == ["expired"]

    await live(world.asker(callback()), pass_time)
    assert len(world.outside.asked) == 5
    assert world.tally.counts[Count.ASKS, "callback:expired"] == 1
    assert not world.returned


async def test_410_ends_it_for_that_url_and_that_live_alone() -> None:
    world = World(AskError(Unanswered.GONE, "410"), "")
    async with running(world.asker(callback(id="first"))) as asker:
        await until(world.outcomes)
        asker._asks.items += [  # type: ignore[attr-defined]
            callback(id="same"),
            callback(id="other-url", url="https://shop.example.com/own"),
            callback(id="next-live", job_id="job-2"),
            callback(id="other-room", room="outlet"),
        ]
        await until(lambda: len(world.outcomes()) == 4 and world.outcomes("outlet"))
    assert {ask.id for ask in world.outside.asked} == {"first", "other-url", "next-live", "other-room"}
    assert sorted(world.outcomes()) == ["delivered", "delivered", "gone", "gone"]


async def test_a_chat_is_claimed_then_asked_then_spoken() -> None:
    world = World("大码有货。")
    await live(world.asker(chat()), lambda: world.outcomes() == ["asking", "answered"])
    assert world.spoken == [("大码有货。", False)]


@pytest.mark.parametrize("why", [Unanswered.TIMEOUT, Unanswered.BANNED, Unanswered.DECLINED, Unanswered.BUSY])
async def test_without_a_usable_answer_the_rules_own_text_is_said(why: Unanswered) -> None:
    world = World(AskError(why))
    await live(world.asker(chat()), lambda: world.outcomes() == ["asking", "fallback"])
    assert world.spoken == [("有的，看详情页", True)]
    assert len(world.outside.asked) == 1
    assert world.bus.audit["flagship"][-1].code == why
    assert world.tally.counts[Count.ASKS, "chat:fallback"] == 1
    assert world.tally.counts[Count.ASKS_FAILED, f"chat:{why}"] == 1


async def test_without_a_text_of_its_own_the_rule_gets_its_window_back() -> None:
    world = World(DOWN)
    await live(world.asker(chat(texts=())), lambda: bool(world.returned))
    assert world.outcomes() == ["asking", "unanswered"]
    assert not world.spoken


async def test_a_chat_too_old_to_be_asked_is_answered_by_the_rule_while_there_is_time() -> None:
    world = World("zu spät")
    world.now_ms = AT_MS + 14_500
    await live(world.asker(chat()), lambda: world.outcomes() == ["fallback"])
    assert not world.outside.asked
    late = World("zu spät")
    late.now_ms = AT_MS + 15_000
    await live(late.asker(chat()), lambda: late.outcomes() == ["expired"])
    assert late.returned == ["17.0:size"]
    assert not late.spoken


async def test_more_chats_than_a_model_can_answer_are_answered_by_the_rule() -> None:
    world, hanging = World(), Hanging()
    asker = world.asker(*(chat(id=f"{n}") for n in range(30)), outside=hanging)
    async with running(asker, drain_s=0.01):
        await until(lambda: len(world.spoken) >= 10 and hanging.asked)
        assert len(hanging.asked) == 2
        assert world.tally.counts[Count.ASKS_FAILED, "chat:crowded"] == 10


async def test_a_chat_dropped_between_claim_and_answer_is_not_asked_again_and_gets_the_rules_text() -> None:
    world, hanging = World("never asked"), Hanging()
    await crash(world.asker(chat(), outside=hanging), lambda: bool(hanging.asked))
    assert world.outcomes() == ["asking"]
    world.now_ms += 1_000
    await live(world.asker(chat()), lambda: world.outcomes() == ["asking", "fallback"])
    assert not world.outside.asked
    assert world.spoken == [("有的，看详情页", True)]
    assert world.bus.audit["flagship"][-1].code == "interrupted"


async def test_a_chat_dropped_between_answer_and_audit_is_spoken_once(monkeypatch: Any) -> None:
    world = World("大码有货。")

    async def no_audit(*_: Any, **__: Any) -> None:
        await asyncio.Event().wait()

    first = world.asker(chat())
    monkeypatch.setattr(first, "_end", no_audit)
    await crash(first, lambda: bool(world.spoken))
    world.now_ms += 1_000
    await live(world.asker(chat()), lambda: len(world.outcomes()) == 2)
    assert world.spoken == [("大码有货。", False)]
    assert len(world.outside.asked) == 1


async def test_a_callback_dropped_while_it_is_out_is_sent_again() -> None:
    world, hanging = World("大码有货"), Hanging()
    await crash(world.asker(callback(), outside=hanging), lambda: bool(hanging.asked))
    await live(world.asker(callback()), lambda: world.outcomes() == ["answered"])
    assert world.outside.asked == hanging.asked


async def test_what_has_an_outcome_is_left_alone_by_the_next_life() -> None:
    world = World("大码有货")
    asks = (callback(), chat(id="18.0:size"), callback(room="outlet"))
    await live(world.asker(*asks), lambda: len(world.tally.counts) == 2 and len(world.outside.asked) == 3)
    before = len(world.outside.asked)
    again = world.asker(*asks, callback(id="new"))
    await live(again, lambda: len(world.outside.asked) > before)
    assert [ask.id for ask in world.outside.asked[before:]] == ["new"]
    assert len(world.spoken) == 4


async def test_another_daemons_claim_is_respected() -> None:
    world = World("from the other")
    await live(world.asker(chat()), lambda: bool(world.spoken))
    other = World("mine")
    other.bus._claims = world.bus._claims
    other.now_ms = AT_MS - 1  # it was already running when the ask was made
    asker = other.asker(chat())
    await live(asker, lambda: not asker._asks.items and not len(asker._queue) and not asker._running)  # type: ignore[attr-defined]
    assert not other.outside.asked
    assert not other.bus.signals


async def test_a_bus_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asker_module, "_BUS_PAUSE_S", 0.001)
    world = World("大码有货。")
    world.bus.fail_next = 5
    asker = world.asker(chat())

    def pass_time() -> bool:
        world.now_ms += 1
        return "answered" in world.outcomes()

    await live(asker, pass_time)
    assert world.spoken == [("大码有货。", False)]


async def test_a_fault_in_asking_costs_one_answer_and_not_the_asker() -> None:
    class Broken:
        async def ask(self, ask: Ask, within_s: float) -> str:  # noqa: ARG002
            if ask.id == "bad":
                raise KeyError(ask.id)
            return "好"

    world = World()
    await live(world.asker(chat(id="bad"), chat(id="good"), outside=Broken()), lambda: len(world.spoken) == 2)
    assert sorted(world.spoken) == [("好", False), ("有的，看详情页", True)]


async def test_stopping_gives_up_what_is_out_and_says_nothing_of_it() -> None:
    world, hanging = World(), Hanging()
    asker = world.asker(callback(), outside=hanging)
    async with running(asker, drain_s=0.01):
        await until(lambda: hanging.asked)
    assert not world.bus.audit["flagship"]
    assert not asker._running
