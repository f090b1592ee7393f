"""State and outputs are stored together or not at all, fenced by the partition's cursor."""

from __future__ import annotations

import pytest
from nats.aio.client import Client

from bus.serving import stored
from livecue.bus.api import api_request
from livecue.bus.ledger import NatsLedger
from livecue.bus.readers import NatsCueLog, NatsPartitions, NatsReportLog
from livecue.bus.streams import stream_configs
from livecue.domain import Cue
from livecue.runtime.ports import BusError, Cursor, RoomCommit, SeenPage, StaleStateError
from runtime.making import cue, report, said


def commit_of(room: str, *cues: Cue, state: bytes | None = b"{}") -> RoomCommit:
    return RoomCommit(room, state, list(cues), [report(f"r-{room}", room, events=2)])


async def test_one_batch_stores_the_cursor_and_the_state_and_outputs_of_two_rooms(nc: Client) -> None:
    ledger = NatsLedger(nc)
    reached = await ledger.commit(
        4, Cursor(7, 0, "i1"), [commit_of("a", cue("c1")), commit_of("b", cue("c2", "b"), state=b'{"b":1}')]
    )
    assert await ledger.cursor(4) == reached == Cursor(7, reached.revision, "i1")
    assert await ledger.state("b") == b'{"b":1}'
    assert await NatsCueLog(nc, 0).take(5) == [cue("c1"), cue("c2", "b")]
    assert await NatsReportLog(nc, 0).take(5) == [report("r-a", events=2), report("r-b", "b", events=2)]
    assert (await ledger.commit(4, Cursor(9, reached.revision), [])).seq == 9


async def test_what_was_never_stored_is_nothing(nc: Client) -> None:
    ledger = NatsLedger(nc)
    assert await ledger.cursor(1) == Cursor()
    assert await ledger.state("a") is None


@pytest.mark.parametrize("rooms", [[], [commit_of("a", cue("c1"))]])
async def test_a_stale_writer_is_refused_and_nothing_of_it_is_stored(
    nc: Client, rooms: list[RoomCommit]
) -> None:
    ledger = NatsLedger(nc)
    first = await ledger.commit(4, Cursor(1), [])
    await ledger.commit(4, Cursor(2, first.revision), [])
    before = await stored(nc, "LIVE_OUT")
    with pytest.raises(StaleStateError):
        await ledger.commit(4, Cursor(2, first.revision), rooms)
    after = await stored(nc, "LIVE_OUT")
    assert (after["last_seq"], after["subjects"]) == (before["last_seq"], before["subjects"])
    assert (await ledger.cursor(4)).seq == 2


async def test_of_states_and_cursors_only_the_last_is_kept(nc: Client) -> None:
    ledger, cursor = NatsLedger(nc), Cursor()
    for n in range(1, 6):
        state = str(n).encode()
        cursor = await ledger.commit(4, Cursor(n, cursor.revision), [commit_of("a", state=state)])
    subjects = (await stored(nc, "LIVE_OUT"))["subjects"]
    assert (subjects["live.cursor.4"], subjects["live.state.a"]) == (1, 1)
    assert await ledger.state("a") == b"5"


async def test_outputs_go_by_themselves_after_a_while_and_state_does_not(nc: Client) -> None:
    await NatsLedger(nc).commit(4, Cursor(1), [commit_of("a", cue("c1"))])
    ttls = {}
    for subject in ("live.cues.a", "live.reports.a", "live.state.a", "live.cursor.4"):
        message = await nc.jetstream().get_last_msg("LIVE_OUT", subject)
        ttls[subject] = (message.headers or {}).get("Nats-TTL")
    assert ttls == {
        "live.cues.a": "120s",
        "live.reports.a": "30s",
        "live.state.a": None,
        "live.cursor.4": None,
    }


async def test_more_cues_than_one_message_may_hold_are_read_back_whole_and_in_order(nc: Client) -> None:
    cues = [cue(f"c{n}", text="好" * 2000) for n in range(450)]
    await NatsLedger(nc).commit(4, Cursor(1), [commit_of("a", *cues)])
    log, read = NatsCueLog(nc, 0), list[Cue]()
    while len(read) < len(cues):
        read += await log.take(5)
    assert read == cues
    assert (await stored(nc, "LIVE_OUT"))["subjects"]["live.cues.a"] >= 6


@pytest.mark.parametrize("place", [0, 1])
async def test_what_is_too_large_for_the_server_is_an_error_of_the_bus_and_leaves_nothing(
    nc: Client, place: int
) -> None:
    rooms = [commit_of("b")]
    rooms.insert(place, commit_of("a", state=b"x" * 3_000_000))
    with pytest.raises(BusError, match=r"live\.state\.a was not stored"):
        await NatsLedger(nc).commit(4, Cursor(1), rooms)
    assert (await stored(nc, "LIVE_OUT"))["messages"] == 0


async def test_more_outputs_than_a_batch_may_hold_are_refused(nc: Client) -> None:
    with pytest.raises(BusError, match="more than one atomic batch holds"):
        await NatsLedger(nc).commit(4, Cursor(1), [commit_of(f"r{n}") for n in range(500)])


async def test_a_stream_made_anew_begins_at_its_start_though_the_cursor_was_further_on(nc: Client) -> None:
    ledger, partitions = NatsLedger(nc), NatsPartitions(nc)
    place = await _partition_of(nc, "a")
    intake = await partitions.open(place, await ledger.cursor(place))
    assert len(await intake.take(10, 5)) == 1
    at = await ledger.commit(place, Cursor(1, 0, intake.cursor.incarnation), [])
    assert (await partitions.open(place, at)).cursor == at
    await api_request(nc, "STREAM.DELETE.LIVE_IN", {})
    # By somebody else, as with a backup that was restored: livecue would not count from 1 again.
    await api_request(nc, "STREAM.CREATE.LIVE_IN", stream_configs(1)[0])
    await _partition_of(nc, "a")
    again = await partitions.open(place, await ledger.cursor(place))
    assert (again.cursor.seq, again.cursor.revision) == (0, at.revision)
    [delivery] = await again.take(10, 5)
    assert (delivery.room, delivery.lane, delivery.seq) == ("a", "events", 1)


async def _partition_of(nc: Client, room: str) -> int:
    await nc.jetstream().publish(f"live.events.{room}", str(said("x")).encode())
    return int(next(iter((await stored(nc, "LIVE_IN"))["subjects"])).split(".")[2])


async def test_the_pages_of_ids_are_stored_with_the_rest_each_in_its_place_and_go_after_a_day(
    nc: Client,
) -> None:
    ledger = NatsLedger(nc)
    first = [SeenPage(0, b"old"), SeenPage(1, b"one")]
    reached = await ledger.commit(4, Cursor(1), [commit_of("a", cue("c1"))], first)
    await ledger.commit(4, Cursor(2, reached.revision), [], [SeenPage(0, b"new")])
    with pytest.raises(StaleStateError):
        await ledger.commit(4, Cursor(3, reached.revision), [], [SeenPage(2, b"stale")])
    assert sorted(await ledger.seen(4)) == [b"new", b"one"]
    assert await ledger.seen(5) == []
    message = await nc.jetstream().get_last_msg("LIVE_OUT", "live.seen.4.0")
    assert (message.headers or {}).get("Nats-TTL") == "26h"


async def test_as_many_pages_as_there_can_be_are_read_back_whole(nc: Client) -> None:
    ledger, cursor = NatsLedger(nc), Cursor()
    bodies = [bytes([48 + n % 10]) * 11_000 for n in range(512)]
    for start in range(0, 512, 64):
        pages = [SeenPage(n, bodies[n]) for n in range(start, start + 64)]
        cursor = await ledger.commit(4, Cursor(start, cursor.revision), [], pages)
    assert sorted(await ledger.seen(4)) == sorted(bodies)


async def test_a_message_keeps_the_id_it_was_published_with(nc: Client) -> None:
    await nc.jetstream().publish("live.events.a", b"{}", headers={"Nats-Msg-Id": "d-7"})
    await nc.jetstream().publish("live.events.a", b"{}")
    found = []
    for place in range(NatsPartitions.count):
        intake = await NatsPartitions(nc).open(place, Cursor())
        found += await intake.take(5, 0.1)
        await intake.close()
    assert [one.msg_id for one in found] == ["d-7", ""]
