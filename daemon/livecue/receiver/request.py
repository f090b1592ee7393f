"""A callback as it came in."""

from __future__ import annotations

from urllib.parse import parse_qsl

import msgspec


class CallbackRequest(msgspec.Struct, frozen=True):
    """Header names are in lower case; nothing is merged or left out. `url` is the one told to the cloud."""

    url: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    now_s: float

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def param(self, name: str) -> list[str]:
        pairs = parse_qsl(self.query, keep_blank_values=True, errors="replace")
        return [value for key, value in pairs if key == name]
