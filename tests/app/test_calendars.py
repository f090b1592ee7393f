"""Calendars from files and URLs: what they plan, and what happens when they break."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from app.processes import Running, livecue, running, write_config
from app.running import ROOM_ID
from livecue.app.calendars import CalendarKeeper, CalendarReader
from livecue.app.redact import Redactor
from livecue.app.rooms import secrets_of
from livecue.outgoing import FetchError, fetch
from livecue.runtime.health import HealthBoard
from livecue.sandbox import Sandbox, SandboxOptions
from livecue.settings import Loaded, load
from livecue.supervisor import RoomPlan, wanted

NOW = datetime(2026, 10, 5, 12, tzinfo=UTC)
EVENING = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//shop//EN
BEGIN:VEVENT
UID:1
SUMMARY:双十一
DTSTART;TZID=Asia/Shanghai:20261005T200000
DTEND;TZID=Asia/Shanghai:20261005T220000
RRULE:FREQ=DAILY
END:VEVENT
END:VCALENDAR
"""
HOLIDAY = EVENING.replace(
    "DTSTART;TZID=Asia/Shanghai:20261005T200000", "DTSTART;VALUE=DATE:20261006"
).replace("DTEND;TZID=Asia/Shanghai:20261005T220000\nRRULE:FREQ=DAILY\n", "")


class Server:
    """A calendar on the web that can be changed, broken and slowed down."""

    def __init__(self) -> None:
        self.body, self.status, self.asked = EVENING, 200, 0
        self.headers: dict[str, str] = {}
        self.release = threading.Event()
        self.release.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked += 1
                outer.release.wait(20)
                self.send_response(outer.status)
                for name, value in outer.headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(outer.body.encode())

            def log_message(self, *_: object) -> None: ...

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/private-GEHEIM/basic.ics"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server() -> Iterator[Server]:
    one = Server()
    yield one
    one.release.set()
    one.http.shutdown()
    one.http.server_close()


def config(folder: Path, source: str, **session: Any) -> Path:
    sessions = [{"name": "feed", "ics": source, **session}]
    return write_config(folder, rooms=[{"key": "flagship", "room_id": "r1", "sessions": sessions}])


def loaded(folder: Path, source: str, **session: Any) -> Loaded:
    return load(config(folder, source, **session))


def reader(one: Loaded) -> CalendarReader:
    return CalendarReader(one, lambda: NOW)


def is_wanted(plans: list[RoomPlan], moment: datetime) -> bool:
    return wanted(plans[0].sessions, moment) is not None


async def test_a_file_beside_the_configuration_plans_its_events(tmp_path: Path) -> None:
    (tmp_path / "shop.ics").write_text(EVENING, "utf-8")
    one = reader(loaded(tmp_path, "shop.ics"))
    assert await one.read() == []
    assert is_wanted(one.plans(), NOW + timedelta(hours=1))
    assert not is_wanted(one.plans(), NOW + timedelta(hours=2))
    assert is_wanted(one.plans(), NOW + timedelta(days=50))


async def test_a_url_is_fetched_and_kept_for_the_next_process(server: Server, tmp_path: Path) -> None:
    settings = loaded(tmp_path, server.url)
    assert await reader(settings).read() == []
    server.status = 500
    again = reader(settings)
    await again.remember()
    assert is_wanted(again.plans(), NOW)
    ((_, said),) = await again.read()
    assert said == "http://127.0.0.1/… answers 500; open it in a browser on this machine"
    assert is_wanted(again.plans(), NOW)


async def test_a_calendar_that_breaks_keeps_the_last_good_one(tmp_path: Path) -> None:
    file = tmp_path / "shop.ics"
    file.write_text(EVENING, "utf-8")
    one = reader(loaded(tmp_path, "shop.ics"))
    await one.read()
    file.write_text(EVENING.replace("FREQ=DAILY", "FREQ=OFTEN"), "utf-8")
    ((use, said),) = await one.read()
    assert use.where == "rooms.flagship.sessions.feed"
    assert said.startswith("shop.ics:4 event '双十一': RRULE cannot be read")
    assert is_wanted(one.plans(), NOW)


async def test_a_room_whose_calendar_was_never_read_is_left_alone(tmp_path: Path) -> None:
    one = reader(loaded(tmp_path, "shop.ics"))
    await one.remember()
    assert len(one.unread()) == 1
    with pytest.raises(ValueError, match="the calendar of session 'feed' was never read"):
        is_wanted(one.plans(), NOW)


async def test_holidays_of_a_calendar_are_days_off(tmp_path: Path) -> None:
    (tmp_path / "days.ics").write_text(HOLIDAY, "utf-8")
    (tmp_path / "shop.ics").write_text(EVENING, "utf-8")
    file = write_config(
        tmp_path,
        plan={
            "holidays": {"national": {"ics": "days.ics", "timezone": "Asia/Shanghai"}, "own": ["2026-10-07"]}
        },
        rooms=[
            {
                "key": "flagship",
                "room_id": "r1",
                "sessions": [{"name": "feed", "ics": "shop.ics", "holidays": ["national", "own"]}],
            }
        ],
    )
    one = reader(load(file))
    assert await one.read() == []
    assert one.plans()[0].sessions[0].days_off == {
        date(2026, 10, 6): "holiday (双十一)",
        date(2026, 10, 7): "holiday (own)",
    }
    assert [is_wanted(one.plans(), NOW + timedelta(days=day)) for day in range(4)] == [
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("status", "headers", "said"),
    [
        (404, {}, "answers 404"),
        (302, {"Location": "http://127.0.0.1:1/"}, "answers 302, a redirect: write the URL it leads to"),
    ],
)
async def test_a_document_that_does_not_come_says_why(
    status: int, headers: dict[str, str], said: str, server: Server
) -> None:
    server.status, server.headers = status, headers
    with pytest.raises(FetchError) as caught:
        await fetch(server.url)
    assert str(caught.value) == said


async def test_a_slow_or_endless_document_is_given_up(server: Server) -> None:
    with pytest.raises(FetchError, match="is larger than 0 MiB"):
        await fetch(server.url, most_bytes=100)
    server.release.clear()
    with pytest.raises(FetchError, match="gives no whole answer within"):
        await fetch(server.url, within_s=0.2)
    with pytest.raises(FetchError, match="cannot be reached"):
        await fetch("http://127.0.0.1:1/x.ics")
    with pytest.raises(FetchError, match="must be https"):
        await fetch("http://example.com/x.ics")


async def test_the_keeper_hands_on_what_changed_and_says_what_is_wrong_once(
    server: Server, tmp_path: Path
) -> None:
    settings = loaded(tmp_path, server.url)
    health, seen, stop = HealthBoard("bus"), asyncio.Queue[list[RoomPlan]](), asyncio.Event()
    keeper = CalendarKeeper(settings, health, lambda: int(NOW.timestamp() * 1000))
    keeper._every_s = 0.05
    await keeper.begin()
    assert is_wanted(await keeper.plans(), NOW)
    task = asyncio.create_task(keeper.run(stop, lambda plans: seen.put_nowait(list(plans))))
    server.body = EVENING.replace("T200000", "T210000").replace("T220000", "T230000")
    async with asyncio.timeout(10):
        while is_wanted(await seen.get(), NOW):
            pass
        server.body = "<html>"
        while health.parts().get("calendars", "ok") == "ok":
            await seen.get()
        assert not is_wanted(await seen.get(), NOW)
        server.body = EVENING
        while not is_wanted(await seen.get(), NOW):
            pass
    assert health.parts()["calendars"] == "ok"
    stop.set()
    await asyncio.wait_for(task, 5)


async def test_check_and_plan_refuse_a_broken_calendar_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "shop.ics").write_text(EVENING.replace("T220000", "T190000"), "utf-8")
    file = config(tmp_path, "shop.ics")
    for command in ("check", "plan"):
        code, out, err = await livecue(command, "-c", str(file))
        assert (code, out) == (1, "")
        assert "rooms.flagship.sessions.feed: shop.ics:4 event '双十一' lasts no time; give it a DTEND" in err


async def test_check_names_a_calendar_that_is_not_there(tmp_path: Path) -> None:
    code, _, err = await livecue("check", "-c", str(config(tmp_path, "nowhere.ics")))
    assert code == 1
    assert "nowhere.ics cannot be read: No such file or directory: write its path, or an https URL" in err


async def test_plan_shows_a_calendars_events_by_name(server: Server, tmp_path: Path) -> None:
    file = config(tmp_path, server.url)
    code, out, err = await livecue(
        "plan", "-c", str(file), "--from", "2026-10-05", "--days", "1", "--timezone", "Asia/Shanghai"
    )
    assert (code, err) == (0, "")
    assert "flagship  feed     2026-10-05 20:00  22:00  +08:00  2h     双十一" in out
    assert not (tmp_path / "var").exists()


async def test_run_begins_without_its_calendar_and_says_so(server: Server, tmp_path: Path) -> None:
    server.status = 503
    async with running(config(tmp_path, server.url)) as daemon:
        await daemon.until_answer("/readyz", "answers 503", "what was read last goes on")
        assert await daemon.end() == 0
    assert "calendar-not-read" in "".join(daemon.lines)
    assert "GEHEIM" not in "".join(daemon.lines)


def test_a_calendars_url_is_a_secret_in_logs(tmp_path: Path) -> None:
    settings = loaded(tmp_path, "https://calendar.example.com/private-key/basic.ics").settings
    assert "private-key" not in Redactor(secrets_of(settings)).text(
        f"GET {settings.rooms[0].sessions[0].ics}"
    )


async def test_what_is_wrong_with_a_plan_is_logged_once_and_goes_on(tmp_path: Path) -> None:
    sessions = [
        {"name": name, "cron": f"0 {hour} * * *", "duration": "4h"} for name, hour in (("a", 20), ("b", 22))
    ]
    file = write_config(tmp_path, rooms=[{"key": "flagship", "room_id": "r1", "sessions": sessions}])
    keeper = CalendarKeeper(load(file), HealthBoard("bus"), lambda: int(NOW.timestamp() * 1000))
    await keeper.begin()
    with capture_logs() as lines:
        assert is_wanted(await keeper.plans(), NOW + timedelta(hours=9))
        await keeper.plans()
    (line,) = lines
    assert line["event"] == "plan-problem"
    assert line["problem"].startswith("rooms.flagship.sessions.b: overlaps session 'a'")


async def test_a_live_begins_and_ends_as_the_calendar_says_while_the_daemon_runs(tmp_path: Path) -> None:
    """A calendar that breaks ends nothing; an event that is taken out of it is a live that is stopped."""
    start = datetime.now(UTC) - timedelta(minutes=1)
    event = f"BEGIN:VEVENT\nUID:1\nDTSTART:{start:%Y%m%dT%H%M%SZ}\nDURATION:PT1H\nEND:VEVENT\n"
    feed = tmp_path / "feed.ics"
    feed.write_text(f"BEGIN:VCALENDAR\nVERSION:2.0\n{event}END:VCALENDAR\n")
    room: dict[str, Any] = {
        "key": "shop",
        "room_id": ROOM_ID,
        "sessions": [{"name": "feed", "ics": "feed.ics"}],
    }
    room["start"] = {"output_urls": ["rtmp://push.example.com/live/x"], "stream_keys": ["key"]}
    async with Sandbox(SandboxOptions(room_ids=(ROOM_ID,))).running() as sandbox:
        cloud = {
            "endpoint": sandbox.endpoint,
            "project_id": sandbox.project_id,
            "auth": {"ak": sandbox.ak, "sk": sandbox.sk},
        }
        file = write_config(tmp_path, metastudio=cloud, rooms=[room], plan={"refresh_s": 1})
        async with running(file) as daemon:
            await until(daemon, "job-started")
            feed.write_text("half a calen")
            await until(daemon, "calendar-not-read")
            await asyncio.sleep(3)
            assert "job-stopping" not in "".join(daemon.lines)
            feed.write_text("BEGIN:VCALENDAR\nVERSION:2.0\nEND:VCALENDAR\n")
            await until(daemon, "job-ended")
            assert await daemon.end() == 0
    assert {job.state for job in sandbox.jobs.values()} == {"SUCCEED"}


async def until(daemon: Running, said: str) -> None:
    async with asyncio.timeout(30):
        while True:
            if said in "".join(daemon.lines):
                return
            await asyncio.sleep(0.1)
