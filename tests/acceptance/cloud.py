"""MetaStudio as the vendor's documents describe it (S3, S4 6.2), on a real HTTP stack, scriptable to misbehave.

It shares no code with livecue. Every request's signature and rate is checked; whatever no client
of the real cloud may do is written to `complaints`.
"""

from __future__ import annotations

import asyncio
import json
import random
import secrets
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from acceptance.faults import Fault, followed_by, refusal, spoilt
from acceptance.gateway import Arrived, Gate, Signatures, operation_of
from acceptance.shapes import RunningJob, room_shown, shape_of_command, shape_of_report, shape_of_start
from acceptance.speech import Speech

__all__ = ["Call", "Cloud", "Fault"]


@dataclass
class Call:
    """One request that passed signature and limits, and what was answered."""

    operation: str
    room_id: str
    job_id: str
    body: Any
    at: float
    query: Mapping[str, str]
    status: int = 0
    done_at: float = 0


@dataclass
class Cloud:
    """One tenant's MetaStudio on loopback. `waiting_s`: how long a job is WAITING.

    `latency_s`: least and most of the way there and back, each. `refused_words`: the code that a text with
    this word in it is refused with. `lists_inserts`: whether this cloud has insert-commands at all.
    A report URL holds for `report_url_s`, and can be refreshed for `refreshable_s` after that.
    """

    port: int
    project_id: str = "70b76xxxxxx34253880af501cdxxxxxx"
    ak: str = "AKACCEPTANCETEST0001"
    sk: str = field(default_factory=lambda: f"sk-{secrets.token_hex(16)}")
    waiting_s: float = 0.2
    jobs: dict[str, RunningJob] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    unsigned: list[str] = field(default_factory=list)
    report_keys: list[str] = field(default_factory=list)
    latency_s: tuple[float, float] = (0, 0)
    refused_words: dict[str, str] = field(default_factory=dict)
    lists_inserts: bool = False
    report_url_s: float = 3600
    refreshable_s: float = 3600
    speech: Speech = field(default_factory=Speech)

    def __post_init__(self) -> None:
        self.gate = Gate()
        self._signatures = Signatures(self.ak, self.sk, self.project_id)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    # -- what a test does with it

    def up(self) -> None:
        """Listen, in a thread and loop of its own."""
        route = Route("/{path:path}", self._answer, methods=["GET", "POST", "PUT", "DELETE"])
        config = uvicorn.Config(
            Starlette(routes=[route]),
            host="127.0.0.1",
            port=self.port,
            log_config=None,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="cloud", daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > deadline:
                raise TimeoutError("the cloud did not come up")
            time.sleep(0.01)

    def down(self) -> None:
        """Stop listening: connections are refused."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._server.force_exit = True
            self._thread.join(10)
        self._server = self._thread = None

    def of(self, operation: str, room_id: str = "") -> list[Call]:
        """The calls of an operation that were let in, in order."""
        calls = [call for call in self.calls if call.operation == operation]
        return [call for call in calls if not room_id or call.room_id == room_id]

    def said(self, room_id: str) -> list[str]:
        """The texts the room's avatar was given, in order; refused ones are left out."""
        return [
            call.body["params"]["text_config"]["text"]
            for call in self.of("command", room_id)
            if call.status == 200 and call.body["command"] == "INSERT_PLAY_SCRIPT"
        ]

    def heard(self, room_id: str) -> list[str]:
        """The texts the room's avatar has spoken to their end, in order."""
        jobs = [job for job in self.jobs.values() if job.room_id == room_id]
        return [one.text for job in jobs for one in self.speech.of(job).said]

    def reported(self, room_id: str) -> list[dict[str, Any]]:
        """The events that were reported for the room, in order."""
        calls = self.of("report", room_id)
        return [event for call in calls if call.status == 200 for event in call.body["events"]]

    def live(self, room_id: str) -> list[RunningJob]:
        """The room's jobs that are not over."""
        return [job for job in self.jobs.values() if job.room_id == room_id and not job.over]

    def begin_job(self, room_id: str, body: Mapping[str, Any] | None = None) -> RunningJob:
        """A job that somebody else has started, or that a start makes."""
        job = RunningJob(str(uuid.uuid4()), room_id, dict(body or {}), time.time(), self.waiting_s)
        self.jobs[job.job_id] = job
        return job

    # -- the API

    async def _answer(self, request: Request) -> Response:
        body = await request.body()
        await self._on_the_way()
        arrived = Arrived(
            request.method,
            request.url.path,
            request.url.query,
            {name.lower(): value for name, value in request.headers.items()},
            body,
        )
        operation, room_id, job_id = operation_of(arrived, self.project_id)
        if not operation:
            self.complaints.append(f"no such operation: {arrived.method} {arrived.path}")
            return refusal(404, "APIG.0101", "no such API")
        if fault := self._signature_fault(operation, arrived):
            self.unsigned.append(f"{operation}: {fault}")
            return refusal(401, "MSS.00000001", "Unauthorized")
        if not self.gate.lets_in(operation):
            return refusal(429, "APIGW.0308", "The throttling threshold has been reached")
        try:
            parsed = json.loads(body) if body else None
        except ValueError:
            self.complaints.append(f"{operation}: the body is not JSON")
            return refusal(400, "MSS.00000003", "Invalid parameter")
        call = Call(operation, room_id, job_id, parsed, time.monotonic(), dict(request.query_params))
        self.calls.append(call)
        response = await self._respond(call)
        call.status, call.done_at = response.status_code, time.monotonic()
        await self._on_the_way()
        return response

    async def _on_the_way(self) -> None:
        if self.latency_s[1]:
            await asyncio.sleep(random.uniform(*self.latency_s))

    def _signature_fault(self, operation: str, arrived: Arrived) -> str:
        if "authorization" not in arrived.headers and operation == "report" and "auth_key=" in arrived.query:
            return ""  # the report URL carries a key of its own (S4 6.2.7)
        return self._signatures.fault(arrived)

    async def _respond(self, call: Call) -> Response:
        fault = self._fault_for(call)
        if fault is None:
            return self._do(call)
        if fault.on_arrival is not None:
            fault.on_arrival()
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault.answers_truly:
            return followed_by(self._do(call), fault)
        if fault.happens:
            self._do(call)
        return await spoilt(fault)

    def _fault_for(self, call: Call) -> Fault | None:
        for fault in self.faults:
            if fault.times > 0 and fault.operation == call.operation and fault.room_id in {"", call.room_id}:
                fault.times -= 1
                return fault
        return None

    def _do(self, call: Call) -> Response:
        job = self.jobs.get(call.job_id)
        if call.job_id and (job is None or job.room_id != call.room_id):
            return refusal(500, "MSS.20010046", "The job does not exist")
        match call.operation:
            case "start":
                return self._start(call)
            case "list" | "list_all":
                return self._list(call)
            case "show_room":
                return JSONResponse(room_shown(call.room_id, self.speech.speeds.get(call.room_id, 100)))
            case "list_inserts" if not self.lists_inserts:
                return refusal(404, "APIG.0101", "The API does not exist")
        assert job is not None
        if call.operation == "show":
            return JSONResponse(job.shown(self._report_url(job)))
        if job.over:
            return refusal(400, "MSS.20010066", "The job has finished")
        if call.operation == "stop":
            job.end("SUCCEED")
            return Response(status_code=200)
        if job.state == "WAITING":
            return refusal(500, "MSS.20010099", "The job is in state WAITING")
        match call.operation:
            case "command":
                return self._command(call, job)
            case "list_inserts":
                return self._inserts(call, job)
        return self._report(call, job)

    def _start(self, call: Call) -> Response:
        body = call.body or {}
        self.complaints += shape_of_start(body)
        if self.live(call.room_id) and body.get("job_run_config", {}).get("single_job_in_room"):
            return refusal(500, "MSS.20010036", "A job is already running in this room")
        job = self.begin_job(call.room_id, body)
        return JSONResponse({"job_id": job.job_id, "live_event_report_url": self._report_url(job)}, 202)

    def _list(self, call: Call) -> Response:
        states = set(call.query.get("state", "").split(",")) - {""}
        offset, limit = int(call.query.get("offset", "0")), int(call.query.get("limit", "10"))
        if not 1 <= limit <= 100:
            self.complaints.append(f"list: limit {limit}")
        found = [
            job
            for job in self.jobs.values()
            if call.room_id in {"", job.room_id} and (not states or job.state in states)
        ]
        found.sort(key=lambda job: job.created_s, reverse=call.query.get("sort_dir") == "desc")
        page = [job.shown("") for job in found[offset : offset + limit]]
        return JSONResponse({"count": len(found), "smart_live_jobs": page})

    def _command(self, call: Call, job: RunningJob) -> Response:
        self.complaints += shape_of_command(call.body)
        text = (call.body.get("params") or {}).get("text_config", {}).get("text", "")
        for word, code in self.refused_words.items():
            if word in text:
                return refusal(500, code, "refused")
        command_id = uuid.uuid4().hex
        if call.body["command"].startswith("INSERT_"):
            self.speech.give(job, command_id, call.body)
        elif call.body["command"] == "CLEAN_UP_INSERT_COMMAND":
            self.speech.take_back(job, call.body["params"].get("command_ids") or ())
        return JSONResponse({"command_id": command_id, "command": call.body["command"], "result": ""})

    def _inserts(self, call: Call, job: RunningJob) -> Response:
        offset, limit = int(call.query.get("offset", "0")), int(call.query.get("limit", "10"))
        waiting = [one for one in self.speech.of(job).waiting if not one.began]
        page = [one.shown() for one in waiting[offset : offset + limit]]
        return JSONResponse({"count": len(waiting), "insert_commands": page})

    def _report(self, call: Call, job: RunningJob) -> Response:
        self.complaints += shape_of_report(call.body)
        refreshed = call.query.get("refresh_url") == "true"
        if code := job.url_fault(call.query, self.refreshable_s):
            return refusal(401, code, "The report URL does not hold")
        if refreshed:
            job.report_url_until_s = 0
        return JSONResponse({"live_event_report_url": self._report_url(job)})

    def _report_url(self, job: RunningJob) -> str:
        if job.report_url_until_s < time.time():
            job.report_key = secrets.token_hex(16)
            job.report_url_until_s = time.time() + self.report_url_s
        self.report_keys.append(job.report_key)
        path = f"/v1/{self.project_id}/smart-live-rooms/{job.room_id}/smart-live-jobs/{job.job_id}"
        expires_ms = int(job.report_url_until_s * 1000)
        return f"{self.endpoint}{path}/live-event-report?auth_key={job.report_key}&expires_time={expires_ms}"
