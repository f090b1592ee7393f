"""Which events go to live-event-report, and how many at a time."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from itertools import pairwise

from acceptance.cloud import Cloud
from acceptance.processes import Livecue, until
from acceptance.writing import Bus, danmaku


def texts(cloud: Cloud, room_id: str) -> list[str]:
    """What was reported, as the viewers wrote it."""
    return [json.loads(event["content"])["content"] for event in cloud.reported(room_id)]


async def test_report_all_unmatched_and_none_decide_which_events_are_reported(
    bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    for key in ("all", "unmatched", "none"):
        await bus.publish(
            key, danmaku("认得一"), danmaku("难得一"), danmaku("难得二"), danmaku("别的", as_text=False)
        )
    await until(lambda: len(texts(shared_cloud, room_ids["all"])) == 4)
    await until(lambda: texts(shared_cloud, room_ids["unmatched"]))
    await until(lambda: len(shared_cloud.said(room_ids["none"])) == 2)
    await asyncio.sleep(1.2)
    assert texts(shared_cloud, room_ids["all"]) == ["认得一", "难得一", "难得二", "别的"]
    # An event a rule answered, or whose answer a window held back, must not be answered by the cloud too.
    assert texts(shared_cloud, room_ids["unmatched"]) == ["别的"]
    assert texts(shared_cloud, room_ids["none"]) == []
    assert sorted(shared_cloud.said(room_ids["none"])) == ["认得的", "难得的"]


async def test_a_burst_of_5000_events_with_40_hits_stays_within_every_limit(
    desk: Livecue, bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["burst"]
    events = [danmaku(f"认得 {n}" if n % 125 == 0 else f"路人 {n}", f"u{n}") for n in range(5000)]
    for at in range(0, 5000, 250):
        await bus.report("burst", events[at : at + 250])
    await until(lambda: len(shared_cloud.said(room_id)) == 40, 30, "40 replies")
    await until(lambda: desk.metric("livecue_inbox_lag") == 0)
    calls = [call for call in shared_cloud.of("report", room_id) if call.status == 200]
    assert calls
    assert all(1 <= len(call.body["events"]) <= 1000 for call in calls)
    assert all(later.at - earlier.at >= 1 for earlier, later in pairwise(calls))
    assert shared_cloud.gate.violations == []
    told = texts(shared_cloud, room_id)
    assert len(told) == len(set(told)), "an event was reported twice"
    assert told == sorted(told, key=lambda text: int(text.removeprefix("路人 "))), "out of order"
    assert len(told) == 4960, "danmaku are never left out while the quota can carry them"
    assert desk.metric("livecue_unreported_events_total", room="burst") == 0


async def test_the_report_goes_to_the_url_of_its_job_with_the_platforms_own_time_and_text(
    bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["all"]
    before = len(shared_cloud.reported(room_id))
    message = danmaku("原样上报")
    await bus.publish("all", message)
    await until(lambda: len(shared_cloud.reported(room_id)) > before)
    assert shared_cloud.reported(room_id)[-1] == message
    call = shared_cloud.of("report", room_id)[-1]
    [job] = shared_cloud.live(room_id)
    assert (call.job_id, call.query["auth_key"]) == (job.job_id, job.report_key)
