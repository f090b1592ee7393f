"""Who may come in by HTTP, as the files say now: keys and tokens are changed without a restart.

The configuration and every secret's file beside it are looked at every two seconds. Of what has changed
only keys and tokens are taken, and only if the whole is right; a key whose time comes is handed to the
cloud from the next start on.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import msgspec
import structlog
from starlette.routing import Route

from livecue.app import callbacks
from livecue.app.redact import Redactor
from livecue.app.rooms import cloud_rooms, secrets_of
from livecue.bus.channels import Channels
from livecue.receiver import CallbackDoor, IngestDoor, Unknown, Verdict, routes
from livecue.runtime.ports import AuditEntry, Meter, Now, Outcome
from livecue.settings import ConfigError, Loaded, Settings, load

log = structlog.get_logger()

EVERY_S = 2.0
_KEPT_BYTES = 8192

Stamp = tuple[tuple[str, int, int, int], ...]


class Doors:
    """Callbacks and events by HTTP, and what the cloud is told of the former."""

    def __init__(
        self, loaded: Loaded, redactor: Redactor, meter: Meter, now: Now, every_s: float = EVERY_S
    ) -> None:
        """The doors as the loaded configuration says.

        Raises:
            CallbackSecretError: a room has auth_type NONE, and its URL's secret can neither be read nor kept.
        """
        self._loaded = loaded
        self._watched = loaded  # names the files that are looked at
        self._redactor = redactor
        self._meter = meter
        self._now = now
        self._every_s = every_s
        self._secret = callbacks.callback_secret(loaded)
        self.callback_rooms = callbacks.callback_rooms(loaded.settings, self._secret)
        self.ingest_rooms = callbacks.ingest_rooms(loaded.settings)
        self.tokens_for_all = callbacks.tokens_for_all(loaded.settings)
        self.cloud_rooms = cloud_rooms(loaded.settings, self.callback_rooms, now() / 1000)
        redactor.learn([self._secret, *(room.token for room in self.callback_rooms.values())])
        self._keyless: list[str] = []
        self._stamp = self.stamp()

    def routes(self, channels: Channels) -> list[Route]:
        """The receiver's, publishing through `channels`.

        Events have their door even while nobody has a token: the first one may come with the files.
        """

        async def bury(room: str, reason: str, body: bytes) -> None:
            await channels.bury(room, reason, "a callback whose signature held", body)

        async def keep(room: str, unknown: Unknown) -> None:
            await channels.record(room, self._kept(unknown))

        callback_door = CallbackDoor(
            self.callback_rooms,
            channels,
            self._meter,
            self._now,
            dead=bury,
            keep=keep,
            base=f"{self._loaded.settings.http.public_url}/callbacks/",
        )
        ingest_door = IngestDoor(self.ingest_rooms, self.tokens_for_all, channels, self._meter, self._now)
        return routes(callback_door, ingest_door)

    def _kept(self, unknown: Unknown) -> AuditEntry:
        text = self._redactor.bytes(unknown.body)[:_KEPT_BYTES].decode("utf-8", "replace")
        return AuditEntry(Outcome.KEPT, unknown.once, self._now(), text=text, detail=unknown.event_type)

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop`."""
        self._give_keys()
        while not stop.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(self._every_s):
                    await stop.wait()
                    return
            stamp = await asyncio.to_thread(self.stamp)
            if stamp != self._stamp:
                self._stamp = stamp
                await self.reload()
            self._give_keys()

    def stamp(self) -> Stamp:
        """The time, size and inode of the configuration and of every file that holds one of its secrets."""
        found = []
        for file in sorted({self._watched.file, *map(self._watched.path, _secret_files(self._watched))}):
            with suppress(OSError):
                seen = file.stat()
                found.append((str(file), seen.st_mtime_ns, seen.st_size, seen.st_ino))
        return tuple(found)

    async def reload(self) -> bool:
        """Read everything, then take the keys and tokens; False if the old ones go on."""
        try:
            fresh = await asyncio.to_thread(load, self._loaded.file)
        except ConfigError as error:
            self._refuse(error)
            return False
        self._watched = fresh
        self._take(fresh.settings)
        return True

    @staticmethod
    def _refuse(error: ConfigError) -> None:
        for problem in error.problems:
            log.error(
                "keys-refused", problem=str(problem), remedy="correct it; the old keys and tokens go on"
            )

    def _take(self, settings: Settings) -> None:
        self._redactor.learn(secrets_of(settings))
        changed = callbacks.with_new_keys(
            self.callback_rooms, callbacks.callback_rooms(settings, self._secret)
        )
        for name, keys in changed.items():
            self.callback_rooms[name] = msgspec.structs.replace(self.callback_rooms[name], keys=keys)
        ingest = {
            name: room for name, room in callbacks.ingest_rooms(settings).items() if name in self.ingest_rooms
        }
        posting = [name for name, room in ingest.items() if room != self.ingest_rooms[name]]
        self.ingest_rooms.update(ingest)
        for_all = callbacks.tokens_for_all(settings)
        if changed or posting or for_all != self.tokens_for_all:
            log.info("keys-reloaded", callbacks=sorted(changed), events=sorted(posting))
        self.tokens_for_all[:] = for_all

    def _give_keys(self) -> None:
        """From the next start on the cloud signs with the key that is good now; a room without one is named."""
        now_s = self._now() / 1000
        keyless = [
            name
            for name, room in self.callback_rooms.items()
            if room.keys and not any(key.verdict(now_s) == Verdict.GENUINE for key in room.keys)
        ]
        if keyless and keyless != self._keyless:
            log.error("no-key-good", rooms=keyless, remedy="add a key; until then no callback is believed")
        self._keyless = keyless
        now = cloud_rooms(self._loaded.settings, self.callback_rooms, now_s)
        for name, room in now.items():
            before, self.cloud_rooms[name] = self.cloud_rooms[name], room
            if room.start != before.start:
                log.info("key-changed", room=name)


def _secret_files(loaded: Loaded) -> Iterator[str]:
    yield from _named_files(loaded.document.data)
    for name, value in os.environ.items():
        if name.startswith("LIVECUE_") and name.endswith("_FILE"):
            yield value


def _named_files(data: Any) -> Iterator[str]:
    if isinstance(data, Mapping):
        for name, value in data.items():
            if isinstance(value, str) and str(name).endswith("_file"):
                yield value
            else:
                yield from _named_files(value)
    elif isinstance(data, list):
        for one in data:
            yield from _named_files(one)
