"""Alerts arrive signed, in order, each until it was taken."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from livecue.app.alerts import AlertBoard
from livecue.app.metrics import PrometheusMeter
from livecue.outgoing import Http
from livecue.outgoing.alerting import OPENED, AlertHook
from livecue.outgoing.signing import webhook_headers
from livecue.runtime.alert_ports import AlertKind
from livecue.runtime.health import HealthBoard
from metastudio.serving import Answer, Cloud

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
AT_MS = 1_795_000_000_000


@asynccontextmanager
async def sending(hook: AlertHook) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(hook.run(stop))
    yield
    stop.set()
    await asyncio.wait_for(task, 5)


def hook_to(http: Http, cloud: Cloud, now: Callable[[], int] = lambda: AT_MS) -> AlertHook:
    return AlertHook(http, f"{cloud.url}/alerts", [SECRET], now, pause_s=lambda _: 0.01)


async def asked(cloud: Cloud, count: int) -> None:
    async with asyncio.timeout(5):
        while len(cloud.asked) < count:  # noqa: ASYNC110 - what is watched has no event
            await asyncio.sleep(0.01)


async def test_an_alert_that_is_not_taken_comes_again_with_the_same_id_before_the_next(
    shop: Cloud, http: Http
) -> None:
    hook = hook_to(http, shop)
    shop.will(Answer(500), Answer(), Answer())
    hook.put(OPENED, "a", AlertKind.STOP_OVERDUE, "still on", "job-1")
    hook.put(OPENED, "b", AlertKind.BLOCKED, "blocked")
    async with sending(hook):
        await asked(shop, 3)
    first, again, second = shop.asked
    assert first.json == {
        "type": "livecue.alert.opened",
        "timestamp": "2026-11-18T11:06:40.000Z",
        "data": {"room": "a", "kind": "stop_overdue", "text": "still on", "job_id": "job-1"},
    }
    assert (again.json, again.headers["webhook-id"]) == (first.json, first.headers["webhook-id"])
    assert second.json["data"]["room"] == "b"
    given = {name: first.headers[name] for name in first.headers if name.startswith("webhook-")}
    assert given == webhook_headers([SECRET], given["webhook-id"], AT_MS // 1000, first.body)


async def test_gone_ends_one_alert_and_an_old_one_is_dropped(shop: Cloud, http: Http) -> None:
    times = [AT_MS, AT_MS + 2 * 3_600_000]
    hook = hook_to(http, shop, lambda: times[0])
    hook.put(OPENED, "old", AlertKind.BLOCKED, "x")
    times.pop(0)
    hook.put(OPENED, "gone", AlertKind.BLOCKED, "x")
    hook.put(OPENED, "last", AlertKind.BLOCKED, "x")
    shop.will(Answer(410), Answer())
    async with sending(hook):
        await asked(shop, 2)
    assert [one.json["data"]["room"] for one in shop.asked] == ["gone", "last"]


def test_the_board_shows_what_is_open_and_never_makes_the_daemon_unready() -> None:
    meter, health = PrometheusMeter(), HealthBoard()
    board = AlertBoard(meter, health)
    board.close("a", AlertKind.BLOCKED)
    board.open("a", AlertKind.STOP_OVERDUE, "job 1 is still on")
    board.open("a", AlertKind.STOP_OVERDUE, "job 1 is still on")
    assert health.parts() == {"lives": "a: job 1 is still on"}
    assert health.ready
    assert 'livecue_alerts{reason="stop_overdue",room="a"} 1.0' in meter.page().decode()
    board.close("a", AlertKind.STOP_OVERDUE)
    assert health.parts() == {"lives": "ok"}
    assert 'livecue_alerts{reason="stop_overdue",room="a"} 0.0' in meter.page().decode()


def test_alerts_of_a_lease_that_is_gone_are_shown_no_more_and_opened_anew_by_who_has_it() -> None:
    meter, health = PrometheusMeter(), HealthBoard()
    board = AlertBoard(meter, health)
    board.open("a", AlertKind.BLOCKED, "blocked")
    board.hand_over()
    assert health.parts() == {}
    assert 'livecue_alerts{reason="blocked",room="a"} 0.0' in meter.page().decode()
    board.open("a", AlertKind.BLOCKED, "blocked")
    assert health.parts() == {"lives": "a: blocked"}
