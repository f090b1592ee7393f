"""Orders by hand, laid over the plan. Pure.

The plan says which run of a session wants the room; an order may put that off, or want the room live
by itself. Everything after that (adopting, stopping, the bus's timer, the cloud's own end) works on
what comes out here, and so by the same guarantees.
"""

from __future__ import annotations

from datetime import UTC, datetime

from livecue.runtime.order_ports import FOREVER_MS, Command, Order, OrderError
from livecue.supervisor.reconcile import to_ms
from livecue.supervisor.timetable import Window

BY_HAND = "by-hand"
LONGEST_MS = 7 * 86_400_000


def in_force(order: Order, planned: Window | None, now_ms: int) -> Window | None:
    """What wants the room live now, the order considered."""
    window = None if now_ms < order.off_until_ms else planned
    if now_ms >= order.live_until_ms:
        return _given_back(order, window)
    until = datetime.fromtimestamp(order.live_until_ms / 1000, UTC)
    if window is None:
        return Window(BY_HAND, datetime.fromtimestamp(order.at_ms / 1000, UTC), until)
    return Window(window.session, window.start, max(window.end, until))


def _given_back(order: Order, window: Window | None) -> Window | None:
    """A run that was taken off and given back by hand was not missed; only what is left of it counts."""
    if window is None or order.at_ms < to_ms(window.start):
        return window
    return Window(window.session, window.start, window.end, window.again_by, window.again_by)


def next_moment_ms(order: Order, now_ms: int) -> int:
    """When the order next changes what `in_force` says."""
    moments = (order.off_until_ms, order.live_until_ms)
    return min((moment for moment in moments if moment > now_ms), default=FOREVER_MS)


def obey(command: Command, order: Order, planned: Window | None, now_ms: int, for_ms: int) -> Order:
    """The order after this command.

    Raises:
        OrderError: it makes no sense now.
    """
    window = in_force(order, planned, now_ms)
    match command:
        case Command.START:
            return Order(now_ms, live_until_ms=_until(now_ms, for_ms))
        case Command.STOP:
            off_ms = to_ms(planned.end) if planned is not None else 0
            paused_ms = order.off_until_ms if order.off_until_ms >= FOREVER_MS else 0
            return Order(now_ms, off_until_ms=max(off_ms, paused_ms), stop_before_ms=now_ms)
        case Command.EXTEND:
            if window is None:
                raise OrderError("no session is on that could be extended: write `livecue jobs start`")
            off_ms = order.off_until_ms
            return Order(now_ms, _until(to_ms(window.end), for_ms), off_ms, order.stop_before_ms)
        case Command.PAUSE:
            return Order(now_ms, off_until_ms=FOREVER_MS)
        case Command.RESUME:
            return Order(now_ms, live_until_ms=order.live_until_ms)


def _until(from_ms: int, for_ms: int) -> int:
    if not 0 < for_ms <= LONGEST_MS:
        raise OrderError("write how long, from 1s to 7d, as in 90m")
    return from_ms + for_ms
