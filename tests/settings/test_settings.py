"""What a right configuration means; the environment over the file; secrets from files."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path

import pytest

from livecue.app.rooms import calendar_urls, secrets_of
from livecue.domain import ReportMode, RoomKind, Unplanned
from livecue.settings import AkSk, ConfigError, Loaded, load

DESIGN = """
data_dir: ./var
nats: {url: embedded}                   # or nats://host:4222[,…] with creds_file, tls
metastudio:
  endpoint: https://metastudio.cn-north-4.myhuaweicloud.com     # http only towards loopback
  region: cn-north-4                    # picks the documented limits
  project_id: 70b76000000000000000000000000000
  auth: {ak: AKAKAKAK, sk: SKSKSKSK}                # or {iam_endpoint, domain, user, password, project}
  limits: {command: 4, report: 4}       # optional, per second and tenant
http: {host: 127.0.0.1, port: 8080, public_url: https://live.example.com}   # public_url: http only on loopback
airtime: {max_queued_s: 8, max_share: 0.5}       # defaults; also per room
rooms:
  - key: flagship                       # [a-z0-9-]{1,63}: the room's name on the bus, in URLs, in metrics
    kind: live                          # live | chat
    room_id: 24bad716-87b1-45e5-8912-6102f7693265
    rules: [rules/ecommerce]            # pack folders in order, relative to this file or absolute
    report: unmatched                   # all | unmatched | none: which events also go to live-event-report
    unplanned: attach                   # attach | stop | ignore: a running job that no session wants
    callback: {auth_type: MSS_A_HEAD, key: KEYKEY}
    start: {output_urls: ["rtmp://push.example.com/live/1"], stream_keys: [STREAMKEY]}
    sessions:
      - {name: evening, cron: "0 20 * * *", duration: 4h, timezone: Asia/Shanghai}
      - {name: launch, start: 2026-11-27T20:00:00+08:00, end: 2026-11-28T02:00:00+08:00}
"""
SMALL = """
metastudio: {project_id: p, auth: {ak: akak, sk: sksk}}
rooms: [{key: a, room_id: r}]
"""


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("LIVECUE_")]:
        monkeypatch.delenv(name)


def loaded(folder: Path, text: str) -> Loaded:
    file = folder / "livecue.yaml"
    file.write_text(text)
    return load(file)


def complaint(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return str(caught.value).replace(f"{folder}/", "")


def test_the_sample_of_the_design_is_right(tmp_path: Path) -> None:
    settings = loaded(tmp_path, DESIGN).settings
    [room] = settings.rooms
    assert (room.kind, room.report, room.unplanned) == (RoomKind.LIVE, ReportMode.UNMATCHED, Unplanned.ATTACH)
    evening, launch = room.planned(settings.plan)
    assert evening.duration == timedelta(hours=4)
    assert launch.end is not None
    assert settings.nats.embedded
    assert set(secrets_of(settings)) == {"AKAKAKAK", "SKSKSKSK", "KEYKEY", "STREAMKEY"}
    assert "SKSK" not in repr(settings)


def test_what_is_not_said_has_a_default(tmp_path: Path) -> None:
    settings = loaded(tmp_path, SMALL).settings
    assert (settings.data_dir, settings.http.host, settings.http.port) == ("./var", "127.0.0.1", 8080)
    assert settings.rooms[0].callback is None


def test_paths_start_from_the_files_folder(tmp_path: Path) -> None:
    one = loaded(tmp_path, SMALL)
    assert one.path("rules/x") == tmp_path / "rules/x"
    assert one.path("/absolute") == Path("/absolute")


def test_the_environment_is_above_the_file_at_every_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVECUE_LOG_LEVEL", "debug")
    monkeypatch.setenv("LIVECUE_HTTP__PORT", "9999")
    monkeypatch.setenv("LIVECUE_METASTUDIO__AUTH__SK", "123456")
    monkeypatch.setenv("LIVECUE_METASTUDIO__LIMITS", '{"command": 2}')
    settings = loaded(tmp_path, SMALL).settings
    auth = settings.metastudio.auth
    assert isinstance(auth, AkSk)
    assert (settings.log_level, settings.http.port) == ("debug", 9999)
    assert (auth.ak.get_secret_value(), auth.sk.get_secret_value()) == ("akak", "123456")
    assert settings.metastudio.limits == {"command": 2}


def test_secrets_may_come_from_the_environment_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVECUE_METASTUDIO__AUTH__AK", "akak")
    monkeypatch.setenv("LIVECUE_METASTUDIO__AUTH__SK_FILE", "sk.txt")
    (tmp_path / "sk.txt").write_text("from a file\n")
    auth = loaded(tmp_path, SMALL.replace(", auth: {ak: akak, sk: sksk}", "")).settings.metastudio.auth
    assert isinstance(auth, AkSk)
    assert auth.sk.get_secret_value() == "from a file"


def test_rooms_may_come_from_the_environment_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVECUE_ROOMS", '[{"key": "b", "room_id": "r2"}]')
    assert [room.key for room in loaded(tmp_path, SMALL).settings.rooms] == ["b"]


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("LIVECUE_LOG_LEVEL", "loud", "environment LIVECUE_LOG_LEVEL: Input should be 'debug'"),
        ("LIVECUE_HTTP__PORTT", "1", "environment LIVECUE_HTTP__PORTT: unknown key; did you mean `port`?"),
        ("LIVECUE_NATS__URL", "here", "environment LIVECUE_NATS__URL: write `embedded`"),
        ("LIVECUE_ROOMS", "nonsense", 'environment: error parsing value for field "rooms"'),
    ],
)
def test_a_mistake_of_the_environment_is_not_laid_to_the_file(
    name: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    text = SMALL + "nats: {url: embedded}\nlog_level: info\n"
    assert complaint(tmp_path, text).startswith(f"livecue.yaml: {said}")


def test_a_secret_file_is_read_from_the_files_folder_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/sk").write_text("  geheim\n")
    auth = loaded(tmp_path, SMALL.replace("sk: sksk", "sk_file: secrets/sk")).settings.metastudio.auth
    assert isinstance(auth, AkSk)
    assert auth.sk.get_secret_value() == "geheim"


def test_an_empty_secret_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sk").write_text("\n")
    said = complaint(tmp_path, SMALL.replace("sk: sksk", "sk_file: sk"))
    assert said.endswith("metastudio.auth.sk: must not be empty: write at least one")


def test_stream_keys_may_come_from_a_file_one_a_line(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("key-1\n")
    start = "start: {output_urls: ['rtmp://push.example.com/1'], stream_keys_file: keys}"
    settings = loaded(tmp_path, SMALL.replace("room_id: r", f"room_id: r, {start}")).settings
    assert settings.rooms[0].start["stream_keys"] == ["key-1"]
    assert "key-1" in secrets_of(settings)


def test_the_address_of_a_private_calendar_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "calendar").write_text("https://calendar.example.com/live.ics?key=geheim\n")
    plan = "plan: {holidays: {shop: {ics_file: calendar}}}\n"
    session = "sessions: [{name: s, ics_file: calendar}]"
    settings = loaded(tmp_path, plan + SMALL.replace("room_id: r", f"room_id: r, {session}")).settings
    url = "https://calendar.example.com/live.ics?key=geheim"
    assert calendar_urls(settings) == [url, url]
    both = "sessions: [{name: s, ics: a.ics, ics_file: calendar}]"
    said = complaint(tmp_path, SMALL.replace("room_id: r", f"room_id: r, {both}"))
    assert said.endswith("give either ics or ics_file, not both")


@pytest.mark.parametrize(
    ("written", "meant"),
    [("4h", 4 * 3600), ("90m", 5400), ("1h30m", 5400), ("45s", 45), ("1d", 86_400), ("600", 600)],
)
def test_durations_are_written_as_people_write_them(written: str, meant: int, tmp_path: Path) -> None:
    session = f"sessions: [{{name: s, cron: '0 20 * * *', duration: {written}}}]"
    settings = loaded(tmp_path, SMALL.replace("room_id: r", f"room_id: r, {session}")).settings
    assert settings.rooms[0].sessions[0].duration == timedelta(seconds=meant)


def test_a_password_inside_the_address_of_the_bus_is_a_secret_too(tmp_path: Path) -> None:
    settings = loaded(
        tmp_path, SMALL + "nats: {url: 'nats://user:p%40ss@one:4222,nats://token1@two:4222'}\n"
    ).settings
    assert {"p%40ss", "p@ss", "token1"} <= set(secrets_of(settings))


def test_iam_credentials_are_the_other_way(tmp_path: Path) -> None:
    iam = "{iam_endpoint: 'https://iam.example.com/', domain: d, user: u, password: geheim, project: cn}"
    settings = loaded(tmp_path, SMALL.replace("{ak: akak, sk: sksk}", iam)).settings
    assert not isinstance(settings.metastudio.auth, AkSk)
    assert secrets_of(settings) == ["geheim"]
