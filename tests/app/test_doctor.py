"""`livecue doctor`: a healthy set-up passes, and each thing that is wrong is found and told with what to do."""

from __future__ import annotations

import asyncio
import gc
import json
import shutil
import ssl
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import nats
import pytest

from app.processes import livecue, running, write_config
from bus.servers import free_port, nats_server, old_server, one_user
from livecue.app import doctor, doctor_bus, doctor_callbacks, doctor_cloud, doctor_host
from livecue.app.daemon import now_ms
from livecue.app.doctor import Checkup
from livecue.app.findings import Finding, Verdict
from livecue.app.knock import Knock, Step, knock
from livecue.app.metrics import PrometheusMeter
from livecue.bus.api import api_request
from livecue.bus.look import StreamSeen
from livecue.bus.streams import ensure_streams
from livecue.runtime.ports import Count
from livecue.sandbox import Sandbox, SandboxOptions

ROOM_ID = "11111111-aaaa-4bbb-8ccc-00000000000a"
KEY = "CALLBACK-GEHEIM"
OK, WARN, FAIL = Verdict.OK, Verdict.WARN, Verdict.FAIL
NOW_S = 1_790_000_000.0


def config(
    folder: Path, *, sandbox: Sandbox | None = None, nats_url: str = "nats://127.0.0.1:9", **more: Any
) -> Path:
    cloud: dict[str, Any] = {
        "endpoint": "http://127.0.0.1:9",
        "project_id": "p",
        "auth": {"ak": "AKAK", "sk": "SKSK"},
    }
    if sandbox is not None:
        auth = {"ak": sandbox.ak, "sk": sandbox.sk}
        cloud = {"endpoint": sandbox.endpoint, "project_id": sandbox.project_id, "auth": auth}
    port = more.pop("port", 0)
    (folder / "var").mkdir(exist_ok=True)
    values: dict[str, Any] = {
        "metastudio": cloud,
        "nats": {"url": nats_url} | more.pop("nats", {}),
        "http": {"port": port, "public_url": f"http://127.0.0.1:{port}"},
        "rooms": [{"key": "shop", "room_id": ROOM_ID, "callback": {"key": KEY}}],
    }
    return write_config(folder, **(values | more))


def checkup(file: Path, *, ahead_s: float = 0) -> Checkup:
    """What the doctor works with; its clock may be wrong."""
    found, findings = doctor.read(file, lambda: now_ms() + round(ahead_s * 1000))
    assert found is not None, findings
    return found


async def of(part: AsyncIterator[Finding]) -> dict[str, Finding]:
    """Findings by check; the worst of each."""
    worst: dict[str, Finding] = {}
    ranks = list(Verdict)
    async for one in part:
        there = worst.get(one.check)
        if there is None or ranks.index(one.verdict) > ranks.index(there.verdict):
            worst[one.check] = one
        assert one.saw
        assert (one.verdict is OK) == (one.remedy == ""), one
    return worst


def verdicts(findings: Mapping[str, Finding]) -> dict[str, Verdict]:
    return {check: one.verdict for check, one in findings.items()}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(SandboxOptions(room_ids=(ROOM_ID,), limits={"*": 0})).running() as made:
        yield made


async def test_what_is_healthy_passes_with_the_daemon_beside_it_and_no_secret_is_told(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    async with nats_server(tmp_path, one_user()) as url:
        user = {"user": "u", "password": "geheim"}
        file = config(tmp_path, sandbox=sandbox, nats_url=url, nats=user, port=free_port())
        async with running(file) as daemon:
            await daemon.until_answer("/readyz", "200")
            code, out, err = await livecue("doctor", "-c", str(file), "--json")
            text_code, text, _ = await livecue("doctor", "-c", str(file))
            assert await daemon.end() == 0
    answer = json.loads(out)
    found = {one["check"]: one for one in answer["findings"]}
    told = {check: one["verdict"] for check, one in found.items() if check != "open-files"}
    here = ("config", "disk", "daemon", "cloud", "clock", "credentials", "rooms")
    there = ("nats", "nats-version", "jetstream", "nats-rights", "streams", "storage", "nats-clock")
    well = dict.fromkeys((*here, *there), "ok")
    assert told == well | {"callback-url": "warn"}, err  # public_url is loopback here
    urls = [one["saw"] for one in answer["findings"] if one["check"] == "callback-url"]
    assert "leads to this daemon, which refuses an unsigned callback" in urls[0]
    assert "MetaStudio cannot reach it" in urls[1]
    assert (code, text_code, answer["ok"]) == (0, 0, True)
    assert text.splitlines()[-1].endswith(", 0 fail")
    for secret in (sandbox.sk, sandbox.ak, "geheim", KEY):
        assert secret not in out + text + err


async def test_what_is_wrong_makes_the_exit_code_1_and_the_rest_is_still_looked_at(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    file = config(tmp_path, sandbox=sandbox)
    code, out, _ = await livecue("doctor", "-c", str(file))
    assert code == 1
    assert "fail  nats                  no NATS server at nats://127.0.0.1:9" in out
    assert "check nats.url" in out
    assert "ok    credentials" in out


async def test_a_configuration_that_is_wrong_is_all_there_is_to_say(tmp_path: Path) -> None:
    file = write_config(tmp_path, log_level="loud")
    code, out, err = await livecue("doctor", "-c", str(file), "--json")
    answer = json.loads(out)
    assert (code, answer["ok"], err) == (1, False, "")
    [one] = answer["findings"]
    assert one["check"] == "config"
    assert "log_level" in one["saw"]
    nowhere = {"rooms": [{"key": "a", "room_id": "r", "rules": ["nowhere"]}]}
    found, findings = doctor.read(write_config(tmp_path, **nowhere), now_ms)
    assert found is None
    assert "no such pack folder" in findings[0].saw


async def test_wrong_credentials_are_told_and_no_room_is_asked_for(tmp_path: Path, sandbox: Sandbox) -> None:
    cloud = {"endpoint": sandbox.endpoint, "project_id": sandbox.project_id}
    file = config(tmp_path, metastudio={**cloud, "auth": {"ak": sandbox.ak, "sk": "WRONG-GEHEIM"}})
    found = await of(doctor_cloud.examine_cloud(checkup(file)))
    assert verdicts(found) == {"cloud": OK, "clock": OK, "credentials": FAIL}
    assert "correct metastudio.auth" in found["credentials"].remedy
    assert "WRONG-GEHEIM" not in str(found)


async def test_a_clock_that_is_wrong_is_told_though_requests_are_signed_by_the_clouds_own(
    tmp_path: Path, sandbox: Sandbox
) -> None:
    file = config(tmp_path, sandbox=sandbox)
    found = await of(doctor_cloud.examine_cloud(checkup(file, ahead_s=1_200)))
    assert verdicts(found) == {"cloud": OK, "clock": FAIL, "credentials": OK, "rooms": OK}
    assert found["clock"].saw in {f"this machine is {n} s ahead of the cloud" for n in (1_199, 1_200, 1_201)}
    assert "15 minutes off MetaStudio refuses every request once" in found["clock"].remedy
    slow = await of(doctor_cloud.examine_cloud(checkup(file, ahead_s=-30)))
    assert verdicts(slow) == {"cloud": OK, "clock": WARN, "credentials": OK, "rooms": OK}
    assert " behind the cloud" in slow["clock"].saw


async def test_a_room_that_the_cloud_does_not_have(tmp_path: Path, sandbox: Sandbox) -> None:
    rooms = [{"key": "shop", "room_id": ROOM_ID}, {"key": "lost", "room_id": "nowhere"}]
    found = await of(doctor_cloud.examine_cloud(checkup(config(tmp_path, sandbox=sandbox, rooms=rooms))))
    assert verdicts(found) == {"cloud": OK, "clock": OK, "credentials": OK, "rooms": FAIL}
    assert "lost" in found["rooms"].saw


@pytest.mark.parametrize(
    ("url", "step"),
    [("https://nosuch.invalid", Step.NAME), ("http://127.0.0.1:9", Step.CONNECTION)],
)
async def test_a_cloud_that_cannot_be_reached_is_told_with_the_step_that_failed(
    url: str, step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    cloud = {"endpoint": url, "project_id": "p", "auth": {"ak": "AKAK", "sk": "SKSK"}}
    found = await of(doctor_cloud.examine_cloud(checkup(config(tmp_path, metastudio=cloud))))
    assert verdicts(found) == {"cloud": FAIL}
    assert f": {step}: " in found["cloud"].saw
    assert found["cloud"].remedy == doctor_cloud._STEPS[step]


async def test_a_proxy_is_named_without_its_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://me:geheim@127.0.0.1:9")
    cloud = {"endpoint": "https://nosuch.invalid", "project_id": "p", "auth": {"ak": "AKAK", "sk": "SKSK"}}
    found = await of(doctor_cloud.examine_cloud(checkup(config(tmp_path, metastudio=cloud))))
    assert verdicts(found) == {"cloud": OK, "credentials": FAIL}
    assert "by the proxy 127.0.0.1:9" in found["cloud"].saw
    assert "geheim" not in str(found)


@asynccontextmanager
async def answering(answer: bytes, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server that says this to whoever asks; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        with suppress(OSError):
            await reader.read(65_536)
            writer.write(answer)
            writer.close()
            await writer.wait_closed()

    tasks: set[Any] = set()
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.gather(*tasks)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "the connection was closed without an answer"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "the answer is not HTTP"),
    ],
)
async def test_what_is_no_web_server_is_told(answer: bytes, error: str) -> None:
    async with answering(answer) as port:
        seen = await knock(f"http://127.0.0.1:{port}", time.time)
    assert (seen.failed, seen.error) == (Step.ANSWER, error)


async def test_a_port_that_nobody_listens_on_is_told_in_the_systems_words() -> None:
    seen = await knock(f"http://127.0.0.1:{free_port()}", time.time)
    assert (seen.failed, seen.error, seen.addresses) == (
        Step.CONNECTION,
        "Connection refused",
        ("127.0.0.1",),
    )


async def test_what_never_answers_is_given_up() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        gone.set()

    gone = asyncio.Event()
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    seen = await knock(f"http://127.0.0.1:{port}", time.time, timeout_s=0.1)
    server.close()
    await gone.wait()
    assert (seen.failed, seen.error) == (Step.ANSWER, "nothing for 0.1 s")


async def test_a_certificate_is_checked_and_its_end_is_told(tmp_path: Path) -> None:
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl to make a certificate with: the handshake is not tried")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    asked = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "10")
    name = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost")
    made = await asyncio.create_subprocess_exec(
        openssl,
        *asked,
        *name,
        "-keyout",
        str(key),
        "-out",
        str(certificate),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await made.wait() == 0
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda *_: None)  # the server's side of the handshake that is refused
    async with answering(b"HTTP/1.1 401 Unauthorized\r\n\r\n", context) as port:
        http = {"port": 0, "public_url": f"https://localhost:{port}"}
        patient = checkup(config(tmp_path, http=http))
        found = await of(doctor_callbacks.examine_callbacks(patient))
        assert verdicts(found) == {"callback-url": FAIL}
        assert ": certificate: self" in found["callback-url"].saw
        trusted = ssl.create_default_context(cafile=str(certificate))
        found = await of(doctor_callbacks.examine_callbacks(patient, trusted))
    assert verdicts(found) == {"callback-url": WARN, "callback-certificate": WARN}
    assert "10 days" in found["callback-certificate"].saw


@pytest.mark.parametrize(
    ("left_days", "verdict"), [(90, OK), (14.1, OK), (13.9, WARN), (0.1, WARN), (-1, FAIL)]
)
def test_a_certificate_is_told_of_a_fortnight_before_it_ends(left_days: float, verdict: Verdict) -> None:
    assert doctor_callbacks.certificate(NOW_S + left_days * 86_400, NOW_S).verdict is verdict


@pytest.mark.parametrize(
    ("status", "before", "after", "verdict", "says"),
    [
        (401, 3, 4, OK, "leads to this daemon"),
        (401, 3, 3, WARN, "has not seen it"),
        (401, None, None, WARN, "where the daemon runs"),
        (200, 0, 0, FAIL, "route /callbacks/ of that address"),
        (404, 0, 0, FAIL, "route /callbacks/ of that address"),
        (301, 0, 0, FAIL, "livecue never redirects"),
        (502, 0, 0, FAIL, "nobody behind it"),
    ],
)
def test_who_answers_at_the_callback_url(
    status: int, before: float | None, after: float | None, verdict: Verdict, says: str
) -> None:
    seen = Knock("https://live.example.com/callbacks/shop", Step.DONE, status=status)
    found = doctor_callbacks.answered(seen, before, after)
    assert found.verdict is verdict
    assert says in f"{found.saw} {found.remedy}"


async def test_another_server_on_the_daemons_port_is_not_taken_for_it(tmp_path: Path) -> None:
    async with answering(b"HTTP/1.1 401 No\r\n\r\n{}") as port:
        patient = checkup(config(tmp_path, port=port))
        assert verdicts(await of(doctor_callbacks.examine_daemon(patient))) == {"daemon": FAIL}
        found = await of(doctor_callbacks.examine_callbacks(patient))
    assert verdicts(found) == {"callback-url": WARN}
    nobody = checkup(config(tmp_path, port=free_port()))
    assert verdicts(await of(doctor_callbacks.examine_daemon(nobody))) == {"daemon": WARN}
    assert verdicts(await of(doctor_callbacks.examine_callbacks(nobody))) == {"callback-url": FAIL}
    rooms = [{"key": "shop", "room_id": ROOM_ID}]
    quiet = checkup(config(tmp_path, rooms=rooms))
    assert verdicts(await of(doctor_callbacks.examine_callbacks(quiet))) == {"callbacks": OK}


async def test_only_this_rooms_refusals_are_counted(tmp_path: Path) -> None:
    page = PrometheusMeter()
    for room, reason, n in (("shop", "missing", 2), ("shop", "stale", 1), ("other", "missing", 9)):
        page.count(Count.CALLBACKS_REJECTED, room, n, reason)
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n" + page.page()) as port:
        patient = checkup(config(tmp_path, port=port))
        assert await doctor_callbacks._rejected(patient, "shop") == 3
        assert await doctor_callbacks._rejected(patient, "new") == 0
    async with answering(b"HTTP/1.1 200 OK\r\n\r\n<html>") as port:
        assert await doctor_callbacks._rejected(checkup(config(tmp_path, port=port)), "shop") is None


async def bus(folder: Path, url: str, *, ahead_s: float = 0, **nats_keys: Any) -> dict[str, Finding]:
    file = config(folder, nats_url=url, nats=nats_keys)
    return await of(doctor_bus.examine_bus(checkup(file, ahead_s=ahead_s)))


async def test_a_bus_without_jetstream_an_old_one_and_one_that_refuses_us(tmp_path: Path) -> None:
    async with nats_server(tmp_path, jetstream=False) as url:
        found = await bus(tmp_path, url)
    assert verdicts(found) == {"nats": OK, "nats-version": OK, "jetstream": FAIL}
    assert "nats-server with `-js`" in found["jetstream"].remedy
    async with old_server("2.9.1") as url:
        found = await bus(tmp_path, url)
    assert verdicts(found) == {"nats": OK, "nats-version": FAIL}
    assert "2.9 is too old" in found["nats-version"].saw
    async with nats_server(tmp_path, one_user()) as url:
        found = await bus(tmp_path, url, user="u", password="falsch-geheim")
    assert verdicts(found) == {"nats": FAIL}
    gc.collect()  # a socket left open would warn
    assert "correct nats.token" in found["nats"].remedy
    assert "falsch-geheim" not in str(found)


async def test_rights_that_are_missing_are_listed(tmp_path: Path) -> None:
    async with nats_server(tmp_path, one_user(deny_publish=["live.audit.>", "live.dead.>"])) as url:
        found = await bus(tmp_path, url, user="u", password="geheim")
    assert found["nats-rights"].verdict is FAIL
    assert "publish to live.audit.*, publish to live.dead.*" in found["nats-rights"].saw
    async with nats_server(tmp_path, one_user(deny_publish=["$JS.API.>"])) as url:
        found = await bus(tmp_path, url, user="u", password="geheim")
    assert verdicts(found) == {"nats": OK, "nats-version": OK, "nats-rights": FAIL}
    assert "publish to $JS.API.>" in found["nats-rights"].saw


async def test_streams_are_judged_and_none_is_made_or_changed(tmp_path: Path) -> None:
    async with nats_server(tmp_path) as url:
        found = await bus(tmp_path, url)
        assert found["streams"].saw.startswith("made at the first start: LIVE_IN, LIVE_OUT")
        assert "nats-clock" not in found
        nc = await nats.connect(url)
        try:
            assert not (await api_request(nc, "STREAM.NAMES", {}))["streams"]
            await ensure_streams(nc, 1)
            found = await bus(tmp_path, url, ahead_s=5)
            assert set(verdicts(found).values()) == {OK, WARN}
            assert found["nats-clock"].verdict is WARN
            assert found["nats-clock"].saw.startswith("the bus is 5.0 s behind")
            assert (await bus(tmp_path, url, ahead_s=-60))["nats-clock"].verdict is FAIL
            for name in ("LIVE_IN", "LIVE_DEAD"):
                await api_request(nc, f"STREAM.DELETE.{name}", {})
            await api_request(nc, "STREAM.CREATE.LIVE_IN", {"name": "LIVE_IN", "subjects": ["orders.*"]})
            await api_request(nc, "STREAM.CREATE.ALL", {"name": "ALL", "subjects": ["live.dead.>"]})
            found = await bus(tmp_path, url, replicas=3)
            assert "it stores orders.*" in found["stream LIVE_IN"].saw
            assert "stored by ALL (live.dead.*)" in found["stream LIVE_DEAD"].saw
            assert found["stream LIVE_OUT"].verdict is WARN
            assert "streams" not in found
            config_now = (await api_request(nc, "STREAM.INFO.LIVE_IN", {}))["config"]
            assert config_now["subjects"] == ["orders.*"]
        finally:
            await nc.close()


async def test_the_server_of_its_own_is_looked_at_when_it_runs(tmp_path: Path) -> None:
    file = config(tmp_path, nats_url="embedded")
    found = await of(doctor_bus.examine_bus(checkup(file)))
    assert verdicts(found) == {"nats-embedded": OK}
    assert "it comes up with `livecue run`" in found["nats-embedded"].saw
    async with running(file) as daemon:
        await daemon.until_answer("/readyz", '"bus":"ok"')
        found = await of(doctor_bus.examine_bus(checkup(file)))
        await daemon.end()
    assert found["streams"].verdict is OK
    assert found["nats-clock"].verdict is OK


@pytest.mark.parametrize(
    ("stream", "replicas", "verdict", "says"),
    [
        (StreamSeen("LIVE_OUT", True, 512, sheds=False, bytes_mb=450, max_mb=512, replicas=1), 1, WARN, "450 of 512"),
        (StreamSeen("LIVE_OUT", True, 512, sheds=False, bytes_mb=511, max_mb=512, replicas=1), 1, FAIL, "max-bytes"),
        (StreamSeen("LIVE_IN", True, 512, sheds=True, bytes_mb=511, max_mb=512, replicas=1), 1, OK, "LIVE_IN"),
        (StreamSeen("LIVE_IN", True, 512, replicas=1), 3, WARN, "--replicas=3"),
        (StreamSeen("LIVE_IN", True, 512, replicas=3, led=False), 3, FAIL, "no leader"),
        (StreamSeen("LIVE_IN", True, 512, replicas=1, differing=("a: has 1",)), 1, WARN, "a: has 1"),
    ],
)  # fmt: skip
def test_a_stream_is_judged(stream: StreamSeen, replicas: int, verdict: Verdict, says: str) -> None:
    first, *_ = doctor_bus.judged([stream], replicas)
    assert first.verdict is verdict
    assert says in f"{first.saw} {first.remedy}"


def test_storage_is_enough_for_what_is_still_to_be_made() -> None:
    streams = [StreamSeen("A", False, 512), StreamSeen("B", True, 512)]
    assert doctor_bus.storage(streams, 100, 612).verdict is OK
    assert doctor_bus.storage(streams, 101, 612).verdict is FAIL
    assert "it tells nobody" in doctor_bus.storage(streams, 100, None).saw


def test_the_disk_and_the_files(tmp_path: Path) -> None:
    assert doctor_host.disk(tmp_path / "not" / "yet", 1).verdict is OK
    assert doctor_host.disk(tmp_path, sys.maxsize).verdict is WARN
    (tmp_path / "file").touch()
    assert doctor_host.disk(tmp_path / "file", 1).verdict is FAIL
    assert doctor_host.disk(tmp_path / "file" / "below", 1).verdict is FAIL
    assert [doctor_host.open_files(n).verdict for n in (100, 1_024, 65_536, -1)] == [FAIL, WARN, OK, OK]
