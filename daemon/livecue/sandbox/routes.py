"""The table of operations: method, path, name, who may call (S4 6, 7; S0–S3; newer ones from the SDK)."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from livecue.sandbox import (
    api_chat,
    api_command,
    api_iam,
    api_live,
    api_products,
    api_report,
    api_rooms,
    errors,
)
from livecue.sandbox.http import Operation, endpoint, refused, respond
from livecue.sandbox.state import State

_ROOMS = "/smart-live-rooms"
_JOBS = _ROOMS + "/{room_id}/smart-live-jobs"
_GROUPS = "/smart-live-interaction-rule-groups"
_CHAT = "/smart-chat-rooms"
_CHAT_JOBS = "/digital-human-chat/smart-chat-rooms/{room_id}/smart-chat-jobs"

# The name of an operation is its function's, and its key in `limits`.
TABLE: tuple[tuple[str, str, Operation], ...] = (
    ("POST", _ROOMS, api_rooms.create_room),
    ("GET", _ROOMS, api_rooms.list_rooms),
    ("GET", _ROOMS + "/{room_id}", api_rooms.show_room),
    ("PUT", _ROOMS + "/{room_id}", api_rooms.update_room),
    ("DELETE", _ROOMS + "/{room_id}", api_rooms.delete_room),
    ("GET", _ROOMS + "/{room_id}/live-warning-info", api_live.show_live_warning),
    ("POST", _GROUPS, api_rooms.create_rule_group),
    ("GET", _GROUPS, api_rooms.list_rule_groups),
    ("PUT", _GROUPS + "/{group_id}", api_rooms.update_rule_group),
    ("DELETE", _GROUPS + "/{group_id}", api_rooms.delete_rule_group),
    ("POST", _JOBS, api_live.start),
    ("GET", _JOBS, api_live.list_jobs),
    ("GET", _JOBS + "/{job_id}", api_live.show_job),
    ("POST", _JOBS + "/{job_id}/stop", api_live.stop),
    ("POST", _JOBS + "/{job_id}/command", api_command.command),
    ("GET", _JOBS + "/{job_id}/command/insert-commands", api_live.list_insert_commands),
    ("GET", "/smart-live-jobs", api_live.list_all_jobs),
    ("POST", "/products", api_products.create_product),
    ("GET", "/products", api_products.list_products),
    ("GET", "/products/{product_id}", api_products.show_product),
    ("PUT", "/products/{product_id}", api_products.update_product),
    ("DELETE", "/products/{product_id}", api_products.delete_product),
    ("POST", "/products/{product_id}/assets", api_products.set_product_assets),
    ("POST", _CHAT, api_chat.create_chat_room),
    ("GET", _CHAT, api_chat.list_chat_rooms),
    ("GET", _CHAT + "/{room_id}", api_chat.show_chat_room),
    ("PUT", _CHAT + "/{room_id}", api_chat.update_chat_room),
    ("DELETE", _CHAT + "/{room_id}", api_chat.delete_chat_room),
    ("POST", _CHAT_JOBS, api_chat.start_chat_job),
    ("GET", _CHAT_JOBS, api_chat.list_chat_jobs),
    ("GET", _CHAT_JOBS + "/{job_id}/state", api_chat.show_chat_job),
    ("POST", _CHAT_JOBS + "/{job_id}/stop", api_chat.stop_chat_job),
)


def application(state: State, changed: Callable[[], None]) -> Starlette:
    """The ASGI application over `state`; `changed` is called after every answered call."""
    report_path = "/v1/{project_id}" + _JOBS + "/{job_id}/live-event-report"
    report = endpoint(state, "report", api_report.report, changed, api_report.guard)
    token = endpoint(state, "create_token", api_iam.create_token, changed, api_iam.guard)
    routes = [
        Route(
            "/v1/{project_id}" + path,
            endpoint(state, operation.__name__, operation, changed),
            methods=[method],
        )
        for method, path, operation in TABLE
    ]
    routes.append(Route(report_path, report, methods=["POST"]))
    routes.append(Route("/v3/auth/tokens", token, methods=["POST"]))
    return Starlette(routes=routes, exception_handlers={HTTPException: _unknown, Exception: _broken})


async def _unknown(_request: Request, _error: Exception) -> Response:
    """The gateway's answer to a method and path it does not know."""
    return respond(refused(errors.no_such_api()))


async def _broken(_request: Request, _error: Exception) -> Response:
    """A fault of the sandbox: the client gets the vendor's form of it, the server logs the traceback."""
    return respond(refused(errors.internal()))
