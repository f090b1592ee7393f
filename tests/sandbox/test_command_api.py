"""Commands to a running live, in virtual time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from livecue.sandbox.scripts import DEFAULT
from sandbox.support import Api


async def unplayed(api: Api, job_id: str) -> list[str]:
    listed = await api.ok("GET", api.job(job_id) + "/command/insert-commands")
    assert listed["count"] == len(listed["insert_commands"])
    return [item["command_id"] for item in listed["insert_commands"]]


async def refused(api: Api, job_id: str, body: dict[str, Any]) -> tuple[int, str]:
    return await api.refusal("POST", api.job(job_id) + "/command", body)


async def test_a_reply_is_played_now_by_default(api: Api) -> None:
    job_id = await api.start()
    await api.say(job_id, "你" * 25)
    assert await unplayed(api, job_id) == []


async def test_what_waits_is_listed_until_it_begins(api: Api) -> None:
    job_id = await api.start()
    first, second = await api.say(job_id, "一", "APPEND"), await api.say(job_id, "二", "INSERT")
    assert await unplayed(api, job_id) == [second, first]
    segment = DEFAULT.segments[0]
    api.pass_time(segment.sentences[0] + 0.01)
    assert await unplayed(api, job_id) == [first]
    api.pass_time(segment.seconds + 1)
    assert await unplayed(api, job_id) == []


async def test_unplayed_inserts_can_be_cleaned_up_by_id_or_all(api: Api) -> None:
    job_id = await api.start()
    ids = [await api.say(job_id, "一", "APPEND") for _ in range(3)]
    await api.command(job_id, "CLEAN_UP_INSERT_COMMAND", {"command_ids": [ids[1]]})
    assert await unplayed(api, job_id) == [ids[0], ids[2]]
    await api.command(job_id, "CLEAN_UP_INSERT_COMMAND")
    assert await unplayed(api, job_id) == []


async def test_audio_is_appended_by_default(api: Api) -> None:
    job_id = await api.start()
    answer = await api.command(job_id, "INSERT_PLAY_AUDIO", {"audio_url": "https://example.com/a.mp3"})
    assert await unplayed(api, job_id) == [answer["command_id"]]


@pytest.mark.parametrize(
    ("command", "params"),
    [
        ("INSERT_PLAY_SCRIPT", None),
        ("INSERT_PLAY_SCRIPT", {}),
        ("INSERT_PLAY_SCRIPT", {"text_config": {"text": ""}}),
        ("INSERT_PLAY_SCRIPT", {"text_config": {"text": "好" * 131_073}}),
        ("INSERT_PLAY_SCRIPT", {"text_config": {"text": 5}}),
        ("INSERT_PLAY_SCRIPT", {"text_config": {"text": "好"}, "play_type": "SOON"}),
        ("INSERT_PLAY_SCRIPT", {"text_config": {"text": "好"}, "play_role": "GUEST"}),
        ("INSERT_PLAY_SCRIPT", {"text_config": {"text": "好"}, "rule_index": "r" * 65}),
        ("INSERT_PLAY_AUDIO", {}),
        ("INSERT_PLAY_AUDIO", {"audio_url": "https://a/" + "x" * 2048}),
        ("INSERT_PLAY_AUDIO", {"audio_url": "file:///a.mp3"}),
        ("CLEAN_UP_INSERT_COMMAND", {"command_ids": ["x"] * 101}),
        ("CLEAN_UP_INSERT_COMMAND", {"command_ids": [""]}),
        ("REWRITE_PLAY_SCRIPT", {}),
        ("REWRITE_PLAY_SCRIPT", {"scene_scripts": [{"shoot_scripts": []}]}),
        ("REWRITE_INTERACTION_RULES", {}),
        ("REWRITE_INTERACTION_RULES", {"interaction_rules": [{"event_type": "1"}]}),
        ("REFRESH_OUTPUT_URL", {}),
        ("REFRESH_OUTPUT_URL", {"output_urls": ["http://a"]}),
        ("SHOW_LAYER", {"layer_config": {"layer_type": "HOLOGRAM"}}),
        ("SING", {}),
        (None, {}),
        (["INSERT_PLAY_SCRIPT"], {}),
    ],
)
async def test_a_command_that_is_not_as_documented_is_invalid(api: Api, command: Any, params: Any) -> None:
    job_id = await api.start()
    assert await refused(api, job_id, {"command": command, "params": params}) == (500, "MSS.20010053")
    assert not api.sandbox.commands


async def test_markup_that_is_not_well_formed_is_refused(api: Api) -> None:
    body = {"command": "INSERT_PLAY_SCRIPT", "params": {"text_config": {"text": "<speak>1 < 2</speak>"}}}
    assert await refused(api, await api.start(), body) == (500, "MSS.20010015")


async def test_the_current_scripts_come_as_json_in_a_string(api: Api) -> None:
    answer = await api.command(await api.start(), "GET_CURRENT_PLAYING_SCRIPTS")
    scenes = json.loads(answer["result"])["scene_scripts"]
    assert [scene["script_name"] for scene in scenes] == ["开场", "保温杯", "防晒衣"]
    assert scenes[0]["shoot_scripts"][1] == {"sequence_no": 2, "title": "福利预告"}


async def test_a_rewritten_script_and_rewritten_rules_are_what_the_job_then_has(api: Api) -> None:
    job_id = await api.start()
    scenes = [{"script_name": "新", "shoot_scripts": [{"title": "t", "text_config": {"text": "好"}}]}]
    rules = [{"rule_index": "r1", "event_type": 1}]
    await api.command(job_id, "REWRITE_PLAY_SCRIPT", {"scene_scripts": scenes})
    await api.command(job_id, "REWRITE_INTERACTION_RULES", {"interaction_rules": rules})
    config = json.loads((await api.command(job_id, "GET_LIVE_JOB_CONFIG_INFO"))["result"])
    assert (config["scene_scripts"], config["interaction_rules"]) == (scenes, rules)
    api.pass_time(DEFAULT.segments[0].seconds)
    playing = json.loads((await api.command(job_id, "GET_CURRENT_PLAYING_SCRIPTS"))["result"])
    assert playing["scene_scripts"][0]["script_name"] == "新"
    assert "interaction_rules" not in await api.ok("GET", "/smart-live-rooms/room-1")


async def test_the_output_is_refreshed(api: Api) -> None:
    job_id = await api.start({"output_urls": ["rtmp://old/live"]})
    await api.command(
        job_id, "REFRESH_OUTPUT_URL", {"output_urls": ["rtmp://new/live"], "stream_keys": ["k"]}
    )
    assert api.sandbox.jobs[job_id].outputs == [("rtmp://new/live", "k")]


async def test_commands_are_remembered_with_their_parameters_and_time(api: Api) -> None:
    job_id = await api.start()
    layer = {"layer_config": {"layer_type": "IMAGE", "asset_id": "a"}}
    answer = await api.command(job_id, "SHOW_LAYER", layer)
    (record,) = api.sandbox.commands
    assert (record.command, record.params, record.job_id, record.room_id) == (
        "SHOW_LAYER",
        layer,
        job_id,
        "room-1",
    )
    assert record.command_id == answer["command_id"]
    assert record.at_s > 0
    assert "result" not in answer
