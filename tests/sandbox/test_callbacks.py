"""Callbacks as they arrive at a real HTTP server, their signatures made again here."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from livecue.sandbox import Sandbox
from livecue.sandbox.callbacks import Callback
from sandbox.support import ROOM, Received, Receiver, token_request

KEY = "GCTbw44s6MPLh4GqgDpnfuFHgy25Enly"
OUTPUT = {"output_urls": ["rtmp://push/live"], "stream_keys": ["stream-key"]}


class Client:
    """Starts, speaks and stops with a token."""

    def __init__(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        self.sandbox, self.client = sandbox, client
        self.headers: dict[str, str] = {}

    async def post(self, path: str, body: Any) -> dict[str, Any]:
        if not self.headers:
            response = await self.client.post(
                self.sandbox.endpoint + "/v3/auth/tokens", json=token_request(self.sandbox)
            )
            self.headers["X-Auth-Token"] = response.headers["X-Subject-Token"]
        url = f"{self.sandbox.endpoint}/v1/{self.sandbox.project_id}/smart-live-rooms/{ROOM}/smart-live-jobs{path}"
        response = await self.client.post(url, json=body, headers=self.headers)
        assert response.is_success, response.text
        return dict(response.json())

    async def live(self, receiver: Receiver, path: str = "/cb", **config: Any) -> str:
        callback = {"live_event_type_callback_url": receiver.url + path, **config}
        job_id = (await self.post("", {**OUTPUT, "live_event_callback_config": callback}))["job_id"]
        await receiver.until(lambda received: len(received) >= 1)
        return str(job_id)


def of_type(received: list[Received], event_type: str) -> list[dict[str, Any]]:
    return [item.message for item in received if item.event_type == event_type]


async def test_the_whole_story_of_a_live_is_called_back(sandbox: Sandbox) -> None:
    async with Receiver().running() as receiver, httpx.AsyncClient(trust_env=False) as http:
        client = Client(sandbox, http)
        job_id = await client.live(receiver)
        params = {"text_config": {"text": "好"}}
        said = await client.post(f"/{job_id}/command", {"command": "INSERT_PLAY_SCRIPT", "params": params})
        await receiver.until(lambda received: bool(of_type(received, "REPLY_COMMAND_FINISH")))
        await receiver.until(lambda received: len(of_type(received, "RTMP_STREAM_STATE_CHANGE")) == 2)
        await client.post(f"/{job_id}/stop", None)
        await receiver.until(lambda received: len(of_type(received, "RTMP_STREAM_STATE_CHANGE")) == 4)
        ids = {"room_id": ROOM, "job_id": job_id}
        streams = of_type(receiver.received, "RTMP_STREAM_STATE_CHANGE")
        assert [message["state"] for message in streams] == ["CONNECTING", "CONNECTED", "DISCONNECTED", "END"]
        stream = {"output_url": "rtmp://push/live", "stream_key": "stream-key"}
        assert streams[0] == {**ids, **stream, "state": "CONNECTING"}
        assert of_type(receiver.received, "REPLY_COMMAND_FINISH") == [{**ids, "reply_id": said["command_id"]}]
        scene = {"scene_script_name": "开场", "shoot_script_sequence_no": "1", "shoot_script_title": "欢迎"}
        assert of_type(receiver.received, "SHOOT_SCRIPT_SWITCH")[0] == {**ids, **scene}
        assert "stream-key" not in repr(sandbox.callbacks_sent)


def signature(received: Received, host: str, query: str, hw_time: str) -> str:
    text = f"{host}/cb?{query}{hw_time}"
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


async def test_mss_a_head_signs_in_the_headers(sandbox: Sandbox) -> None:
    async with Receiver().running() as receiver, httpx.AsyncClient(trust_env=False) as http:
        await Client(sandbox, http).live(receiver, "/cb?b=2&a=1", auth_type="MSS_A_HEAD", key=KEY)
        received = receiver.received[0]
        hw_time = received.headers["x-hw-mss-time"]
        assert received.target == "/cb?b=2&a=1"
        assert abs(int(hw_time, 16) - time.time()) < 30
        host = receiver.url.removeprefix("http://")
        assert received.headers["x-hw-mss-secret"] == signature(received, host, "a=1&b=2", hw_time)


async def test_mss_a_signs_in_the_query(sandbox: Sandbox) -> None:
    async with Receiver().running() as receiver, httpx.AsyncClient(trust_env=False) as http:
        await Client(sandbox, http).live(receiver, "/cb?b=2&a=1", auth_type="MSS_A", key=KEY)
        received = receiver.received[0]
        query = parse_qs(urlsplit(received.target).query)
        host = receiver.url.removeprefix("http://")
        assert query["hwSecret"] == [signature(received, host, "a=1&b=2", query["hwTime"][0])]
        assert received.target.startswith("/cb?b=2&a=1&hwSecret=")
        assert "x-hw-mss-secret" not in received.headers


async def test_without_authentication_nothing_is_added(sandbox: Sandbox) -> None:
    async with Receiver().running() as receiver, httpx.AsyncClient(trust_env=False) as http:
        await Client(sandbox, http).live(receiver, "/cb?token=t")
        assert receiver.received[0].target == "/cb?token=t"
        assert "x-hw-mss-secret" not in receiver.received[0].headers


async def test_only_the_subscribed_events_are_called_back(sandbox: Sandbox) -> None:
    async with Receiver().running() as receiver, httpx.AsyncClient(trust_env=False) as http:
        client = Client(sandbox, http)
        job_id = await client.live(receiver, callback_event_type=["RTMP_STREAM_STATE_CHANGE"])
        await client.post(f"/{job_id}/stop", None)
        await receiver.until(lambda received: any(item.message.get("state") == "END" for item in received))
        assert {item.event_type for item in receiver.received} == {"RTMP_STREAM_STATE_CHANGE"}


async def test_a_callback_is_tried_three_times_and_the_next_one_follows(sandbox: Sandbox) -> None:
    async with Receiver(500, 503, 500, 500).running() as receiver, httpx.AsyncClient(trust_env=False) as http:
        await Client(sandbox, http).live(receiver, callback_event_type=["RTMP_STREAM_STATE_CHANGE"])
        await receiver.until(lambda received: len(received) == 5)
        states = [item.message["state"] for item in receiver.received]
        assert states == ["CONNECTING", "CONNECTING", "CONNECTING", "CONNECTED", "CONNECTED"]
        assert sandbox.totals["callbacks_failed"] == 1
        assert (sandbox.callbacks_sent[0].status, sandbox.callbacks_sent[0].tries) == (500, 3)


async def test_a_dead_receiver_does_not_hold_up_the_api(sandbox: Sandbox) -> None:
    async with Receiver().running() as receiver:
        url = receiver.url
    async with httpx.AsyncClient(trust_env=False) as http:
        client = Client(sandbox, http)
        body = {**OUTPUT, "live_event_callback_config": {"live_event_type_callback_url": url}}
        job_id = (await client.post("", body))["job_id"]
        await client.post(f"/{job_id}/stop", None)
    assert sandbox.jobs[job_id].state == "SUCCEED"


@pytest.mark.parametrize("auth_type", ["NONE", "MEITUAN_DEFAULT"])
def test_what_cannot_be_signed_goes_unsigned(auth_type: str) -> None:
    callback = Callback("https://example.com/cb", auth_type, KEY, "SHOOT_SCRIPT_SWITCH", {})
    assert callback.signed(0) == ("https://example.com/cb", {"Content-Type": "application/json"})


def test_keys_and_messages_are_not_shown_in_a_repr() -> None:
    callback = Callback(
        "https://example.com/cb", "MSS_A", KEY, "RTMP_STREAM_STATE_CHANGE", {"stream_key": "s3cret"}
    )
    assert KEY not in repr(callback)
    assert "s3cret" not in repr(callback)
