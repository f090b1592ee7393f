"""What the command line asks of the supervisor: to do something by hand, and to tell how things are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from livecue.runtime.order_ports import FOREVER_MS, Command, OrderError, Orders, Reply, Request
from livecue.runtime.ports import BusError, Now
from livecue.supervisor.callbacks import callback_faults
from livecue.supervisor.chats import link_data
from livecue.supervisor.desk import log
from livecue.supervisor.handover import handover_ms
from livecue.supervisor.orders import obey
from livecue.supervisor.state import RoomState


class ByHand:
    """Answers requests. An order is stored before it counts, so that a restart knows of it."""

    def __init__(
        self, rooms: Mapping[str, RoomState], orders: Orders, wake: Callable[[str], None], now: Now
    ) -> None:
        self._rooms = rooms
        self._orders = orders
        self._wake = wake
        self._now = now

    async def answer(self, request: Request) -> Reply:
        """Do what is asked; what cannot be done is said in `error`."""
        if request.do == "list":
            return Reply(rooms=[self._told(state) for state in self._rooms.values()])
        state = self._rooms.get(request.room)
        if state is None:
            return Reply(f"no room {request.room!r}; rooms: {', '.join(self._rooms)}")
        try:
            command = Command(request.do)
        except ValueError:
            return Reply(f"{request.do!r} is nothing that can be done: {', '.join(Command)}, list")
        try:
            await self._order(command, state, request.for_ms)
        except (OrderError, BusError, ValueError) as error:  # ValueError: its calendar was never read
            return Reply(f"{request.room}: {error}")
        return Reply(rooms=[self._told(state)])

    async def _order(self, command: Command, state: RoomState, for_ms: int) -> None:
        now_ms = self._now()
        state.update_plan(now_ms)
        order = obey(command, state.order, state.planned, now_ms, for_ms)
        await self._orders.save(state.room, order)
        log.info("ordered-by-hand", room=state.room, command=str(command))
        state.obey(order)
        state.update_plan(now_ms)
        self._wake(state.room)

    def _told(self, state: RoomState) -> dict[str, Any]:
        with suppress(ValueError):  # its calendar was never read: as it was last known
            state.update_plan(self._now())
        window, job, order = state.window, state.job, state.order
        return {
            "room": state.room,
            "wanted": "" if window is None else window.session,
            "until": "" if window is None else window.end.isoformat(timespec="seconds"),
            "job_id": "" if job is None else job.job_id,
            "state": "" if job is None else job.state,
            "standby": "" if job is None else job.place,
            "since": _time(state.since_ms) if job is not None else "",
            "ours": job is not None and state.owns(job),
            "paused": order.off_until_ms >= FOREVER_MS,
            "off_until": _time(order.off_until_ms) if self._now() < order.off_until_ms < FOREVER_MS else "",
            "cloud_ends": _time(ends_ms) if (ends_ms := handover_ms(state)) else "",
            "next_change": _time(state.plan_until_ms) if state.plan_until_ms < FOREVER_MS else "",
            "gave_up": window is not None and state.held == window,
            "stopping": bool(state.asked) or bool(state.owes_stop()),
            "callback_faults": list(callback_faults(state)),
            "trouble": state.complaint,
            "chat": {} if job is None else link_data(job),
        }


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
