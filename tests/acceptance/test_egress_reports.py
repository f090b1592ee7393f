"""Twenty seconds of reports: floods, URLs that run out, a job that ends, and answers that take their time."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import pytest

from acceptance.cloud import Call, Fault
from acceptance.faults import FOREVER
from acceptance.hall import Hall, hall
from acceptance.processes import until
from acceptance.writing import Bus, event, room, user

URL_S = 15
KEYS = ("flooded", "ordered", "steady", "rare", "dead", "ended", "rekeyed")


@dataclass
class Show:
    """What was published to each room, by a name of its own, and what the cloud was told."""

    hall: Hall
    published: dict[str, list[str]] = field(default_factory=dict)
    old_job: str = ""
    audit: list[dict[str, Any]] = field(default_factory=list)

    def names(self, key: str) -> list[str]:
        told = self.hall.cloud.reported(self.hall.ids[key])
        return [json.loads(one["content"])["user"]["name"] for one in told]

    def calls(self, key: str) -> list[Call]:
        return self.hall.cloud.of("report", self.hall.ids[key])

    async def publish(self, bus: Bus, key: str, *names: str) -> None:
        self.published.setdefault(key, []).extend(names)
        kinds = {"l": 3, "e": 2, "g": 4}
        events = [
            event(
                {"user": user(name, name=name), **({"gift": {"giftName": "心"}} if name[0] == "g" else {})},
                kind,
            )
            if (kind := kinds.get(name[0]))
            else event({"user": user(name, name=name), "content": "说"})
            for name in names
        ]
        await bus.report(key, events)


async def likes_rain(show: Show, bus: Bus) -> None:
    """2,500 likes a second for six seconds, enters, danmaku and gifts among them."""
    began = time.monotonic()
    for beat in range(60):
        await asyncio.sleep(max(0.0, began + beat / 10 - time.monotonic()))
        rain = [f"l{beat}-{n}" for n in range(240)] + [f"e{beat}-{n}" for n in range(10)]
        await show.publish(bus, "flooded", f"d{beat}a", *rain, f"d{beat}b", f"g{beat}")


async def steadily(show: Show, bus: Bus, key: str, times: int, pause_s: float) -> None:
    for n in range(times):
        await show.publish(bus, key, f"d{n}")
        await asyncio.sleep(pause_s)


async def twice(show: Show, bus: Bus, key: str, pause_s: float) -> None:
    await show.publish(bus, key, "d0")
    await asyncio.sleep(pause_s)
    await show.publish(bus, key, "d1")
    await until(lambda: len(show.names(key)) == 2, 15, key)


async def end_a_job_with_a_backlog(show: Show, bus: Bus) -> None:
    cloud, room_id = show.hall.cloud, show.hall.ids["ended"]
    show.audit = await bus.hear("live.audit.ended")
    broken = Fault("report", status=503, times=FOREVER, room_id=room_id)
    cloud.faults.append(broken)
    job = show.hall.job("ended")
    show.old_job = job.job_id
    await show.publish(bus, "ended", *(f"d-old{n}" for n in range(50)))
    await until(lambda: show.calls("ended"))
    job.end("FAILED", "MSS.20010118")
    await until(lambda: cloud.live(room_id), 20, "the session goes on")
    broken.times = 0
    await until(lambda: show.hall.job("ended").state == "PROCESSING")
    await show.publish(bus, "ended", "d-new")
    await until(lambda: "d-new" in show.names("ended"), 15)


async def change_a_key(show: Show, bus: Bus) -> None:
    await show.publish(bus, "rekeyed", "d0")
    await until(lambda: show.names("rekeyed") == ["d0"])
    show.hall.job("rekeyed").report_key = "0" * 32
    await show.publish(bus, "rekeyed", "d1")
    await until(lambda: show.names("rekeyed") == ["d0", "d1"], 15, "the job is shown again")


async def everything(stage: Hall) -> Show:
    show = Show(stage)
    async with stage.bus() as bus, asyncio.TaskGroup() as group:
        group.create_task(likes_rain(show, bus))
        group.create_task(steadily(show, bus, "ordered", 300, 0.02))
        group.create_task(steadily(show, bus, "steady", 45, 0.4))
        group.create_task(twice(show, bus, "rare", URL_S + 0.5))
        group.create_task(twice(show, bus, "dead", URL_S + 3))
        group.create_task(end_a_job_with_a_backlog(show, bus))
        group.create_task(change_a_key(show, bus))
    until_all = {key: len(names) for key, names in show.published.items() if key in {"ordered", "steady"}}
    await until(lambda: all(len(show.names(key)) >= most for key, most in until_all.items()))
    return show


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Show]:
    folder = tmp_path_factory.mktemp("reports")
    rooms = [room(key, report="all") for key in KEYS]
    with hall(folder, rooms, dispatch={"max_age_s": 30}, before=prepare) as stage:
        yield asyncio.run(everything(stage))
        assert stage.cloud.gate.violations == []


def prepare(cloud: Any) -> None:
    cloud.report_url_s, cloud.refreshable_s, cloud.latency_s = URL_S, 1.5, (0.002, 0.08)


@pytest.mark.parametrize("key", ["ordered", "steady", "rare", "dead", "rekeyed"])
def test_each_event_is_reported_once_and_in_its_order(show: Show, key: str) -> None:
    assert show.names(key) == show.published[key]


@pytest.mark.parametrize("key", KEYS)
def test_a_job_has_one_call_at_a_time_of_at_most_1000_events(show: Show, key: str) -> None:
    calls = show.calls(key)
    assert all(earlier.done_at <= later.at for earlier, later in pairwise(calls))
    assert all(1 <= len(call.body["events"]) <= 1000 for call in calls)


def test_likes_and_enters_give_way_in_a_flood_danmaku_and_gifts_never_do(show: Show) -> None:
    wanted = Counter(name[0] for name in show.published["flooded"])
    told = Counter(name[0] for name in show.names("flooded"))
    assert (told["d"], told["g"]) == (wanted["d"], wanted["g"])
    assert 0 < told["l"] < wanted["l"]
    names = show.names("flooded")
    assert len(set(names)) == len(names)
    place = {name: at for at, name in enumerate(show.published["flooded"])}
    assert [place[name] for name in names] == sorted(place[name] for name in names), "in order"


def test_what_gave_way_is_counted(show: Show) -> None:
    lost = len(show.published["flooded"]) - len(show.names("flooded"))
    assert show.hall.daemon.metric("livecue_unreported_events_total", room="flooded") == lost


def test_a_flooded_room_leaves_the_others_their_calls(show: Show) -> None:
    calls = show.calls("steady")
    assert max(later.at - earlier.at for earlier, later in pairwise(calls)) < 3


def test_a_url_is_refreshed_before_it_expires(show: Show) -> None:
    refreshed = [call for call in show.calls("steady") if call.query.get("refresh_url") == "true"]
    assert refreshed
    expires = [int(call.query["expires_time"]) / 1000 for call in show.calls("steady")]
    assert len(set(expires)) >= 2, "the new URL is used"
    assert {call.status for call in show.calls("steady")} == {200}, "no report was refused for it"


def test_a_job_that_ended_takes_its_backlog_with_it(show: Show) -> None:
    assert show.names("ended") == ["d-new"]
    assert all(call.status == 503 for call in show.calls("ended") if call.job_id == show.old_job)
    assert "no_job" in {line["outcome"] for line in show.audit}
