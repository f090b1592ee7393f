"""Smart-chat jobs as S0 and S1 show them, and the list that the vendor's SDK alone knows."""

from __future__ import annotations

import json
from typing import Any

import pytest
from huaweicloudsdkmetastudio.v1 import (
    ListSmartChatJobRequest,
    ListSmartChatJobResponse,
    ShowSmartChatJobResponse,
    SmartChatJobBaseInfo,
    StartSmartChatJobResponse,
)

from livecue.domain import ChatLink, ChatState, Job, Meaning
from livecue.metastudio import MetaStudio, MetaStudioError
from livecue.metastudio.models import chat_job_from_json
from metastudio.serving import PROJECT, Answer, Cloud

SECRET = "83090ff53f3040xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxf4cb21585b781"
# The examples of S0 and S1, and the fields that their tables have beside them.
STARTED: dict[str, Any] = json.loads(
    """{
  "job_id" : "38ch6xxxxxx5z233850af709crxxxxxx",
  "rtc_room_info" : {
    "app_id" : "8cb83827a73d4d4f8191eae56bfea550",
    "room_id" : "41c86xxxxxx34253850af102cdxxxxxx",
    "users" : [ {
      "user_type" : "PLAYER",
      "user_id" : "eca4e308c4ed49f0b3822e5de33b34b6",
      "signature" : "83090ff53f3040xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxf4cb21585b781",
      "ctime" : 1702866202
    } ]
  },
  "chat_subtitle_config" : { "dx" : 256, "dy" : 256, "width" : 256, "height" : 256 },
  "video_config" : { "width" : 1920, "height" : 1080 },
  "chat_access_address" : "xxx.xxx.xxx.xxx:443"
}"""
)
SHOWN = STARTED | {
    "state": "WAITING",
    "start_time": "2023-01-18T16:29:36Z",
    "end_time": "2023-01-18T16:30:36Z",
    "duration": 60,
    "chat_state": 0,
}
JOB_ID, ADDRESS = STARTED["job_id"], STARTED["chat_access_address"]


async def test_the_documented_start_gives_the_job_with_its_addresses_and_no_secret(
    cloud: Cloud, studio: MetaStudio
) -> None:
    more = {"language": "EN", "chat_access_rest_address": "rest.example:8443", "region": "cn-north-4"}
    cloud.will(Answer(200, STARTED | more))
    job = await studio.start_chat("r", "bot", {"extend_param": "{}"})
    assert job == Job(JOB_ID, "WAITING", chat=ChatLink(None, "EN", ADDRESS, "rest.example:8443"))
    assert SECRET not in str(job) + repr(job.chat)
    assert (cloud.asked[0].query, cloud.asked[0].json) == ("robot_id=bot", {"extend_param": "{}"})


async def test_the_documented_show_gives_the_state_of_the_job_and_of_its_link(
    cloud: Cloud, studio: MetaStudio
) -> None:
    cloud.will(Answer(200, SHOWN))
    job = await studio.show_chat("r", JOB_ID)
    assert job.chat == ChatLink(0, "", ADDRESS)
    assert (job.state, job.on_air, job.over, job.waits_for_link) == ("WAITING", False, False, True)


@pytest.mark.parametrize(
    ("state", "on_air", "over"),
    [
        *(("WAITING", False, False), ("PROCESSING", True, False), ("HEARTBEAT", True, False)),
        *(("SUCCEED", False, True), ("FAILED", False, True), ("CANCELED", False, True)),
        ("HIBERNATING", False, False),
    ],
)
def test_what_each_state_of_a_job_means(state: str, *, on_air: bool, over: bool) -> None:
    job = chat_job_from_json(SHOWN | {"state": state})
    assert (job.on_air, job.over) == (on_air, over)


@pytest.mark.parametrize(
    ("written", "read", "word"),
    [
        (0, 0, "waiting_for_link"),
        (1, 1, "waiting_to_close"),
        (2, 2, "linked"),
        (3, 3, "asleep"),
        ("4", 4, "waiting_to_sleep"),
        (32, 32, "unknown"),
        (None, None, ""),
        ("soon", None, ""),
        ([3], None, ""),
    ],
)
def test_the_state_of_the_link_has_a_word_from_a_closed_list(
    written: object, read: int | None, word: str
) -> None:
    link = chat_job_from_json(SHOWN | {"chat_state": written}).chat
    assert link is not None
    assert (link.state, link.word) == (read, word)
    assert word in {"", "unknown", *(one.name.lower() for one in ChatState)}


def test_an_address_is_told_without_what_may_be_a_key() -> None:
    body = {"chat_access_address": "wss://h:443/c?token=k1", "chat_access_rest_address": "https://h/r#k2"}
    link = chat_job_from_json(SHOWN | body).chat
    assert link is not None
    assert (link.address, link.rest_address) == ("wss://h:443/c", "https://h/r")


def test_without_a_language_of_its_own_the_rooms_default_is_told() -> None:
    told = [{"language": "EN", "default_language": "CN"}, {"default_language": "CN"}, {}]
    links = [chat_job_from_json(SHOWN | one).chat for one in told]
    assert [link and link.language for link in links] == ["EN", "CN", ""]


def test_every_field_that_is_read_is_one_the_vendors_sdk_knows() -> None:
    link = {"language", "default_language", "chat_access_address", "chat_access_rest_address"}
    own = {"job_id", "state", "create_time", "error_info"}
    assert {"job_id"} | link <= set(StartSmartChatJobResponse.attribute_map.values())
    assert own | link | {"chat_state"} <= set(ShowSmartChatJobResponse.attribute_map.values())
    assert own <= set(SmartChatJobBaseInfo.attribute_map.values())
    assert {"count", "smart_chat_jobs"} <= set(ListSmartChatJobResponse.attribute_map.values())
    assert {"state", "offset", "limit"} <= set(ListSmartChatJobRequest.attribute_map.values())


async def test_a_rooms_chat_jobs_are_listed_to_the_last_page(cloud: Cloud, studio: MetaStudio) -> None:
    first, second, third = ({"job_id": name, "state": "HEARTBEAT"} for name in "abc")
    cloud.will(
        Answer(200, {"count": 4, "smart_chat_jobs": [first, second, {"state": "no id"}]}),
        Answer(200, {"count": 5, "smart_chat_jobs": [second, third]}),
    )
    jobs = await studio.list_chats("r", states=("WAITING", "HEARTBEAT"))
    assert [(job.job_id, job.state) for job in jobs] == [(name, "HEARTBEAT") for name in "abc"]
    path = f"/v1/{PROJECT}/digital-human-chat/smart-chat-rooms/r/smart-chat-jobs"
    assert [(asked.method, asked.path) for asked in cloud.asked] == [("GET", path)] * 2
    assert [asked.query for asked in cloud.asked] == [
        *("limit=100&offset=0&state=WAITING%2CHEARTBEAT", "limit=100&offset=3&state=WAITING%2CHEARTBEAT"),
    ]


async def test_a_start_whose_answer_names_no_job_may_have_started_one(
    cloud: Cloud, studio: MetaStudio
) -> None:
    cloud.will(Answer(200, {"chat_access_address": ADDRESS}))
    with pytest.raises(MetaStudioError) as caught:
        await studio.start_chat("r", "bot")
    assert caught.value.meaning is Meaning.OUTCOME_UNKNOWN
