"""The life of a job's report URL (S4 6.2.7): which one to use, and when to ask for a new one. Pure.

Its query holds `auth_key` and `expires_time` (ms since 1970). A report may carry `refresh_url=true`; the
answer then holds a new URL. After it has expired the cloud refuses (20010054) but still refreshes; long
after (20010077) only showing the job gives another.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qs, urlsplit

import msgspec

REFRESH_MS: Final = 10 * 60 * 1000
REFRESH_PART: Final = 0.1


class Use(msgspec.Struct, frozen=True):
    """The URL of the next report, and whether that report is to ask for a new one."""

    url: str
    refresh: bool

    def __repr__(self) -> str:
        return f"Use(***, refresh={self.refresh})"


class _Known(msgspec.Struct):
    job_id: str
    shown: str  # what the job said when `url` was got
    url: str
    expires_ms: int | None
    life_ms: int  # at least: what was left of it when it was first seen

    def __repr__(self) -> str:
        return f"_Known({self.job_id})"


class ReportUrls:
    """Remembers each room's URL: a refreshed one until the job shows one that lasts longer."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def use(self, room: str, job_id: str, shown: str, now_ms: int) -> Use:
        """The URL for a report to `job_id`, which shows `shown` now.

        A new one is asked for when less than ten minutes are left, or, of a URL that was seen to live for
        less than a hundred, when less than a tenth of that is left.
        """
        known = self._known.get(room)
        if known is None or known.job_id != job_id or (known.shown != shown and _outlasts(shown, known)):
            known = self._keep(room, job_id, shown, shown, now_ms)
        if known.expires_ms is None:
            return Use(known.url, refresh=False)
        left_ms = known.expires_ms - now_ms
        return Use(known.url, refresh=left_ms < min(REFRESH_MS, REFRESH_PART * known.life_ms))

    def keep(self, room: str, job_id: str, shown: str, refreshed: str, now_ms: int) -> None:
        """The cloud gave a new URL while the job showed `shown`."""
        self._keep(room, job_id, shown, refreshed, now_ms)

    def forget(self, room: str) -> None:
        """The URL is no good any more: back to what the job shows."""
        self._known.pop(room, None)

    def _keep(self, room: str, job_id: str, shown: str, url: str, now_ms: int) -> _Known:
        expires_ms = expires_of(url)
        life_ms = 0 if expires_ms is None else max(0, expires_ms - now_ms)
        known = self._known[room] = _Known(job_id, shown, url, expires_ms, life_ms)
        return known


def expires_of(url: str) -> int | None:
    """The `expires_time` of a report URL's query in ms, None if it has no readable one."""
    try:
        values = parse_qs(urlsplit(url).query).get("expires_time", [])
    except ValueError:
        return None
    text = values[-1] if values else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 15 else None


def _outlasts(shown: str, known: _Known) -> bool:
    expires_ms = expires_of(shown)
    return expires_ms is None or known.expires_ms is None or expires_ms > known.expires_ms
