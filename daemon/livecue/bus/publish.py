"""Publishing from the command line: to the configured server, or to the embedded one of a running daemon."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from nats.errors import Error as NatsError
from nats.js.errors import Error as JetStreamError

from livecue.bus.connection import BusOptions
from livecue.bus.moment import connect_for_a_moment
from livecue.runtime.ports import BusError

_TIMEOUT_S = 5
_TOKEN = re.compile(r'token:\s*("(?:[^"\\]|\\.)*")')


def embedded_options(data_dir: Path) -> BusOptions:
    """Where the daemon on this `data_dir` has its own server, from the files it keeps there.

    Raises:
        BusError: no daemon is running on it.
    """
    folder = data_dir / "nats"
    ports = sorted(folder.glob("nats-server_*.ports"))
    try:
        url = str(json.loads(ports[-1].read_text())["nats"][0])
        found = _TOKEN.search((folder / "server.conf").read_text())
    except (OSError, ValueError, LookupError) as error:
        raise BusError(f"no embedded server is running on {data_dir}: start `livecue run` first") from error
    return BusOptions(servers=(url,), token=json.loads(found[1]) if found else "")


async def publish_events(options: BusOptions, room: str, bodies: Iterable[bytes]) -> int:
    """Publish each body to `live.events.<room>` and wait for its acknowledgement; how many were stored.

    Raises:
        BusError: the server cannot be reached, refuses us, or holds no stream for the subject.
    """
    nc = await connect_for_a_moment(options)
    try:
        js = nc.jetstream(timeout=_TIMEOUT_S)
        stored = 0
        for body in bodies:
            await js.publish(f"live.events.{room}", body)
            stored += 1
    except (NatsError, JetStreamError, OSError, TimeoutError) as error:
        raise BusError(f"live.events.{room} was not stored: {str(error) or type(error).__name__}") from error
    finally:
        await nc.close()
    return stored
