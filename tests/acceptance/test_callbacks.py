"""What MetaStudio tells the daemon, and what others try to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from acceptance.calling import (
    FORMS,
    by_head,
    by_query,
    callback,
    hw_time,
    post,
    secret_of,
    signed_text,
    switch,
)
from acceptance.cloud import Cloud
from acceptance.processes import Livecue, until
from acceptance.writing import CALLBACK_KEY, Bus, danmaku


def test_the_callers_own_signature_gives_the_published_known_answer() -> None:
    url = "https://api.example.com/v1/products?live_id=111&limit=10&offset=0"
    assert signed_text(url) == "api.example.com/v1/products?limit=10&live_id=111&offset=0"
    assert (
        secret_of(url, "66df9308", CALLBACK_KEY)
        == "5e7fe8869a12a87ea966d9edbc02e38cd4ce62c73b8b05c638f15835e78902d7"
    )


async def test_a_scene_switch_changes_which_rules_answer(
    desk: Livecue, bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["scenes"]
    [job] = shared_cloud.live(room_id)
    url = f"{desk.url}/callbacks/scenes"
    turns = (("", "哪里都行"), ("乙", "场景乙的回答"), ("甲", "哪里都行"), ("乙", "场景乙的回答"))
    for number, (scene, reply) in enumerate(turns):
        if scene:
            body = switch(room_id, job.job_id, scene, shoot_script_sequence_no=number)
            answer = await asyncio.to_thread(post, url, body, by_head(url))
            assert answer.status_code == 200
        before = len(shared_cloud.said(room_id))
        await bus.publish("scenes", danmaku("哪个"))
        await until(lambda n=before: len(shared_cloud.said(room_id)) > n)  # type: ignore[misc]
        assert shared_cloud.said(room_id)[-1] == reply


async def test_a_switch_told_by_another_job_changes_nothing(
    desk: Livecue, bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str]
) -> None:
    room_id = room_ids["scenes"]
    [job] = shared_cloud.live(room_id)
    url = f"{desk.url}/callbacks/scenes"
    for job_id, scene in ((job.job_id, "甲"), ("an-older-job", "乙")):
        answer = await asyncio.to_thread(post, url, switch(room_id, job_id, scene), by_head(url, age_s=3))
        assert answer.status_code == 200
    before = len(shared_cloud.said(room_id))
    await bus.publish("scenes", danmaku("哪个"))
    await until(lambda: len(shared_cloud.said(room_id)) > before)
    assert shared_cloud.said(room_id)[-1] == "哪里都行"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("query", ["", "?live_id=7&appid=3&limit=10"])
def test_each_form_of_the_signed_uri_is_accepted(desk: Livecue, form: str, query: str) -> None:
    body = callback("REPLY_COMMAND_FINISH", job_id="j", reply_id=f"{form}{query}")
    head, url = f"{desk.url}/callbacks/scenes{query}", f"{desk.url}/callbacks/query{query}"
    assert post(head, body, by_head(head, form=form)).status_code == 200
    assert post(by_query(url, form=form), body).status_code == 200


def test_the_message_may_be_an_object_and_the_documents_own_broken_sample_is_read(desk: Livecue) -> None:
    url = f"{desk.url}/callbacks/scenes"
    as_object = callback("REPLY_COMMAND_FINISH", as_text=False, job_id="j", reply_id="r1")
    broken = (
        rb'{"event_type": "REPLY_COMMAND_FINISH","message":"{\"room_id\":\"\",'
        rb'\"job_id\":\"e87104f76d7546ce8a46ac6b04c49c3c\",\"reply_id\":\"e87104f76d7546ce8a46\"}"}'
    ).replace(rb"\"job_id\":", rb'\"job_id":', 1)
    assert post(url, as_object, by_head(url)).status_code == 200
    assert post(url, broken, by_head(url)).status_code == 200


def test_an_unknown_kind_of_callback_is_taken_and_harms_nothing(desk: Livecue) -> None:
    url = f"{desk.url}/callbacks/scenes"
    assert post(url, callback("A_NEW_EVENT", what="ever"), by_head(url)).status_code == 200


def forgeries(desk: Livecue) -> Iterator[tuple[str, str, dict[str, str] | list[tuple[str, str]]]]:
    url = f"{desk.url}/callbacks/scenes"
    other = f"{desk.url}/callbacks/answers"
    good = by_head(url)
    yield "nothing", url, {}
    yield "another key", url, by_head(url, key="0" * 32)
    yield "an empty key", url, by_head(url, key="")
    yield "signed for another room", url, by_head(other)
    yield "ten minutes old", url, by_head(url, age_s=600)
    yield "from the future", url, by_head(url, age_s=-600)
    yield "time without secret", url, {"x-hw-mss-time": good["x-hw-mss-time"]}
    yield "secret without time", url, {"x-hw-mss-secret": good["x-hw-mss-secret"]}
    yield "a time that is no hex", url, good | {"x-hw-mss-time": "zzzzzzzz"}
    yield "an empty secret", url, good | {"x-hw-mss-secret": ""}
    yield "a secret cut short", url, good | {"x-hw-mss-secret": good["x-hw-mss-secret"][:-1]}
    yield "a secret cut in half", url, good | {"x-hw-mss-secret": good["x-hw-mss-secret"][:32]}
    nobody = f"{desk.url}/callbacks/nobody"
    yield "a room nobody knows, unsigned", nobody, {}
    yield "a room nobody knows, by another key", nobody, by_head(nobody, key="0" * 32)
    yield "the head's form in the query", by_query(url), {}
    yield "a query nobody signed", f"{url}?room=other", good
    yield "two secrets", url, [*good.items(), ("x-hw-mss-secret", good["x-hw-mss-secret"])]
    yield "two times", url, [*good.items(), ("X-HW-MSS-Time", hw_time())]


@pytest.mark.parametrize("job_id", ["", "a-job-nobody-knows"])
async def test_whatever_is_not_metastudios_is_refused_without_a_word(
    desk: Livecue, bus: Bus, shared_cloud: Cloud, room_ids: Mapping[str, str], job_id: str
) -> None:
    """All alike, for what is there as for what is not; and nothing of it is a signal."""
    [job] = shared_cloud.live(room_ids["scenes"])
    body = callback("REPLY_COMMAND_FINISH", job_id=job_id or job.job_id, reply_id="forged")
    heard = await bus.hear("live.signals.*")
    before = desk.metric("livecue_callbacks_verified_total", room="scenes")
    answers = {
        what: await asyncio.to_thread(post, url, body, headers) for what, url, headers in forgeries(desk)
    }
    assert {what: answer.status_code for what, answer in answers.items()} == dict.fromkeys(answers, 401)
    assert {answer.text for answer in answers.values()} == {"unauthorized"}
    told = {
        tuple(item for item in answer.headers.items() if item[0] != "date") for answer in answers.values()
    }
    assert len(told) == 1, "the headers tell which is which"
    assert desk.metric("livecue_callbacks_verified_total", room="scenes") == before
    await nothing_came(desk, bus, heard)


async def nothing_came(desk: Livecue, bus: Bus, heard: list[dict[str, Any]]) -> None:
    """Of all that was `heard`, only a genuine callback that is sent now."""
    url = f"{desk.url}/callbacks/scenes"
    last = callback("REPLY_COMMAND_FINISH", job_id="j", reply_id=f"the-last-{time.time_ns()}")
    assert (await asyncio.to_thread(post, url, last, by_head(url))).status_code == 200
    await until(lambda: any("the-last-" in str(signal) for signal in heard))
    callbacks = [signal for signal in heard if signal["kind"] == "reply_finished"]
    assert len(callbacks) == 1, callbacks


@pytest.mark.parametrize("signed", [True, False])
async def test_a_body_that_drips_or_is_too_big_is_no_signal_however_it_is_signed(
    desk: Livecue, bus: Bus, *, signed: bool
) -> None:
    heard = await bus.hear("live.signals.*")
    url = f"{desk.url}/callbacks/scenes"
    head = by_head(url) if signed else {}
    big = callback("REPLY_COMMAND_FINISH", job_id="j", reply_id="x" * 70_000)
    refused = await asyncio.to_thread(post, url, big, head)
    assert (refused.status_code, refused.text) == (413, "too large")
    body = callback("REPLY_COMMAND_FINISH", job_id="j", reply_id="slow")
    slow = desk.metric("livecue_callbacks_rejected_total", room="scenes", reason="too_slow")

    def drip() -> Iterator[bytes]:
        yield body[:-30]
        for byte in body[-30:]:
            time.sleep(0.5)
            yield bytes([byte])

    try:
        answer = await asyncio.to_thread(post, url, drip(), head)
    except httpx.HTTPError:
        pass  # it hung up while we were still dripping
    else:
        assert (answer.status_code, answer.text) == (408, "too slow")
    assert desk.metric("livecue_callbacks_rejected_total", room="scenes", reason="too_slow") == slow + 1
    await nothing_came(desk, bus, heard)


def test_forged_signatures_in_the_query_are_refused(desk: Livecue) -> None:
    url = f"{desk.url}/callbacks/query"
    body = callback("REPLY_COMMAND_FINISH", job_id="j", reply_id="forged")
    good = by_query(url)
    for bad in (url, by_query(url, key="1" * 32), by_query(url, age_s=600), f"{good}&hwTime={hw_time()}"):
        assert post(bad, body).status_code == 401, bad
    assert post(url, body, by_head(url)).status_code == 401
    assert post(good, body).status_code == 200


async def test_a_replayed_callback_is_one_signal(
    desk: Livecue, bus: Bus, room_ids: Mapping[str, str]
) -> None:
    heard = await bus.hear("live.signals.scenes")
    stored = (await bus.js.stream_info("LIVE_IN")).state.messages
    url = f"{desk.url}/callbacks/scenes"
    body, headers = switch(room_ids["scenes"], "a-job", "丙"), by_head(url, age_s=1)
    for _ in range(5):
        assert (await asyncio.to_thread(post, url, body, headers)).status_code == 200
    await until(lambda: heard)
    assert (await bus.js.stream_info("LIVE_IN")).state.messages == stored + 1


def test_an_unknown_room_is_404(desk: Livecue) -> None:
    for path in (
        "/callbacks/nobody",
        "/callbacks/windows",
        "/callbacks/",
        "/callbacks/a%2Fb",
        "/callbacks/scenes/x",
    ):
        url = desk.url + path
        assert post(url, b"{}", by_head(url)).status_code == 404, path


def test_an_oversized_body_is_413_also_when_it_comes_in_chunks(desk: Livecue) -> None:
    url = f"{desk.url}/callbacks/scenes"
    big = b"x" * (1 << 20)
    assert post(url, big, by_head(url)).status_code == 413
    assert post(url, (big[:65_536] for _ in range(16)), by_head(url)).status_code == 413


async def test_another_rooms_callback_and_nonsense_are_refused_and_kept_as_dead_letters(
    desk: Livecue, bus: Bus
) -> None:
    dead = await bus.hear("live.dead.scenes")
    url = f"{desk.url}/callbacks/scenes"
    bodies = (b"not json", b'{"event_type": 1}', b"\xff\xfe", switch("somebody-elses-room", "j", "乙"), b"")
    for body in bodies:
        assert (await asyncio.to_thread(post, url, body, by_head(url))).status_code == 400, body
    await until(lambda: len(dead) == len(bodies))
    assert all(letter["reason"].startswith("callback") for letter in dead)


def test_only_post_is_served(desk: Livecue) -> None:
    answer = desk.get("/callbacks/scenes")
    assert answer is not None
    assert answer.status_code == 405
