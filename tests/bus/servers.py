"""nats-servers as operators set them up, rightly and wrongly; and one that only says that it is old."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from livecue.bus.embedded import find_server


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def one_user(
    *,
    publish: Sequence[str] = (">",),
    subscribe: Sequence[str] = (">",),
    deny_publish: Sequence[str] = (),
    deny_subscribe: Sequence[str] = (),
    jetstream: bool = True,
) -> str:
    """An account with the users `u` and `admin` (password `geheim`), where `u` may do only this."""
    rights = {
        "publish": {"allow": list(publish), "deny": list(deny_publish)},
        "subscribe": {"allow": list(subscribe), "deny": list(deny_subscribe)},
    }
    users = [
        {"user": "u", "password": "geheim", "permissions": rights},
        {"user": "admin", "password": "geheim"},
    ]
    account = {"users": users} | ({"jetstream": "enabled"} if jetstream else {})
    return f"accounts: {json.dumps({'A': account})}"


@asynccontextmanager
async def nats_server(folder: Path, config: str = "", *, jetstream: bool = True) -> AsyncIterator[str]:
    """A server with this configuration besides; its URL."""
    port = free_port()
    lines = [f'listen: "127.0.0.1:{port}"', config]
    if jetstream:
        store = json.dumps(str(folder / "store"))
        lines.append(f"jetstream {{ store_dir: {store}, max_file_store: 4GB }}")
    file = folder / f"server-{port}.conf"
    file.write_text("\n".join(lines))
    child = await asyncio.create_subprocess_exec(
        str(find_server()), "-c", str(file), "-l", str(file.with_suffix(".log"))
    )
    try:
        async with asyncio.timeout(15):
            while not await _listens(port):
                assert child.returncode is None, file.with_suffix(".log").read_text()
                await asyncio.sleep(0.02)
        yield f"nats://127.0.0.1:{port}"
    finally:
        with suppress(ProcessLookupError):
            child.terminate()
        await child.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    await writer.wait_closed()
    return True


@asynccontextmanager
async def old_server(version: str) -> AsyncIterator[str]:
    """What says hello as a nats-server of this version would, and answers a PING; its URL."""

    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        info = {"server_id": "A", "server_name": "a", "version": version, "proto": 1, "max_payload": 1 << 20}
        with suppress(OSError):
            writer.write(
                b"INFO " + json.dumps({**info, "headers": True, "jetstream": True}).encode() + b"\r\n"
            )
            while line := await reader.readline():
                if line.startswith(b"PING"):
                    writer.write(b"PONG\r\n")
        writer.close()

    server = await asyncio.start_server(hello, "127.0.0.1", 0)
    try:
        yield f"nats://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
