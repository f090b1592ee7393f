"""What the doctor sees of MetaStudio: the way to it, its clock, our credentials, our rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from livecue.app.doctor import Checkup
from livecue.app.findings import Finding, fail, ok, warn
from livecue.app.knock import Knock, Step, knock
from livecue.app.limits import Limits
from livecue.app.loops import cloud_client
from livecue.app.metrics import PrometheusMeter
from livecue.app.online import OnlineCheck
from livecue.app.setting_up import SettingUp, wanted_room
from livecue.domain import CloudError, Meaning
from livecue.metastudio import MetaStudio
from livecue.metastudio.connecting import is_loopback
from livecue.settings.rooms_as_code import THINGS
from livecue.setups import SetupError

WARN_SKEW_S, MOST_SKEW_S, SIGNATURE_S = 5.0, 60.0, 900.0
"""Beyond `MOST_SKEW_S` no callback is believed, beyond `SIGNATURE_S` no request (S4 3.2)."""

_STEPS = {
    Step.NAME: "check metastudio.endpoint, and this machine's DNS",
    Step.CONNECTION: "let this machine reach it: firewall, NAT, security group, NetworkPolicy",
    Step.CERTIFICATE: "check metastudio.endpoint, this machine's CA certificates, and whether a proxy breaks TLS open",
    Step.ANSWER: "try again; else look at what stands between this machine and MetaStudio",
}
_REFUSED = {
    Meaning.UNAUTHENTICATED: "correct metastudio.auth; project_id, region and endpoint have to belong together",
    Meaning.FORBIDDEN: "grant the account MetaStudio rights in the project",
}
_GONE = frozenset({Meaning.UNAVAILABLE, Meaning.OUTCOME_UNKNOWN})


async def examine_cloud(checkup: Checkup) -> AsyncIterator[Finding]:
    """The way, the clock, the credentials, the rooms; what does not work ends it."""
    cloud = checkup.loaded.settings.metastudio
    if proxy := _proxy(cloud.endpoint):
        yield ok("cloud", f"{cloud.endpoint} by the proxy {proxy}: not looked at step by step")
    else:
        seen = await knock(cloud.endpoint, checkup.now_s, timeout_s=cloud.timeout_s)
        finding = reach(seen)
        yield finding
        if finding.failed:
            return
        if told := skew(seen):
            yield told
    meter = PrometheusMeter()
    async with cloud_client(checkup.loaded.settings, meter, checkup.now_ms) as client:
        limits = Limits(cloud.region, cloud.limits)
        finding = await _credentials(checkup, client, limits)
        yield finding
        if finding.failed:
            return
        check = OnlineCheck(str(checkup.loaded.file), checkup.loaded, checkup.rules, client, limits)
        problems = await check.problems()
    for problem in problems:
        yield fail(
            "rooms", str(problem), "`livecue check --online` says the same; correct the file or the room"
        )
    for problem in check.warnings:
        yield warn("rooms", str(problem), "see whether that is meant")
    if not problems:
        yield ok(
            "rooms", f"{len(checkup.loaded.settings.rooms)} configured, all in the cloud and fit for use"
        )


def reach(seen: Knock) -> Finding:
    """The first of the steps to the cloud that failed; or that all went well."""
    if seen.failed is not Step.DONE:
        to = f" ({', '.join(seen.addresses[:3])})" if seen.addresses else ""
        return fail("cloud", f"{seen.url}{to}: {seen.failed}: {seen.error}", _STEPS[seen.failed])
    until = f", certificate until {day(seen.expires_s)}" if seen.expires_s else ""
    return ok("cloud", f"{seen.url} ({', '.join(seen.addresses[:3])}) answers in {seen.took_ms} ms{until}")


def day(moment_s: float) -> str:
    """The date of a moment in UTC."""
    return datetime.fromtimestamp(moment_s, UTC).date().isoformat()


def skew(seen: Knock) -> Finding | None:
    """How far our clock is from the cloud's; None if it told no time."""
    if seen.skew_s is None:
        return None
    ours = -seen.skew_s
    told = f"this machine is {abs(ours):.0f} s {'ahead of' if ours > 0 else 'behind'} the cloud"
    if abs(ours) <= WARN_SKEW_S:
        return ok("clock", told)
    remedy = (
        f"let this machine follow NTP: {MOST_SKEW_S:.0f} s off livecue refuses every callback, and the plan is as "
        f"far off; {SIGNATURE_S / 60:.0f} minutes off MetaStudio refuses every request once, till it is signed by the cloud's clock"
    )
    return (fail if abs(ours) > MOST_SKEW_S else warn)("clock", told, remedy)


async def _credentials(checkup: Checkup, client: MetaStudio, limits: Limits) -> Finding:
    """One cheap read; whether there is such a room is looked at next."""
    room = checkup.loaded.settings.rooms[0]
    thing, cloud = THINGS[room.kind], SettingUp(client, limits)
    try:
        if room.room is None:
            await cloud.show(thing, room.room_id)
        else:
            await cloud.find(thing, wanted_room(room).name)
    except CloudError as error:
        if error.meaning in _REFUSED:
            return fail("credentials", str(error), _REFUSED[error.meaning])
        if error.meaning in _GONE:
            return fail("credentials", f"they could not be tried: {error}", "try again, or see `cloud`")
        if error.meaning is Meaning.SLOW_DOWN:
            return warn(
                "credentials", str(error), "another program uses the tenant's limit up: see what it is"
            )
    except SetupError:
        pass  # it answered: the rooms are looked at next
    return ok("credentials", f"taken by project {checkup.loaded.settings.metastudio.project_id}")


def _proxy(endpoint: str) -> str:
    """The proxy by which the client goes there, without its user; empty if it goes directly."""
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    proxy = getproxies().get(parts.scheme, "")
    if not proxy or is_loopback(host) or proxy_bypass(host):
        return ""
    return proxy.rpartition("@")[2]
