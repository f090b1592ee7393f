"""Streams are made with their settings, corrected where livecue relies on them, and kept otherwise."""

from __future__ import annotations

from typing import Any

import pytest
from nats.aio.client import Client
from structlog.testing import capture_logs

from bus.serving import stored
from livecue.bus.api import BusApiError, api_request
from livecue.bus.streams import PARTITIONS, differences, ensure_streams, stream_configs

NAMES = [config["name"] for config in stream_configs(1)]


async def config_of(nc: Client, name: str) -> dict[str, Any]:
    config: dict[str, Any] = (await api_request(nc, f"STREAM.INFO.{name}", {}))["config"]
    return config


async def make_anew(nc: Client, name: str, **settings: Any) -> None:
    await api_request(nc, f"STREAM.DELETE.{name}", {})
    wanted = next(config for config in stream_configs(1) if config["name"] == name)
    await api_request(nc, f"STREAM.CREATE.{name}", {**wanted, **settings})


@pytest.mark.parametrize("name", NAMES)
async def test_a_stream_is_made_with_every_setting_that_is_declared(nc: Client, name: str) -> None:
    wanted = next(config for config in stream_configs(1) if config["name"] == name)
    assert differences(wanted, await config_of(nc, name)) == []


async def test_a_rooms_events_and_signals_lie_in_one_of_sixteen_partitions(nc: Client) -> None:
    for n in range(60):
        await nc.jetstream().publish(f"live.events.room-{n}", b"")
        await nc.jetstream().publish(f"live.signals.room-{n}", b"")
    places: dict[str, set[int]] = {}
    for subject in (await stored(nc, "LIVE_IN"))["subjects"]:
        _, _, partition, room = subject.split(".")
        places.setdefault(room, set()).add(int(partition))
    assert len(places) == 60
    assert all(len(partitions) == 1 for partitions in places.values())
    assert len(set.union(*places.values())) > 10
    assert max(set.union(*places.values())) < PARTITIONS == 16


async def test_a_stream_that_was_deleted_is_told_of_and_its_places_are_not_used_again(nc: Client) -> None:
    await nc.jetstream().publish("live.events.a", b"")
    await api_request(nc, "STREAM.DELETE.LIVE_IN", {})
    with capture_logs() as logs:
        await ensure_streams(nc, 1)
    assert [(line["event"], line["stream"]) for line in logs] == [("stream-made-anew", "LIVE_IN")]
    ack = await nc.jetstream().publish("live.events.a", b"")
    assert ack.seq > 1_000_000


async def test_streams_made_for_the_first_time_count_from_one_and_need_no_word(nc: Client) -> None:
    for name in NAMES:
        await api_request(nc, f"STREAM.DELETE.{name}", {})
    with capture_logs() as logs:
        await ensure_streams(nc, 1)
    assert logs == []
    assert (await nc.jetstream().publish("live.events.a", b"")).seq == 1


async def test_what_livecue_relies_on_is_corrected_and_said(nc: Client) -> None:
    await make_anew(nc, "LIVE_OUT", allow_atomic=False, duplicate_window=1_000_000_000)
    with capture_logs() as logs:
        await ensure_streams(nc, 1)
    assert (await config_of(nc, "LIVE_OUT"))["allow_atomic"] is True
    [line] = logs
    assert line["event"] == "stream-corrected"
    assert line["differing"] == [
        "duplicate_window: has 1000000000, wants 120000000000",
        "allow_atomic: has null, wants true",
    ]


async def test_sizes_and_ages_stay_as_the_operator_has_set_them(nc: Client) -> None:
    await make_anew(nc, "LIVE_AUDIT", max_bytes=1 << 20, max_age=3_600_000_000_000)
    with capture_logs() as logs:
        await ensure_streams(nc, 1)
    assert logs == []
    assert (await config_of(nc, "LIVE_AUDIT"))["max_bytes"] == 1 << 20


async def test_what_the_server_refuses_to_change_is_named_with_a_remedy(nc: Client) -> None:
    await make_anew(nc, "LIVE_DEAD", storage="memory")
    with pytest.raises(BusApiError) as caught:
        await ensure_streams(nc, 1)
    said = str(caught.value)
    assert 'stream LIVE_DEAD exists with other settings (storage: has "memory", wants "file")' in said
    assert "remove the stream" in said


async def test_a_second_start_changes_nothing_and_keeps_what_is_stored(nc: Client) -> None:
    await nc.jetstream().publish("live.events.a", b"kept")
    await ensure_streams(nc, 1)
    assert (await stored(nc, "LIVE_IN"))["messages"] == 1


async def test_a_server_without_room_says_how_much_is_needed(
    nc: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    greedy = {**stream_configs(1)[0], "name": "LIVE_IN", "max_bytes": 1 << 50}
    await api_request(nc, "STREAM.DELETE.LIVE_IN", {})
    monkeypatch.setattr("livecue.bus.streams.stream_configs", lambda _: (greedy,))
    with pytest.raises(
        BusApiError, match=r"no room for stream LIVE_IN: .* MiB .* raise JetStream's max_file_store"
    ):
        await ensure_streams(nc, 1)
