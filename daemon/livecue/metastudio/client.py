"""The MetaStudio client: each method is one operation of the API, with one total deadline.

It retries nothing, with two exceptions that repeat a request the cloud has *refused*: a stale report URL
is refreshed once, and a token is renewed once. Retrying is the caller's. A call that takes several
requests (those two, and the pages of a list) spaces them, so that it needs one place in the rate limit.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import quote, urlencode

import httpx
import msgspec

from livecue.domain import Job, Meaning, ReportedEvent
from livecue.metastudio.answers import CHATS, LIVES, Rows, read_job, room_and_job
from livecue.metastudio.connecting import checked_url, new_client, origin_of
from livecue.metastudio.errors import MetaStudioError, error
from livecue.metastudio.models import (
    ShownCallback,
    callback_from_json,
    chat_job_from_json,
    count_of,
    report_body,
)
from livecue.metastudio.setups import Setups
from livecue.metastudio.signing import AkSkAuth
from livecue.metastudio.token import TokenAuth
from livecue.metastudio.wire import Call, May, OnCall, Sleep, Wire

PAGE: Final = 100
OVERLAP: Final = 10  # what is spoken between two pages moves the rest to the front
NEWEST_JOBS: Final = 1000
Judge = Callable[[ShownCallback], tuple[str, ...]]


class MetaStudio:
    """Talks to one project of one endpoint; every method raises `MetaStudioError` alone.

    `endpoint` is `https://<host>` (http: towards loopback only). `timeout_s` is the total time of one
    method, all phases and pages together. `pool` is the number of connections. `on_call` hears of each
    HTTP exchange: the operation (as in `limits.documented`) and `ok` or the `Meaning` of its failure.
    `sleep` waits between the requests of one call. `may` is asked for each request, when its first byte is about
    to go out; what may not go fails as UNAVAILABLE. `setups` has the calls that set up rooms and products.

    Raises:
        ValueError: endpoint, project_id, timeout_s or pool cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        project_id: str,
        auth: httpx.Auth,
        *,
        timeout_s: float = 10.0,
        pool: int = 20,
        on_call: OnCall | None = None,
        sleep: Sleep = asyncio.sleep,
        may: May | None = None,
    ) -> None:
        url = checked_url(endpoint, "metastudio.endpoint")
        if url.query or url.fragment:
            raise ValueError("metastudio.endpoint must have no query and no fragment")
        if not project_id.strip(".") or timeout_s <= 0 or pool < 1:
            raise ValueError("MetaStudio needs a project_id, timeout_s > 0 and pool >= 1")
        self._origin = origin_of(url)
        self._base = f"{str(url).rstrip('/')}/v1/{_segment('configure', project_id)}"
        self._timeout_s = timeout_s
        self._auth = auth
        self._client = new_client(url, auth=auth, timeout_s=timeout_s, pool=pool)
        renews = auth if isinstance(auth, AkSkAuth | TokenAuth) else None
        self._wire = Wire(self._client, on_call, renews, sleep, may)
        self.setups = Setups(self._wire, self._base, timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections, those of a `TokenAuth` too."""
        await self._client.aclose()
        close = getattr(self._auth, "aclose", None)
        if close is not None:
            await close()

    def __repr__(self) -> str:
        return f"MetaStudio({self._origin[0]}://{self._origin[1]})"

    async def start(self, room_id: str, body: Mapping[str, Any]) -> Job:
        """Start a live job (S3); `body` comes from `models.start_body`. Its secrets stay out of errors.

        Raises:
            MetaStudioError: ALREADY_RUNNING, NO_RESOURCE, QUOTA; OUTCOME_UNKNOWN: list the jobs first.
        """
        answer = await self._call("start", "POST", self._jobs("start", room_id), body=body)
        return read_job("start", answer, Meaning.OUTCOME_UNKNOWN)

    async def stop(self, room_id: str, job_id: str) -> None:
        """Ask a live job to stop (S4 6.2.4). It may be repeated; JOB_OVER says there is nothing to stop."""
        await self._call("stop", "POST", f"{self._jobs('stop', room_id, job_id)}/stop")

    async def show(self, room_id: str, job_id: str, judge: Judge | None = None) -> Job:
        """Show a live job, with its report URL (S4 6.2.3).

        `judge` fills in `callback_faults` from how the job calls back, which goes no further: it holds a key.
        """
        answer = await self._call("show", "GET", self._jobs("show", room_id, job_id))
        job = read_job("show", {"job_id": job_id} | answer, Meaning.UNAVAILABLE)
        if judge is None:
            return job
        return msgspec.structs.replace(job, callback_faults=judge(callback_from_json(answer)))

    async def list_jobs(
        self, room_id: str, *, states: Sequence[str] = (), newest: int = NEWEST_JOBS
    ) -> list[Job]:
        """The room's `newest` jobs, newest first (S4 6.2.2); each hundred is one request.

        `states` filters in the cloud; leave it empty to see jobs of states the API adds later too.
        """
        found = [row async for row in self._rows("list", self._jobs("list", room_id), states, newest)]
        return [job for _, job in found]

    async def list_all_jobs(
        self, *, states: Sequence[str] = (), newest: int = NEWEST_JOBS, within_s: float = 0
    ) -> list[tuple[str, Job]]:
        """The tenant's `newest` jobs with their room ids, newest first (S4 6.2.6).

        `within_s`: the total time, if it may be longer than `timeout_s`: pages are a second apart.
        """
        rows = self._rows("list_tenant", f"{self._base}/smart-live-jobs", states, newest, within_s)
        return [row async for row in rows]

    async def command(self, room_id: str, job_id: str, body: Mapping[str, Any]) -> str:
        """Send one command (S4 6.2.5, 12.5); return its command_id.

        A 200 with an empty body or without an id was accepted all the same: "" is returned, and nobody
        will hear of its end.

        Raises:
            MetaStudioError: on OUTCOME_UNKNOWN do not repeat it: it may be on air already.
        """
        answer = await self._call(
            "command", "POST", f"{self._jobs('command', room_id, job_id)}/command", body=body
        )
        command_id = answer.get("command_id")
        return str(command_id) if isinstance(command_id, str | int) else ""

    async def unplayed(self, room_id: str, job_id: str) -> frozenset[str]:
        """The command_ids of inserts that have not been spoken (in the SDK alone, not in S4).

        Raises:
            MetaStudioError: NOT_FOUND also where the cloud does not know the operation.
        """
        url = f"{self._jobs('list_inserts', room_id, job_id)}/command/insert-commands"
        call, found, offset = self._begin("list_inserts"), list[object](), 0
        while True:
            answer = await call.exchange("GET", f"{url}?offset={offset}&limit={PAGE}")
            rows = answer.get("insert_commands")
            rows = rows if isinstance(rows, list) else []
            found += [row.get("command_id") for row in rows if isinstance(row, Mapping)]
            total = count_of(answer)
            offset += PAGE
            if len(rows) < PAGE or (total is not None and offset >= total):
                break
            offset -= OVERLAP
        return frozenset(one for one in found if isinstance(one, str) and one)

    async def report(
        self, report_url: str, events: Sequence[ReportedEvent], *, refresh: bool = False
    ) -> str | None:
        """Report 1 to 1000 events to a job's `live_event_report_url`, as given (S4 6.2.7).

        The URL's `auth_key` is its credential. On the configured endpoint the call is signed as
        well, so that either proof will do; elsewhere our signature is never sent, and a query with
        a bare `+` is never touched: signing would have to decide what it means. With `refresh` the report
        asks for a new URL, and a stale one is refreshed once by the repeated report itself; then the
        new URL is returned: keep it.
        """
        try:
            body = report_body(events)
            url = checked_url(report_url, "the report URL")
        except ValueError as exc:
            raise error("report", Meaning.INVALID, detail=str(exc)) from None
        signed = origin_of(url) == self._origin and "+" not in report_url
        again = f"{report_url.partition('#')[0]}{'&' if url.query else '?'}refresh_url=true"
        call = self._begin("report")
        if not refresh:
            try:
                await call.exchange("POST", report_url, body=body, signed=signed)
            except MetaStudioError as exc:
                if exc.meaning is not Meaning.REPORT_URL_STALE:
                    raise
            else:
                return None
        answer = await call.exchange("POST", again, body=body, signed=signed)
        newer = answer.get("live_event_report_url")
        return newer if isinstance(newer, str) and newer else None

    def report_url(self, room_id: str, job_id: str) -> str:
        """Where a job is reported to that shows no URL of its own (S4 6.2.7); such a call is signed."""
        return f"{self._jobs('report', room_id, job_id)}/live-event-report"

    async def show_room(self, room_id: str) -> dict[str, Any]:
        """The live room as it is set up (S4 6.1.3); see `models.script_of` and `models.voice_speed_of`."""
        url = f"{self._base}/smart-live-rooms/{_segment('show_room', room_id)}"
        return await self._call("show_room", "GET", url)

    async def start_chat(self, room_id: str, robot_id: str, body: Mapping[str, Any] | None = None) -> Job:
        """Start a smart-chat job (S0).

        Raises:
            MetaStudioError: NO_RESOURCE, the room has as many jobs as its `concurrency` allows; QUOTA.
        """
        url = self._chats("start_chat", room_id)
        if robot_id:
            url += f"?{urlencode({'robot_id': robot_id}, quote_via=quote)}"
        answer = await self._call("start_chat", "POST", url, body=body or {})
        return read_job("start_chat", answer, Meaning.OUTCOME_UNKNOWN, chat_job_from_json)

    async def show_chat(self, room_id: str, job_id: str) -> Job:
        """Show a smart-chat job (S1); its states include CANCELED and HEARTBEAT."""
        answer = await self._call("show_chat", "GET", f"{self._chats('show_chat', room_id, job_id)}/state")
        return read_job("show_chat", {"job_id": job_id} | answer, Meaning.UNAVAILABLE, chat_job_from_json)

    async def list_chats(
        self, room_id: str, *, states: Sequence[str] = (), newest: int = NEWEST_JOBS
    ) -> list[Job]:
        """The smart-chat jobs of a room (in the SDK alone, not in S4), in the cloud's own order.

        Raises:
            MetaStudioError: NOT_FOUND also where the cloud does not know the operation.
        """
        url = self._chats("list_chats", room_id)
        return [job async for _, job in self._rows("list_chats", url, states, newest, rows=CHATS)]

    async def stop_chat(self, room_id: str, job_id: str) -> None:
        """Stop a smart-chat job (S4 7.1.2.3)."""
        await self._call("stop_chat", "POST", f"{self._chats('stop_chat', room_id, job_id)}/stop")

    def _begin(self, operation: str, within_s: float = 0) -> Call:
        deadline = asyncio.get_running_loop().time() + max(within_s, self._timeout_s)
        return self._wire.call(operation, deadline)

    async def _call(
        self, operation: str, method: str, url: str, *, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        return await self._begin(operation).exchange(method, url, body=body)

    async def _rows(
        self,
        operation: str,
        url: str,
        states: Sequence[str],
        newest: int,
        within_s: float = 0,
        rows: Rows | None = None,
    ) -> AsyncIterator[tuple[str, Job]]:
        field, read, order = rows or LIVES
        call, offset = self._begin(operation, within_s), 0
        seen: set[str] = set()  # a job started between two pages shifts the others
        only = {"state": ",".join(states)} if states else {}
        while offset < newest:
            page = {"offset": offset, "limit": min(PAGE, newest - offset)} | order | only
            paged = f"{url}?{urlencode(page, quote_via=quote)}"
            answer = await call.exchange("GET", paged)
            given = answer.get(field)
            found = given if isinstance(given, list) else []
            for room_id, job in (room_and_job(row, read) for row in found):
                if job is not None and job.job_id not in seen:
                    seen.add(job.job_id)
                    yield room_id, job
            offset += len(found)
            total = count_of(answer)
            if not found or (total is not None and offset >= total):
                return

    def _jobs(self, operation: str, room_id: str, job_id: str | None = None) -> str:
        room = f"{self._base}/smart-live-rooms/{_segment(operation, room_id)}/smart-live-jobs"
        return room if job_id is None else f"{room}/{_segment(operation, job_id)}"

    def _chats(self, operation: str, room_id: str, job_id: str | None = None) -> str:
        rooms = f"{self._base}/digital-human-chat/smart-chat-rooms"
        room = f"{rooms}/{_segment(operation, room_id)}/smart-chat-jobs"
        return room if job_id is None else f"{room}/{_segment(operation, job_id)}"


def _segment(operation: str, value: str) -> str:
    """One path segment; an empty one or dots would name something else."""
    if not value.strip("."):
        raise error(operation, Meaning.INVALID, detail="a project, room or job id is empty or only dots")
    return quote(value, safe="")
