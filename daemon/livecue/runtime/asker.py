"""Asks somebody outside for what the engine decided to ask, and tells it the answer by a signal.

The outbox (`live.asks.<room>`) is read again from `LASTS_MS` ago after a restart, and whatever the
audit has an outcome of is left alone. The rest depends on whom it goes to:

- A callback without an outcome is sent again with the same webhook-id: at least once, as Standard
  Webhooks promises it. Its attempts are counted anew. What is lost between a 2xx and the audit is
  one more delivery, which the shop knows by its id.
- A chat is claimed before it is asked, so it is asked (and paid for) at most once. One that an
  earlier life claimed and did not answer gets the rule's own text.

The signal ANSWERED carries a dedup id made of the ask's, so the bus keeps the first of one ask and
no other: whichever of the two lives answered, it is spoken once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

import structlog

from livecue.domain import Ask, AskKind, SignalKind
from livecue.runtime import ask_policy as policy
from livecue.runtime.ask_ports import AUDIT_PREFIX, AskError, AskHistory, AskLog, Outside, Unanswered
from livecue.runtime.ask_queue import AskQueue, Waiting
from livecue.runtime.ports import Audit, AuditEntry, BusError, Count, Meter, Now, Outcome, Signals
from livecue.runtime.pump import keep_stepping

log = structlog.get_logger()

_IDLE_S = 1.0
_TAKE_WAIT_S = 1.0
_BUS_PAUSE_S = 0.25


class Asker:
    """Takes asks from the outbox, asks while there is time, answers by signal, writes down the end."""

    def __init__(
        self,
        asks: AskLog,
        history: AskHistory,
        outside: Mapping[AskKind, Outside],
        audit: Audit,
        signals: Signals,
        meter: Meter,
        now: Now,
        jitter: Callable[[], float],
    ) -> None:
        self._asks = asks
        self._history = history
        self._outside = outside
        self._audit = audit
        self._signals = signals
        self._meter = meter
        self._now = now
        self._jitter = jitter
        self._born_ms = now()
        self._queue = AskQueue()
        self._gone: set[tuple[str, ...]] = set()
        self._doubtful: set[tuple[str, str]] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._woken = asyncio.Event()
        self._stopping = False

    async def read(self) -> None:
        """Fill the queue from the outbox until stopped."""
        ended: set[tuple[str, str]] | None = None
        while not self._stopping:
            try:
                if ended is None:
                    ended = await self._history.ended()
                arrived = await self._asks.take(_TAKE_WAIT_S)
            except BusError as error:
                log.warning("asks-unreadable", error=str(error))
                await asyncio.sleep(_BUS_PAUSE_S)
                continue
            for ask in arrived:
                if (ask.room, ask.id) not in ended:
                    self._put(Waiting(ask, self._now()))
            if arrived:
                self._woken.set()

    async def send(self) -> None:
        """Ask from the queue until stopped."""
        await keep_stepping(self.step, self._woken, lambda: self._stopping)

    def step(self) -> float:
        """Begin one attempt if one is due; how long nothing needs doing otherwise, in seconds."""
        now = self._now()
        item = self._queue.take(now)
        if item is None:
            due = self._queue.next_due()
            return _IDLE_S if due is None else min(_IDLE_S, max(due - now, 1) / 1000)
        self._spawn(self._try(item), f"ask-{item.ask.room}")
        return 0

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _put(self, item: Waiting) -> None:
        if not self._queue.put(item):
            self._spawn(self._failed(item, AskError(Unanswered.CROWDED)), f"crowded-{item.ask.room}")

    async def _try(self, item: Waiting) -> None:
        ask = item.ask
        try:
            if _url_of(ask) in self._gone:
                await self._end(ask, Outcome.GONE, code=Unanswered.GONE)
            elif self._now() >= policy.asked_until(ask):
                await self._failed(item, AskError(Unanswered.LATE))
            elif ask.kind is not AskKind.CHAT or await self._claim(item):
                await self._ask(item)
        finally:
            self._queue.give_back(ask)
            self._woken.set()

    async def _claim(self, item: Waiting) -> bool:
        """Whether this chat is ours to ask. If the bus does not say, it is tried again."""
        ask = item.ask
        try:
            ours = await self._audit.claim(ask.room, self._entry(ask, Outcome.ASKING))
        except BusError as error:
            log.warning("claim-failed", room=ask.room, ask=ask.id, error=str(error))
            self._doubtful.add((ask.room, ask.id))
            self._put(Waiting(ask, self._now() + int(_BUS_PAUSE_S * 1000)))
            return False
        if not ours and (ask.at_ms < self._born_ms or (ask.room, ask.id) in self._doubtful):
            await self._failed(item, AskError(Unanswered.INTERRUPTED))
        return ours

    async def _ask(self, item: Waiting) -> None:
        ask = item.ask
        try:
            text = await self._answer(ask)
        except AskError as error:
            await self._failed(item, error)
            return
        if not text or not ask.speaks:
            await self._end(ask, Outcome.DELIVERED)
        elif await self._speak(ask, text, fallback=False):
            await self._end(ask, Outcome.ANSWERED, text)
        elif ask.kind is AskKind.CHAT:
            await self._end(ask, Outcome.EXPIRED, code=Unanswered.LATE)
        else:
            await self._end(ask, Outcome.DELIVERED, code=Unanswered.LATE)

    async def _answer(self, ask: Ask) -> str:
        outside = self._outside.get(ask.kind)
        if outside is None:
            raise AskError(Unanswered.NOT_SET_UP)
        try:
            return await outside.ask(ask, policy.within_s(ask, self._now()))
        except AskError:
            raise
        except Exception as error:
            # A fault of ours must cost this one answer, not the asker.
            log.exception("ask-broke", room=ask.room, ask=ask.id)
            raise AskError(Unanswered.UNREADABLE, type(error).__name__) from error

    async def _failed(self, item: Waiting, error: AskError) -> None:
        """No usable answer: ask again later, or say the rule's own text, or give up."""
        ask = item.ask
        self._meter.count(Count.ASKS_FAILED, ask.room, reason=f"{ask.kind}:{error.why}")
        due = policy.next_try(ask, error, item.attempt, self._now(), self._jitter())
        log.warning("ask-failed", room=ask.room, ask=ask.id, kind=str(ask.kind), error=str(error), again=due)
        if error.why is Unanswered.GONE:
            self._gone.add(_url_of(ask))
        if due is not None:
            self._put(Waiting(ask, due, item.attempt + 1))
            return
        fallback = policy.fallback_of(ask)
        if fallback and await self._speak(ask, fallback, fallback=True):
            await self._end(ask, Outcome.FALLBACK, fallback, code=error.why)
        else:
            await self._end(ask, policy.end_of(ask, error.why), code=error.why)

    async def _speak(self, ask: Ask, text: str, *, fallback: bool) -> bool:
        """Hand the text to the engine; False when it was too late for that."""
        data = policy.answered(ask, text, fallback=fallback)
        while policy.speakable(ask, self._now()):
            try:
                await self._signals.publish(
                    ask.room, SignalKind.ANSWERED, data, f"answered:{ask.room}:{ask.id}"
                )
            except BusError as error:
                log.warning("answer-not-stored", room=ask.room, ask=ask.id, error=str(error))
                await asyncio.sleep(_BUS_PAUSE_S)
            else:
                return True
        return False

    async def _end(self, ask: Ask, outcome: Outcome, text: str = "", code: str = "") -> None:
        self._doubtful.discard((ask.room, ask.id))
        self._meter.count(Count.ASKS, ask.room, reason=f"{ask.kind}:{outcome}")
        try:
            await self._audit.record(ask.room, self._entry(ask, outcome, text, code))
        except BusError as error:
            log.warning("audit-failed", room=ask.room, ask=ask.id, error=str(error))
        if ask.kind is AskKind.CHAT and outcome in policy.UNSPOKEN:
            with suppress(BusError):
                await self._signals.publish(
                    ask.room, SignalKind.CUE_RETURNED, policy.returned(ask), f"returned:{ask.room}:{ask.id}"
                )

    def _entry(self, ask: Ask, outcome: Outcome, text: str = "", code: str = "") -> AuditEntry:
        now = self._now()
        return AuditEntry(
            outcome=outcome,
            subject_id=AUDIT_PREFIX + ask.id,
            at_ms=now,
            job_id=ask.job_id,
            rule_index=ask.rule_index,
            text=text,
            code=str(code),
            latency_ms=max(0, now - ask.at_ms),
        )

    async def stop(self, drain_s: float) -> None:
        """Let attempts that are out come back within `drain_s`, give the rest up to the next life."""
        self._stopping = True
        self._woken.set()
        if self._running:
            _, late = await asyncio.wait(self._running, timeout=drain_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._asks.close()


def _url_of(ask: Ask) -> tuple[str, ...]:
    """What a 410 speaks of: the URL (empty: the room's), and the live."""
    return ask.kind, ask.room, ask.url, ask.job_id
