from __future__ import annotations

import asyncio
import socket
import time

import pytest

from livecue.domain import Meaning
from livecue.metastudio import AkSkAuth, MetaStudio
from metastudio.serving import (
    AK,
    NOW_MS,
    PROJECT,
    SK,
    Answer,
    Cloud,
    failure,
    handling,
    hang_up,
    serving,
    silent,
    studio_at,
)


async def test_the_total_deadline_holds_over_all_phases_and_nothing_can_be_said_of_a_post() -> None:
    async with silent() as url, studio_at(url, timeout_s=0.2) as studio:
        began = time.monotonic()
        failed = await failure(studio.command("r", "j", {"command": "x"}))
        assert time.monotonic() - began < 1.0
        assert failed.meaning is Meaning.OUTCOME_UNKNOWN
        assert "look before repeating" in str(failed)


async def test_the_total_deadline_ends_an_answer_that_trickles() -> None:
    async def trickle(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with handling(trickle) as url, studio_at(url, timeout_s=0.3) as studio:
        began = time.monotonic()
        assert (await failure(studio.show("r", "j"))).meaning is Meaning.UNAVAILABLE
        assert time.monotonic() - began < 1.0


async def test_a_get_without_an_answer_may_simply_be_asked_again() -> None:
    async with silent() as url, studio_at(url, timeout_s=0.1) as studio:
        assert (await failure(studio.show("r", "j"))).meaning is Meaning.UNAVAILABLE


async def test_a_connection_cut_after_sending_leaves_the_outcome_unknown() -> None:
    async with handling(hang_up) as url, studio_at(url) as studio:
        assert (await failure(studio.start("r", {}))).meaning is Meaning.OUTCOME_UNKNOWN
        assert (await failure(studio.show("r", "j"))).meaning is Meaning.UNAVAILABLE


async def test_a_closed_port_means_that_nothing_was_sent() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with studio_at(f"http://127.0.0.1:{port}") as studio:
        failed = await failure(studio.command("r", "j", {"command": "x"}))
    assert failed.meaning is Meaning.UNAVAILABLE
    assert "no connection" in str(failed)


async def test_a_call_that_never_got_a_connection_from_the_pool_was_not_sent() -> None:
    auth = AkSkAuth(AK, SK, PROJECT, lambda: NOW_MS)
    async with silent() as url, MetaStudio(url, PROJECT, auth, pool=1) as studio:
        first = asyncio.create_task(studio.command("r", "j", {"command": "1"}))
        await asyncio.sleep(0.05)
        soon = asyncio.get_running_loop().time() + 0.1
        second = await failure(studio._wire.call("command", soon).exchange("POST", url))
        assert second.meaning is Meaning.UNAVAILABLE
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_a_deadline_that_passes_while_connecting_means_that_nothing_was_sent() -> None:
    with socket.socket() as full, socket.socket() as taken:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        taken.connect(address)
        with socket.socket() as second:
            second.setblocking(False)
            second.connect_ex(address)
            async with studio_at(f"http://127.0.0.1:{address[1]}", timeout_s=0.2) as studio:
                failed = await failure(studio.command("r", "j", {"command": "x"}))
    assert failed.meaning is Meaning.UNAVAILABLE
    assert "no connection in time" in str(failed)


async def test_a_callers_own_cancellation_stays_a_cancellation() -> None:
    async with silent() as url, studio_at(url) as studio:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await studio.show("r", "j")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(200, b"<html>login</html>"), "not JSON"),
        (Answer(200, b"[1]"), "not a JSON object"),
        (Answer(200, b" " * (9 << 20)), "larger than 8 MiB"),
        (Answer(504, b"timeout"), "gateway"),
        (Answer(502, {"error_code": "APIGW.0202"}), "gateway"),
    ],
)
async def test_an_unusable_answer_to_a_post_leaves_the_outcome_unknown(
    cloud: Cloud, studio: MetaStudio, answer: Answer, says: str
) -> None:
    cloud.will(answer)
    failed = await failure(studio.command("r", "j", {"command": "x"}))
    assert failed.meaning is Meaning.OUTCOME_UNKNOWN
    assert says in str(failed)
    assert (await failure(studio.show("r", "j"))).meaning is Meaning.UNAVAILABLE


async def test_a_request_is_kept_back_at_the_last_moment_and_the_cloud_never_hears_of_it() -> None:
    asked: list[tuple[str, str]] = []
    may = [True]

    def allowed(operation: str, method: str) -> bool:
        asked.append((operation, method))
        return may[0]

    async with serving(Cloud()) as cloud:
        cloud.answers = [Answer(202, {"command_id": "c"})]
        auth = AkSkAuth(AK, SK, PROJECT, lambda: NOW_MS)
        async with MetaStudio(cloud.url, PROJECT, auth, may=allowed) as studio:
            assert await studio.command("r", "j", {"command": "x"}) == "c"
            may[0] = False
            failed = await failure(studio.command("r", "j", {"command": "x"}))
            assert failed.meaning is Meaning.UNAVAILABLE
            assert "no valid lease on the tenant" in str(failed)
            may[0] = True
            assert await studio.command("r", "j", {"command": "x"}) == "c"
        assert len(cloud.asked) == 2
    assert asked == [("command", "POST")] * 3
