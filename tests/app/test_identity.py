"""A replica's name: kept, and nobody else's while it runs."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from livecue.app import identity
from livecue.app.identity import DataDirTakenError, Identity, lease_ms


async def test_a_name_is_made_once_and_found_again(tmp_path: Path) -> None:
    first = Identity(tmp_path / "var")
    await first.take()
    assert len(first.name) <= 63
    assert first.name.isascii()
    first.release()
    first.release()
    again = Identity(tmp_path / "var")
    await again.take()
    assert again.name == first.name
    other = Identity(tmp_path / "other")
    await other.take()
    assert other.name != first.name
    again.release()
    other.release()


async def test_a_second_one_is_refused_and_then_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(identity, "_WAIT_S", 0.2)
    one, two = Identity(tmp_path), Identity(tmp_path)
    await one.take()
    with pytest.raises(DataDirTakenError, match="in use by another livecue: stop it, or give each"):
        await two.take()
    one.release()
    await two.take()
    assert two.name == one.name
    two.release()


async def test_a_name_that_cannot_be_a_key_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / identity.FILE).write_bytes("über *.>".encode())
    one = Identity(tmp_path)
    await one.take()
    assert identity._GOOD.fullmatch(one.name)
    assert (tmp_path / identity.FILE).read_text() == one.name
    one.release()


async def test_where_nothing_can_be_written_the_name_is_good_for_this_process_and_said_so(
    tmp_path: Path,
) -> None:
    (tmp_path / "file").write_text("")
    one = Identity(tmp_path / "file" / "var")
    with capture_logs() as lines:
        await one.take()
    assert one.name
    assert [line["event"] for line in lines] == ["replica-name-not-kept"]
    one.release()


def test_the_clock_of_leases_goes_with_the_machines() -> None:
    before, began = lease_ms(), time.monotonic()
    time.sleep(0.05)
    assert abs((lease_ms() - before) / 1000 - (time.monotonic() - began)) < 0.02
