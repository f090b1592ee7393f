"""What the doctor sees of the way in: the daemon beside it, and the callback URL as the cloud would use it.

The URL is asked from this machine. Whether the cloud reaches it too, a firewall in between decides, and
nobody here can see that; the metric of verified callbacks tells it once a live has run.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

from livecue.app.doctor import Checkup
from livecue.app.doctor_cloud import day
from livecue.app.findings import Finding, fail, ok, warn
from livecue.app.knock import Knock, Step, knock
from livecue.metastudio.connecting import is_loopback
from livecue.settings import Settings

SOON_S = 14 * 86_400
"""A certificate that ends sooner than this is told of."""

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - where to ask, not to listen
_OUTSIDE = "asked from this machine; what the cloud sees may differ"
_STEPS = {
    Step.NAME: "give the name of http.public_url a DNS record that the internet sees",
    Step.CONNECTION: "open the way to it: ingress, load balancer, firewall",
    Step.CERTIFICATE: "give it a certificate of a public CA for that very name, its chain included",
    Step.ANSWER: "see what stands in front of livecue: it took the connection and does not answer",
}
_REJECTED = re.compile(
    rb'^livecue_callbacks_rejected_total\{[^}]*room="([^"]*)"[^}]*\} ([0-9.e+]+)$', re.MULTILINE
)


def inside(settings: Settings) -> str:
    """Where the daemon listens, as seen from this machine; empty if it takes any free port."""
    http = settings.http
    host = _ANYWHERE.get(http.host, http.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{http.port}" if http.port else ""


async def examine_daemon(checkup: Checkup) -> AsyncIterator[Finding]:
    """Whether a daemon runs here, and is ready."""
    url = inside(checkup.loaded.settings)
    if not url:
        yield ok("daemon", "http.port is 0: nobody knows where it listens")
        return
    seen = await knock(f"{url}/readyz", checkup.now_s)
    if seen.failed is not Step.DONE:
        remedy = "start `livecue run`, or ask where it runs: `kubectl exec … livecue doctor`"
        yield warn("daemon", f"none answers at {url} ({seen.error})", remedy)
        return
    try:
        answer = json.loads(seen.body)
        ready, parts = bool(answer["ready"]), {str(k): str(v) for k, v in answer["parts"].items()}
    except (ValueError, LookupError, TypeError, AttributeError):
        remedy = "stop it, or set another http.port"
        yield fail("daemon", f"what answers at {url} is not livecue (status {seen.status})", remedy)
        return
    ill = "; ".join(f"{part}: {says}" for part, says in sorted(parts.items()) if says != "ok")
    if ready:
        yield ok("daemon", f"ready at {url}" + (f"; {ill}" if ill else ""))
    else:
        yield fail("daemon", f"not ready at {url}: {ill}", "see what it says; Probes in docs/operations.md")


async def examine_callbacks(
    checkup: Checkup, trusted: ssl.SSLContext | None = None
) -> AsyncIterator[Finding]:
    """An unsigned callback to the public URL: it has to be refused, by this daemon. `trusted`: other CAs than the system's."""
    settings = checkup.loaded.settings
    rooms = [room.key for room in settings.rooms if room.callback is not None]
    if not rooms:
        yield ok("callbacks", "no room takes any")
        return
    url = f"{settings.http.public_url}/callbacks/{rooms[0]}"
    before = await _rejected(checkup, rooms[0])
    seen = await knock(url, checkup.now_s, method="POST", body=b"{}", trusted=trusted)
    after = await _rejected(checkup, rooms[0])
    yield answered(seen, before, after)
    if is_loopback(urlsplit(url).hostname or ""):
        remedy = "set http.public_url to the https address that the internet sees"
        yield warn("callback-url", "http.public_url is this machine: MetaStudio cannot reach it", remedy)
    if seen.expires_s is not None:
        yield certificate(seen.expires_s, checkup.now_s())


def answered(seen: Knock, before: float | None, after: float | None) -> Finding:
    """What came of the unsigned callback. `before`, `after`: how many this daemon had refused; None: it does not say."""
    check, url = "callback-url", seen.url
    if seen.failed is not Step.DONE:
        return fail(check, f"{url}: {seen.failed}: {seen.error}", _STEPS[seen.failed])
    if seen.status != 401:
        return fail(
            check, f"{url} answers {seen.status} to an unsigned callback, not 401", _instead(seen.status)
        )
    if before is None or after is None:
        told = f"{url} refuses an unsigned callback, as livecue does ({_OUTSIDE})"
        return warn(
            check, told, "run the doctor where the daemon runs: only there it shows whether it was this one"
        )
    if after <= before:
        told = f"{url} refuses an unsigned callback, but the daemon beside the doctor has not seen it ({_OUTSIDE})"
        return warn(check, told, "fine if there are more replicas; else another server has the address")
    return ok(check, f"{url} leads to this daemon, which refuses an unsigned callback ({_OUTSIDE})")


def _instead(status: int) -> str:
    if status in {502, 503, 504}:
        return (
            "what stands in front has nobody behind it: see that livecue runs and that it points to http.port"
        )
    if 300 <= status < 400:
        return (
            "livecue never redirects, and the cloud may not follow: route /callbacks/ to http.port directly"
        )
    return "route /callbacks/ of that address to livecue's http.port, path and method unchanged"


def certificate(expires_s: float, now_s: float) -> Finding:
    """How long the callback URL's certificate is still good."""
    left_s = expires_s - now_s
    told = f"good until {day(expires_s)}, {max(left_s, 0) / 86_400:.0f} days"
    if left_s > SOON_S:
        return ok("callback-certificate", told)
    remedy = "renew it: no callback comes through without"
    return (fail if left_s <= 0 else warn)("callback-certificate", told, remedy)


async def _rejected(checkup: Checkup, room: str) -> float | None:
    """How many of the room's callbacks the daemon beside us has refused so far."""
    url = inside(checkup.loaded.settings)
    seen = await knock(f"{url}/metrics", checkup.now_s) if url else None
    if seen is None or seen.status != 200 or b"livecue_callbacks_rejected" not in seen.body:
        return None
    return sum(float(value) for found, value in _REJECTED.findall(seen.body) if found.decode() == room)
