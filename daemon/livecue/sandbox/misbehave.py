"""What a faulty cloud does with a call: later, not at all, or not as it says."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import uuid4

from starlette.requests import Request

from livecue.sandbox import faults
from livecue.sandbox.calls import Call, Operation, Reply
from livecue.sandbox.errors import ApiError
from livecue.sandbox.faults import Fault, Strike
from livecue.sandbox.signing import report_key


async def misbehave(
    strike: Strike, name: str, operation: Operation, call: Call, request: Request
) -> Reply | None:
    """The answer of `operation` under `strike`; None is no answer, once the client has gone.

    Raises:
        ApiError: the refusal that goes out instead.
    """
    fault = strike.fault
    late = fault.effect == faults.SLOW and fault.when == faults.AFTER
    if not late:
        await asyncio.sleep(strike.latency_s)
    match fault.effect:
        case faults.REFUSE:
            raise _refusal(fault)
        case faults.LIE:
            return _lie(fault, name, operation, call)
        case faults.HANG | faults.DROP:
            if fault.when == faults.AFTER:
                operation(call)
            if fault.effect == faults.DROP:
                call.state.cut(request.client)
            while (await request.receive())["type"] != "http.disconnect":
                pass
            return None
    reply = operation(call)
    if late:
        await asyncio.sleep(strike.latency_s)
    return reply


def _refusal(fault: Fault) -> ApiError:
    headers = None if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
    return ApiError(fault.status, fault.error_code, fault.error_msg, headers)


def _lie(fault: Fault, name: str, operation: Operation, call: Call) -> Reply:
    if fault.says == faults.RUNNING:
        return operation(replace(call, ends_hidden=True))
    if fault.says == faults.DONE:
        return _hollow(name, call)
    operation(call)
    raise _refusal(fault)


def _hollow(name: str, call: Call) -> Reply:
    """The answer to something that was not done; ids in it name nothing."""
    made = uuid4().hex
    if name in {"start", "start_chat_job"}:
        key = report_key(call.state.identity.report_secret, made, 0)
        url = f"{call.base_url}/v1/{call.path['project_id']}/smart-live-rooms/{call.path['room_id']}"
        url = f"{url}/smart-live-jobs/{made}/live-event-report?auth_key={key}&expires_time=0"
        return Reply({"job_id": made, "live_event_report_url": url}, 202 if name == "start" else 200)
    if name == "command":
        return Reply({"command_id": made, "command": call.body.get("command")})
    return Reply({})
