"""`/livez` and `/readyz` as Kubernetes asks them, over a real socket."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from livecue.app.metrics import PrometheusMeter
from livecue.app.web import keep_beating, listen, probes, web_server
from livecue.runtime import pulse as pulses
from livecue.runtime.health import HealthBoard
from livecue.runtime.pulse import Pulse


@dataclass
class Served:
    """A server with its heartbeat, asked from a thread as somebody outside would."""

    port: int
    health: HealthBoard
    heartbeat: asyncio.Task[None]

    def ask(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    async def get(self, path: str) -> tuple[int, str]:
        return await asyncio.to_thread(self.ask, path)


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setattr(pulses, "LIMIT_S", 0.6)
    monkeypatch.setattr(pulses, "WINDOW_S", 1.5)
    pulse, health = Pulse(time.monotonic()), HealthBoard("bus", "inbox", "cloud")
    server = web_server(probes(health, PrometheusMeter(), pulse), "")
    sock = listen("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(sockets=[sock]))
    heartbeat = asyncio.create_task(keep_beating(pulse))
    yield Served(sock.getsockname()[1], health, heartbeat)
    heartbeat.cancel()
    server.should_exit = True
    await serving


async def test_a_loop_that_was_blocked_fails_livez_until_it_has_turned_for_a_while(served: Served) -> None:
    assert await served.get("/livez") == (200, "ok\n")
    asking = asyncio.create_task(served.get("/livez"))
    await asyncio.sleep(0)
    time.sleep(1.2)  # noqa: ASYNC251 - this is the fault
    status, said = await asking
    assert (status, said.startswith("the event loop was 1.")) == (503, True)
    _, page = await served.get("/metrics")
    (lag,) = (line for line in page.splitlines() if line.startswith("livecue_loop_lag_seconds "))
    assert float(lag.split()[1]) >= 0.9
    await asyncio.sleep(1.6)
    assert (await served.get("/livez"))[0] == 200


async def test_a_heartbeat_that_died_fails_livez(served: Served) -> None:
    served.heartbeat.cancel()
    await asyncio.sleep(1)
    status, said = await served.get("/livez")
    assert (status, "heartbeat" in said) == (503, True)


async def test_readiness_can_be_asked_of_the_own_consumers_alone(served: Served) -> None:
    served.health.report("bus")
    served.health.report("inbox")
    served.health.report("cloud", "no answer")
    served.health.report("inbox-3", "starting")
    served.health.report("inbox-4")
    answers = [(await served.get(f"/readyz{which}"))[0] for which in ("", "?parts=bus", "?parts=bus,inbox")]
    assert answers == [503, 200, 503]
    served.health.report("inbox-3")
    status, body = await served.get("/readyz?parts=bus,inbox")
    assert (status, json.loads(body)) == (200, {"ready": True, "parts": {"bus": "ok", "inbox": "ok"}})
    assert (await served.get("/readyz"))[0] == 503


async def test_a_part_that_does_not_exist_is_no_silent_yes(served: Served) -> None:
    assert await served.get("/readyz?parts=buss") == (400, "no part buss; there are bus, inbox, cloud\n")


async def test_a_part_that_another_replica_looks_after_is_no_error(served: Served) -> None:
    served.health.report("bus")
    served.health.report("inbox")
    served.health.report("cloud", "no answer")
    served.health.forget("cloud")
    status, body = await served.get("/readyz?parts=bus,cloud")
    assert (status, json.loads(body)["parts"]) == (200, {"bus": "ok", "cloud": "not done here"})
    status, body = await served.get("/readyz")
    assert (status, json.loads(body)["parts"]) == (200, {"bus": "ok", "inbox": "ok"})
    served.health.report("cloud", "starting")
    assert (await served.get("/readyz?parts=cloud"))[0] == 503


async def test_each_part_is_a_gauge(served: Served) -> None:
    served.health.report("bus")
    _, page = await served.get("/metrics")
    assert 'livecue_part_ok{part="bus"} 1.0' in page
    assert 'livecue_part_ok{part="cloud"} 0.0' in page
