"""What the demo plays: three rooms of a shop, their rules and their sessions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import livecue

ROOMS = {
    "flagship": "11111111-aaaa-4bbb-8ccc-000000000001",
    "outlet": "11111111-aaaa-4bbb-8ccc-000000000002",
    "gifts": "11111111-aaaa-4bbb-8ccc-000000000003",
}
PACKS = {
    "flagship": ("ecommerce", "welcome"),
    "outlet": ("ecommerce",),
    "gifts": ("gifts-and-likes", "welcome"),
}
CALLBACK_KEY = "demo-callback-key"
_ENDLESS = timedelta(hours=12)
_TURN = timedelta(seconds=40)
_LAST_STOPS = 0.8  # of a demo of N seconds every session is over by then


def packs_folder() -> Path:
    """Where the rule packs lie: inside the installed package, or beside the sources."""
    package = Path(livecue.__file__).parent
    installed = package / "rules"
    return installed if installed.is_dir() else package.parents[1] / "rules"


def sessions(room: str, now: datetime, seconds: float | None) -> list[dict[str, Any]]:
    """When `room` is live in a demo of `seconds` (None: until it is stopped).

    The outlet opens and closes while one watches; the others stay until shortly before the end.
    """
    if seconds is not None:
        share = 0.4 if room == "outlet" else _LAST_STOPS
        return [_session("show", now, now + timedelta(seconds=seconds * share))]
    if room != "outlet":
        return [_session("show", now, now + _ENDLESS)]
    turns = int(_ENDLESS / _TURN)
    return [_session(f"turn-{n}", now + n * _TURN, now + n * _TURN + _TURN * 0.6) for n in range(turns)]


def _session(name: str, start: datetime, end: datetime) -> dict[str, Any]:
    return {"name": name, "start": start, "end": end}


def config(
    *,
    data_dir: Path,
    endpoint: str,
    project_id: str,
    ak: str,
    sk: str,
    port: int,
    now: datetime,
    seconds: float | None,
) -> dict[str, Any]:
    """The demo's `livecue.yaml` as data."""
    return {
        "data_dir": str(data_dir),
        "metastudio": {"endpoint": endpoint, "project_id": project_id, "auth": {"ak": ak, "sk": sk}},
        "http": {"port": port, "public_url": f"http://127.0.0.1:{port}"},
        "rooms": [
            {
                "key": key,
                "room_id": room_id,
                "rules": _packs(PACKS[key]),
                "callback": {"auth_type": "MSS_A_HEAD", "key": CALLBACK_KEY},
                "start": {
                    "output_urls": [f"rtmp://push.example.com/live/{key}"],
                    "stream_keys": [f"demo-{key}-key"],
                },
                "sessions": sessions(key, now, seconds),
            }
            for key, room_id in ROOMS.items()
        ],
    }


def _packs(names: Sequence[str]) -> list[str]:
    return [str(packs_folder() / name) for name in names]
