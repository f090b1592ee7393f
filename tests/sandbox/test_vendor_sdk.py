"""The vendor's SDK, unchanged, as the client of every operation it shares with the sandbox."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest
from huaweicloudsdkcore.exceptions.exceptions import ClientRequestException, ServerResponseException
from huaweicloudsdkmetastudio import v1 as sdk

from livecue.sandbox import Sandbox, SandboxOptions
from sandbox.support import ROOM, Vendor


@pytest.fixture
def vendor(sandbox: Sandbox) -> Vendor:
    return Vendor(sandbox)


async def live_job(vendor: Vendor, **body: Any) -> str:
    request = sdk.StartSmartLiveRequest(room_id=ROOM, body=sdk.StartSmartLiveReq(**body))
    started = await vendor("start_smart_live", request)
    for _ in range(500):
        if (await show(vendor, started.job_id)).state == "PROCESSING":
            return str(started.job_id)
        await asyncio.sleep(0.02)
    raise TimeoutError(started.job_id)


async def show(vendor: Vendor, job_id: str) -> Any:
    return await vendor("show_smart_live", sdk.ShowSmartLiveRequest(room_id=ROOM, job_id=job_id))


async def command(vendor: Vendor, job_id: str, name: str, params: Any = None) -> Any:
    body = sdk.ControlSmartLiveReq(command=name, params=params)
    request = sdk.ExecuteSmartLiveCommandRequest(room_id=ROOM, job_id=job_id, body=body)
    return await vendor("execute_smart_live_command", request)


def report(job_id: str, **query: Any) -> Any:
    event = sdk.LiveEvent(timestamp=1_690_819_199_000, type=1, content='{"content": "多少钱"}')
    body = sdk.ReportLiveEventReq(total=1, events=[event])
    return sdk.LiveEventReportRequest(room_id=ROOM, job_id=job_id, body=body, **query)


async def test_a_live_from_start_to_stop(sandbox: Sandbox, vendor: Vendor) -> None:
    video = sdk.VideoConfig(codec="H264", bitrate=4000, width=1080, height=1920)
    job_id = await live_job(vendor, output_urls=["rtmp://push/live"], stream_keys=["k"], video_config=video)

    said = await command(vendor, job_id, "INSERT_PLAY_SCRIPT", {"text_config": {"text": "七十九元"}})
    assert sandbox.commands[0].command_id == said.command_id
    scripts = json.loads((await command(vendor, job_id, "GET_CURRENT_PLAYING_SCRIPTS")).result)
    assert scripts["scene_scripts"][0]["script_name"] == "开场"
    waiting = await command(
        vendor, job_id, "INSERT_PLAY_SCRIPT", {"text_config": {"text": "好"}, "play_type": "APPEND"}
    )
    listed = await vendor("list_insert_commands", sdk.ListInsertCommandsRequest(room_id=ROOM, job_id=job_id))
    assert [item.command_id for item in listed.insert_commands] == [waiting.command_id]

    refreshed = await vendor("live_event_report", report(job_id, refresh_url=True))
    assert sandbox.reports[0].event["type"] == 1
    async with httpx.AsyncClient(trust_env=False) as client:
        body = {"total": 1, "events": [{"timestamp": 1, "type": 3, "content": "{}"}]}
        assert (await client.post(refreshed.live_event_report_url, json=body)).status_code == 200
    assert [record.event["type"] for record in sandbox.reports] == [1, 3]

    jobs = await vendor("list_smart_live_jobs", sdk.ListSmartLiveJobsRequest(state="PROCESSING", limit=5))
    assert (jobs.count, jobs.smart_live_jobs[0].job_id) == (1, job_id)
    assert (await vendor("list_smart_live", sdk.ListSmartLiveRequest(room_id=ROOM))).count == 1
    await vendor("stop_smart_live", sdk.StopSmartLiveRequest(room_id=ROOM, job_id=job_id))
    over = await show(vendor, job_id)
    assert (over.state, over.room_id) == ("SUCCEED", ROOM)
    assert over.x_request_id


async def test_the_sdks_errors_carry_the_code_the_status_and_the_request_id(vendor: Vendor) -> None:
    with pytest.raises(ServerResponseException) as missing:
        await show(vendor, "nothing")
    assert (missing.value.error_code, missing.value.status_code) == ("MSS.20010046", 500)
    job_id = await live_job(vendor)
    stop = sdk.StopSmartLiveRequest(room_id=ROOM, job_id=job_id)
    await vendor("stop_smart_live", stop)
    with pytest.raises(ClientRequestException) as again:
        await vendor("stop_smart_live", stop)
    assert (again.value.error_code, again.value.status_code) == ("MSS.20010066", 400)
    assert again.value.request_id


async def test_a_wrong_sk_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(ClientRequestException) as refused:
        await Vendor(sandbox, sk="wrong")("list_smart_live_rooms", sdk.ListSmartLiveRoomsRequest())
    assert (refused.value.status_code, refused.value.error_code) == (401, "APIGW.0301")


async def test_a_single_job_in_a_room(vendor: Vendor) -> None:
    single = sdk.LiveJobRunConfig(single_job_in_room=True)
    await live_job(vendor, job_run_config=single)
    with pytest.raises(ServerResponseException) as refused:
        await live_job(vendor, job_run_config=single)
    assert (refused.value.status_code, refused.value.error_code) == (500, "MSS.20010036")


async def test_too_many_calls_are_throttled() -> None:
    async with Sandbox(SandboxOptions(room_ids=(ROOM,), limits={"list_rooms": 2})).running() as sandbox:
        vendor = Vendor(sandbox)
        calls = [vendor("list_smart_live_rooms", sdk.ListSmartLiveRoomsRequest()) for _ in range(8)]
        answers = await asyncio.gather(*calls, return_exceptions=True)
        refused = [answer for answer in answers if isinstance(answer, ClientRequestException)]
        assert refused
        # The SDK drops the body of a 429, so what it was told is read on the other side.
        assert {error.status_code for error in refused} == {429}
        assert sandbox.throttled["list_rooms"] == sandbox.refused["APIGW.0308"] == len(refused)


async def test_rooms_and_rule_groups(vendor: Vendor) -> None:
    text = sdk.TextConfig(text="欢迎。")
    shoot = sdk.LiveShootScriptItem(sequence_no=1, title="欢迎", text_config=text)
    scene = sdk.LiveVideoScriptInfo(script_name="开场", shoot_scripts=[shoot])
    body = sdk.CreateSmartLiveRoomReq(room_name="旗舰店", scene_scripts=[scene])
    room_id = (await vendor("create_smart_live_room", sdk.CreateSmartLiveRoomRequest(body=body))).room_id
    shown = await vendor("show_smart_live_room", sdk.ShowSmartLiveRoomRequest(room_id=room_id))
    assert shown.scene_scripts[0].shoot_scripts[0].text_config.text == "欢迎。"
    listed = await vendor("list_smart_live_rooms", sdk.ListSmartLiveRoomsRequest(room_name="旗舰"))
    assert [room.room_id for room in listed.smart_live_rooms] == [room_id]
    warned = await vendor("show_live_warning_info", sdk.ShowLiveWarningInfoRequest(room_id=room_id))
    assert "TOO_SHORT_SCRIPT_TIME" in [item.warning_type for item in warned.live_warning_info]
    body.room_name = "旗舰店二"
    updated = await vendor(
        "update_smart_live_room", sdk.UpdateSmartLiveRoomRequest(room_id=room_id, body=body)
    )
    assert updated.room_name == "旗舰店二"
    await vendor("delete_smart_live_room", sdk.DeleteSmartLiveRoomRequest(room_id=room_id))

    group = sdk.InteractionRuleGroup(
        group_name="电商", interaction_rules=[sdk.InteractionRuleInfo(rule_name="价格")]
    )
    request = sdk.CreateInteractionRuleGroupRequest(body=group)
    group_id = (await vendor("create_interaction_rule_group", request)).group_id
    change = sdk.UpdateInteractionRuleGroupRequest(group_id=group_id, body=group)
    assert (await vendor("update_interaction_rule_group", change)).group_id == group_id
    groups = await vendor("list_interaction_rule_groups", sdk.ListInteractionRuleGroupsRequest())
    assert groups.interaction_rule_groups[0].interaction_rules[0].rule_name == "价格"
    await vendor("delete_interaction_rule_group", sdk.DeleteInteractionRuleGroupRequest(group_id=group_id))


async def test_products(vendor: Vendor) -> None:
    body = sdk.CreateProductRequestBody(name="保温杯", tags=["杯子"])
    product_id = (await vendor("create_product", sdk.CreateProductRequest(body=body))).product_id
    change = sdk.UpdateProductRequestBody(description="316 不锈钢")
    await vendor("update_product", sdk.UpdateProductRequest(product_id=product_id, body=change))
    shown = await vendor("show_product", sdk.ShowProductRequest(product_id=product_id))
    assert (shown.name, shown.description) == ("保温杯", "316 不锈钢")
    assert (await vendor("list_products", sdk.ListProductsRequest(tag="杯子"))).count == 1
    asset = sdk.ProductMediaInfo(asset_id="a", asset_type="IMAGE")
    link = sdk.ProductAssetReleation(action="LINK", asset_item=asset)
    await vendor("set_product_asset", sdk.SetProductAssetRequest(product_id=product_id, body=link))
    linked = await vendor("show_product", sdk.ShowProductRequest(product_id=product_id))
    assert [item.asset_id for item in linked.asset_list] == ["a"]
    await vendor("delete_product", sdk.DeleteProductRequest(product_id=product_id))


async def test_smart_chat(vendor: Vendor) -> None:
    body = sdk.CreateSmartChatRoomReq(room_name="大自然的传说")
    room_id = (await vendor("create_smart_chat_room", sdk.CreateSmartChatRoomRequest(body=body))).room_id
    start = sdk.StartSmartChatJobRequest(room_id=room_id, robot_id="robot", body=sdk.SmartChatJobsReq())
    job_id = (await vendor("start_smart_chat_job", start)).job_id
    shown = await vendor("show_smart_chat_job", sdk.ShowSmartChatJobRequest(room_id=room_id, job_id=job_id))
    assert shown.state in {"WAITING", "PROCESSING"}
    jobs = await vendor("list_smart_chat_job", sdk.ListSmartChatJobRequest(room_id=room_id))
    assert [job.job_id for job in jobs.smart_chat_jobs] == [job_id]
    await vendor("stop_smart_chat_job", sdk.StopSmartChatJobRequest(room_id=room_id, job_id=job_id))
    rooms = await vendor("list_smart_chat_rooms", sdk.ListSmartChatRoomsRequest(room_name="传说"))
    assert [room.room_id for room in rooms.smart_chat_rooms] == [room_id]
    detail = await vendor("show_smart_chat_room", sdk.ShowSmartChatRoomRequest(room_id=room_id))
    assert detail.room_name == "大自然的传说"
    update = sdk.CreateSmartChatRoomReq(room_name="新名")
    await vendor("update_smart_chat_room", sdk.UpdateSmartChatRoomRequest(room_id=room_id, body=update))
    await vendor("delete_smart_chat_room", sdk.DeleteSmartChatRoomRequest(room_id=room_id))
