"""What the gateway does before any operation: paths, credentials, quotas, bodies."""

from __future__ import annotations

import asyncio
import socket
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkcore.sdk_request import SdkRequest
from huaweicloudsdkcore.signer.signer import Signer

from livecue.sandbox import Sandbox, SandboxOptions
from livecue.sandbox.server import _listen
from sandbox.support import ROOM, Api, offline, token_request

JOBS = f"/smart-live-rooms/{ROOM}/smart-live-jobs"


async def test_a_call_without_credentials_is_refused(api: Api) -> None:
    api.headers.clear()
    assert await api.refusal("GET", "/smart-live-rooms") == (401, "MSS.00000001")


async def test_a_wrong_signature_is_refused(api: Api) -> None:
    api.headers = {"Authorization": "SDK-HMAC-SHA256 Access=a, SignedHeaders=host;x-sdk-date, Signature=00"}
    assert await api.refusal("GET", "/smart-live-rooms") == (401, "APIGW.0301")


def signed(api: Api, **headers: str) -> dict[str, str]:
    """The headers of GET /smart-live-rooms, signed by the vendor's own signer."""
    path, sandbox = f"/v1/{api.sandbox.project_id}/smart-live-rooms", api.sandbox
    date = datetime.fromtimestamp(api.clock.now_s, UTC).strftime("%Y%m%dT%H%M%SZ")
    sent = {"Host": "sandbox", "X-Sdk-Date": date, **headers}
    request = SdkRequest("GET", "http", "sandbox", path, path, [], sent, b"", None, None)
    return dict(Signer(BasicCredentials(sandbox.ak, sandbox.sk, "")).sign(request).header_params)


async def test_a_signature_counts_with_the_project_of_the_path_only(api: Api) -> None:
    api.headers = signed(api, **{"X-Project-Id": api.sandbox.project_id})
    await api.ok("GET", "/smart-live-rooms")
    api.headers = signed(api, **{"X-Project-Id": "another"})
    assert await api.refusal("GET", "/smart-live-rooms") == (403, "MSS.00020006")
    api.headers = signed(api)
    assert await api.refusal("GET", "/smart-live-rooms") == (401, "APIGW.0301")


async def test_a_token_holds_for_a_day(api: Api) -> None:
    await api.ok("GET", "/smart-live-rooms")
    api.pass_time(86_399)
    await api.ok("GET", "/smart-live-rooms")
    api.pass_time(1)
    assert await api.refusal("GET", "/smart-live-rooms") == (401, "APIGW.0301")


async def test_a_revoked_token_is_refused_and_a_new_one_accepted(api: Api) -> None:
    api.sandbox.revoke_tokens()
    assert await api.refusal("GET", "/smart-live-rooms") == (401, "APIGW.0301")
    response = await api.client.post("/v3/auth/tokens", json=token_request(api.sandbox))
    assert response.status_code == 201
    assert response.json()["token"]["project"]["id"] == api.sandbox.project_id
    api.headers["X-Auth-Token"] = response.headers["X-Subject-Token"]
    await api.ok("GET", "/smart-live-rooms")


@pytest.mark.parametrize("change", [{"password": "wrong"}, {"name": "nobody"}, {"domain": {"name": "other"}}])
async def test_a_wrong_user_gets_no_token(api: Api, change: dict[str, Any]) -> None:
    response = await api.client.post("/v3/auth/tokens", json=token_request(api.sandbox, **change))
    assert (response.status_code, response.json()["error"]["code"]) == (401, 401)
    assert "X-Subject-Token" not in response.headers


@pytest.mark.parametrize(("scope", "status"), [({}, 400), ({"project": {"name": "mars-1"}}, 401)])
async def test_a_token_needs_the_scope_of_the_project(api: Api, scope: dict[str, Any], status: int) -> None:
    body = token_request(api.sandbox)
    body["auth"]["scope"] = scope
    assert (await api.client.post("/v3/auth/tokens", json=body)).status_code == status


async def test_another_project_is_refused(api: Api) -> None:
    response = await api.client.get("/v1/another/smart-live-rooms", headers=api.headers)
    assert (response.status_code, response.json()["error_code"]) == (403, "MSS.00020006")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/nothing"), ("DELETE", "/smart-live-jobs"), ("GET", "/../v2")]
)
async def test_an_unknown_path_or_method_is_no_api(api: Api, method: str, path: str) -> None:
    response = await api.call(method, path)
    assert (response.status_code, response.json()["error_code"]) == (404, "APIGW.0101")
    assert response.headers["X-Request-Id"]


@pytest.mark.parametrize(
    "raw",
    [
        b"{",
        b"[]",
        b"1",
        b"null",
        b'{"a": NaN}',
        b"\xff\xfe",
        b'{"a": "\\ud800"}',
        b'{"a":' + b"[" * 100_000,
        b'{"a":' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"a":' * 500 + b"1" + b"}" * 500,
    ],
)
async def test_a_body_that_is_broken_or_too_deep_is_an_invalid_parameter(api: Api, raw: bytes) -> None:
    url = f"/v1/{api.sandbox.project_id}{JOBS}"
    response = await api.client.post(url, content=raw, headers=api.headers)
    assert (response.status_code, response.json()["error_code"]) == (400, "MSS.00000003")


async def test_a_body_of_more_than_twelve_megabytes_is_too_large(api: Api) -> None:
    url = f"/v1/{api.sandbox.project_id}{JOBS}"
    response = await api.client.post(url, content=b" " * (12 * 1024 * 1024 + 1), headers=api.headers)
    assert (response.status_code, response.json()["error_code"]) == (413, "APIGW.0201")


async def test_the_fifth_command_of_a_second_is_throttled() -> None:
    async with offline(SandboxOptions(room_ids=(ROOM,))) as api:
        job_id = await api.start()
        body = {"command": "GET_CURRENT_PLAYING_SCRIPTS"}
        calls = [api.call("POST", api.job(job_id) + "/command", body) for _ in range(12)]
        answers = await asyncio.gather(*calls)
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) == 8
        assert {answer.json()["error_code"] for answer in refused} == {"APIGW.0308"}
        assert api.sandbox.throttled == {"command": 8}
        assert api.sandbox.calls["command"] == 12
        assert len(api.sandbox.commands) == 4


async def test_every_operation_has_a_quota_of_its_own() -> None:
    async with offline(SandboxOptions(room_ids=(ROOM,), limits={"stop": 1})) as api:
        job_id = await api.start()
        await api.ok("POST", api.job(job_id) + "/stop")
        assert await api.refusal("POST", api.job(job_id) + "/stop") == (429, "APIGW.0308")
        await api.ok("GET", api.job(job_id))


async def test_calls_with_wrong_credentials_use_up_no_quota() -> None:
    async with offline(SandboxOptions(room_ids=(ROOM,), limits={"start": 1})) as api:
        url = f"/v1/{api.sandbox.project_id}{JOBS}"
        for _ in range(5):
            assert (await api.client.post(url, json={})).status_code == 401
        await api.start()


async def test_a_fault_of_the_sandbox_itself_is_an_internal_error(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api.sandbox._state, "room", None)
    response = await api.call("GET", f"/smart-live-rooms/{ROOM}")
    assert (response.status_code, response.json()["error_code"]) == (500, "MSS.00000004")


async def test_the_report_url_names_the_host_the_client_used(api: Api) -> None:
    headers = {**api.headers, "Host": "sandbox.example:8443"}
    response = await api.client.post(f"/v1/{api.sandbox.project_id}{JOBS}", json={}, headers=headers)
    assert response.json()["live_event_report_url"].startswith("http://sandbox.example:8443/v1/")


async def test_a_strange_host_does_no_harm(sandbox: Sandbox) -> None:
    host, port = sandbox.endpoint.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"GET /v1/%s/smart-live-rooms HTTP/1.1\r\nHost: [::1\r\nConnection: close\r\n\r\n"
        % sandbox.project_id.encode()
    )
    assert b" 401 " in await asyncio.wait_for(reader.readline(), 5)
    writer.close()
    await writer.wait_closed()


async def test_the_sandbox_serves_only_while_it_runs() -> None:
    sandbox = Sandbox(SandboxOptions())
    with pytest.raises(RuntimeError, match="not running"):
        _ = sandbox.endpoint
    for _ in range(2):
        async with sandbox.running(), httpx.AsyncClient(trust_env=False) as client:
            endpoint = sandbox.endpoint
            assert (await client.get(endpoint + "/v1/x/smart-live-rooms")).status_code == 401
        async with httpx.AsyncClient(trust_env=False) as client:
            with pytest.raises(httpx.ConnectError):
                await client.get(endpoint)


def test_answers_do_not_wait_for_delayed_acknowledgements() -> None:
    # asyncio switches Nagle's algorithm off for sockets that name their protocol, and for no others.
    with _listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP


async def test_leaving_stops_within_two_seconds_and_leaves_no_task_behind() -> None:
    sandbox = Sandbox(SandboxOptions(room_ids=(ROOM,)))
    before = asyncio.all_tasks()
    async with sandbox.running(), httpx.AsyncClient(trust_env=False) as client:
        await client.get(sandbox.endpoint)
        started = asyncio.get_running_loop().time()
    assert asyncio.get_running_loop().time() - started < 2
    assert asyncio.all_tasks() == before
