"""live-event-report (S4 6.2.7): who may report, and what is an event."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request

from livecue.sandbox import api_live, errors, fields
from livecue.sandbox.errors import invalid
from livecue.sandbox.fields import Body
from livecue.sandbox.http import Call, Reply, verify
from livecue.sandbox.records import ReportRecord
from livecue.sandbox.signing import report_key_holds
from livecue.sandbox.state import State

LAST_MS = 4_102_415_999_000


def guard(state: State, request: Request, raw: bytes) -> None:
    """AK/SK, a token, or the key of the report URL, in its query or in the SDK's headers."""
    key = request.query_params.get("auth_key") or request.headers.get("x-mss-auth-key")
    if key is None or "authorization" in request.headers or "x-auth-token" in request.headers:
        verify(state, request, raw)
        return
    if request.path_params["project_id"] != state.identity.project_id:
        raise errors.report_refused()
    expires = request.query_params.get("expires_time") or request.headers.get("x-mss-expires-time") or ""
    if not (expires.isascii() and expires.isdigit() and len(expires) <= len(str(LAST_MS))):
        raise errors.report_refused()
    if not report_key_holds(state.identity.report_secret, request.path_params["job_id"], int(expires), key):
        raise errors.report_refused()
    late_s = state.clock() - int(expires) / 1000
    if late_s >= state.options.report_key_grace_s:
        raise errors.report_dead()
    if late_s >= 0 and not _refreshes(request.query_params.get("refresh_url")):
        raise errors.report_expired()


def report(call: Call) -> Reply:
    """POST …/live-event-report. With `refresh_url=true` the answer carries a fresh URL."""
    job = api_live.running(call)
    events = _events(call.body)
    now = time.monotonic()
    records = call.state.records
    records.reports.extend(ReportRecord(now, job.job_id, job.room_id, event) for event in events)
    records.totals["events"] += len(events)
    job.reported += len(events)
    if _refreshes(call.query.get("refresh_url")):
        return Reply({"live_event_report_url": api_live.report_url(call, job)})
    return Reply({})


def _refreshes(value: str | None) -> bool:
    return (value or "").lower() == "true"


def _events(body: Body) -> list[dict[str, Any]]:
    total = fields.integer(body, "total", 1, 1000, required=True)
    events = fields.sections(body, "events", 1000)
    if total != len(events):
        raise invalid(f"total is {total}, but there are {len(events)} events")
    for event in events:
        fields.integer(event, "timestamp", 0, LAST_MS, required=True)
        fields.integer(event, "type", 0, 100)
        content = event.get("content")
        if content is not None and not isinstance(content, str):
            raise invalid("content must be JSON in a string")
    return [dict(event) for event in events]
