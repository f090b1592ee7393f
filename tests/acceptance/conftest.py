"""One cloud and one daemon with many rooms serve the tests that need no crash; the others start their own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from acceptance.cloud import Cloud
from acceptance.processes import Livecue, Nats, free_port, until_now
from acceptance.stage import rooms_of_the_shared_daemon
from acceptance.writing import Bus, bus_of, config

MakeDaemon = Callable[..., Livecue]
MakeNats = Callable[[Path], Nats]

_FAILED = pytest.StashKey[bool]()
_LAST_WORDS = 8_000


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.when == "call":
        item.stash[_FAILED] = report.failed
    return report


@pytest.fixture(scope="session")
def shared_cloud() -> Iterator[Cloud]:
    cloud = Cloud(free_port())
    cloud.up()
    yield cloud
    cloud.down()


@pytest.fixture(scope="session")
def desk(shared_cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Livecue]:
    """The shared daemon, all its rooms live."""
    folder = tmp_path_factory.mktemp("desk")
    rooms = rooms_of_the_shared_daemon(folder)
    daemon = Livecue(folder, config(shared_cloud, rooms))
    daemon.up_and_ready()
    lives = [str(room["room_id"]) for room in rooms]
    until_now(lambda: all(shared_cloud.of("start", one) for one in lives), 30, "not every room went live")
    until_now(lambda: len(daemon.logged("job-started")) >= len(rooms), 10)
    yield daemon
    daemon.terminate()


@pytest.fixture
async def bus(desk: Livecue) -> AsyncIterator[Bus]:
    async with bus_of(desk) as one:
        yield one


@pytest.fixture
def room_ids(desk: Livecue) -> Mapping[str, str]:
    """What the cloud calls each room of the shared daemon."""
    return {room["key"]: room["room_id"] for room in desk.config["rooms"]}


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    """A cloud of the test's own, already up. Nobody may have broken a limit or a documented shape."""
    own = Cloud(free_port())
    own.up()
    yield own
    own.down()
    assert own.gate.violations == []
    assert own.complaints == []


@pytest.fixture
def external() -> Iterator[MakeNats]:
    """Makes plain nats-servers."""
    with ExitStack() as stack:

        def make(folder: Path) -> Nats:
            server = Nats(folder)
            stack.callback(server.kill)
            return server

        yield make


@pytest.fixture
def daemon(tmp_path: Path, cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[MakeDaemon]:
    """Makes daemons of the test's own; whatever is left of them is killed. After a failure it is said
    what they and the cloud last saw.
    """
    made: list[Livecue] = []
    with ExitStack() as stack:

        def make(rooms: Sequence[Mapping[str, Any]], folder: str = "daemon", **more: Any) -> Livecue:
            one = Livecue(tmp_path / folder, config(cloud, rooms, **more))
            stack.callback(one.kill)
            made.append(one)
            return one

        yield make
        if request.node.stash.get(_FAILED, False):
            print("\n".join(one.words()[-_LAST_WORDS:] for one in made))  # noqa: T201
            print(*(f"{call.operation} {call.status}" for call in cloud.calls), sep=", ")  # noqa: T201
