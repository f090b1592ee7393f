"""What stands before the cloud's own code: the request's signature and the tenant's limits.

The signature is recomputed with the vendor's own signer from what arrived; nothing of livecue is used.
"""

from __future__ import annotations

import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

LIMITS: Mapping[str, int] = {
    "start": 4,
    "stop": 4,
    "command": 4,
    "report": 4,
    "show": 20,
    "list": 20,
    "list_all": 10,
    "list_inserts": 20,
    "show_room": 20,
}
"""Calls per second and tenant in cn-north-4."""

_OPERATIONS: Mapping[tuple[str, str], str] = {
    ("POST", ""): "start",
    ("GET", ""): "list",
    ("GET", "job"): "show",
    ("POST", "stop"): "stop",
    ("POST", "command"): "command",
    ("POST", "live-event-report"): "report",
}


@dataclass(frozen=True)
class Arrived:
    """A request as it came over the wire. Header names are in lower case."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def operation_of(arrived: Arrived, project_id: str) -> tuple[str, str, str]:
    """Operation, room and job that a path of the API stands for; empty if it stands for none."""
    parts = arrived.path.strip("/").split("/")
    if parts[:2] != ["v1", project_id]:
        return "", "", ""
    match parts[2:]:
        case ["smart-live-jobs"] if arrived.method == "GET":
            return "list_all", "", ""
        case ["smart-live-rooms", room_id] if arrived.method == "GET":
            return "show_room", room_id, ""
        case ["smart-live-rooms", room_id, "smart-live-jobs"]:
            return _OPERATIONS.get((arrived.method, ""), ""), room_id, ""
        case ["smart-live-rooms", room_id, "smart-live-jobs", job_id]:
            return _OPERATIONS.get((arrived.method, "job"), ""), room_id, job_id
        case ["smart-live-rooms", room_id, "smart-live-jobs", job_id, what]:
            return _OPERATIONS.get((arrived.method, what), ""), room_id, job_id
        case ["smart-live-rooms", room_id, "smart-live-jobs", job_id, "command", "insert-commands"]:
            return "list_inserts" if arrived.method == "GET" else "", room_id, job_id
    return "", "", ""


class Signatures:
    """Checks AK/SK signatures by signing again what arrived."""

    def __init__(self, ak: str, sk: str, project_id: str) -> None:
        self._ak = ak
        self._sk = sk
        self._project_id = project_id

    def fault(self, arrived: Arrived) -> str:
        """What is wrong with the request's signature; empty if it holds."""
        given = arrived.headers.get("authorization", "")
        algorithm, _, rest = given.partition(" ")
        if algorithm != "SDK-HMAC-SHA256":
            return f"no AK/SK signature: {algorithm!r}"
        parts = dict(part.strip().split("=", 1) for part in rest.split(","))
        signed = parts.get("SignedHeaders", "").split(";")
        if missing := {"host", "x-sdk-date"} - set(signed):
            return f"not signed: {missing}"
        if arrived.headers.get("x-project-id") != self._project_id:
            return "X-Project-Id is missing or another's"
        sent = datetime.strptime(arrived.headers["x-sdk-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        if abs((datetime.now(UTC) - sent).total_seconds()) > 900:
            return "X-Sdk-Date is more than 15 minutes off"
        return "" if given == self._again(arrived, signed) else "the signature differs"

    def _again(self, arrived: Arrived, signed: list[str]) -> str:
        request = SdkRequest(
            method=arrived.method,
            schema="http",
            host=arrived.headers["host"],
            resource_path=arrived.path,
            uri=arrived.path,
            query_params=list(parse_qsl(arrived.query, keep_blank_values=True)),
            header_params={name: arrived.headers[name] for name in signed},
            body=arrived.body,
        )
        Signer(BasicCredentials(self._ak, self._sk, self._project_id)).sign(request)
        return str(request.header_params["Authorization"])


class Gate:
    """The tenant's limits over a sliding second of this server's clock; a refused call counts too.

    `arrivals` and `refusals` are monotonic seconds by operation.
    """

    def __init__(self, limits: Mapping[str, int] = LIMITS) -> None:
        self._limits = limits
        self._seen: dict[str, deque[float]] = defaultdict(deque)
        self.violations: list[str] = []
        self.arrivals: dict[str, list[float]] = defaultdict(list)
        self.refusals: dict[str, list[float]] = defaultdict(list)

    def lets_in(self, operation: str) -> bool:
        now = time.monotonic()
        self.arrivals[operation].append(now)
        seen = self._seen[operation]
        while seen and now - seen[0] >= 1:
            seen.popleft()
        seen.append(now)
        if len(seen) <= self._limits[operation]:
            return True
        self.refusals[operation].append(now)
        self.violations.append(f"{operation}: {len(seen)} calls within a second")
        return False
