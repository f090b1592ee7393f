"""Three nats-servers as one cluster, from the same wheel."""

from __future__ import annotations

import json
from pathlib import Path

from acceptance.processes import BIN, Process, free_port, until_listening

NAMES = ("a", "b", "c")


class Member(Process):
    """One server of the cluster."""

    def __init__(self, name: str, folder: Path, port: int, cluster_port: int, routes: list[int]) -> None:
        folder.mkdir(parents=True)
        super().__init__(folder / "nats.log")
        self.name, self.port = name, port
        self.config = folder / "nats.conf"
        config = {
            "server_name": name,
            "listen": f"127.0.0.1:{port}",
            "jetstream": {"store_dir": str(folder / "store"), "max_file_store": 4 << 30},
            "cluster": {
                "name": "livecue",
                "listen": f"127.0.0.1:{cluster_port}",
                "routes": [f"nats://127.0.0.1:{route}" for route in routes],
            },
        }
        self.config.write_text(json.dumps(config))

    def up(self) -> None:
        self.spawn(str(BIN / "nats-server"), "-c", str(self.config))


class Cluster:
    def __init__(self, folder: Path) -> None:
        routes = [free_port() for _ in NAMES]
        self.members = {
            name: Member(name, folder / name, free_port(), routes[place], routes)
            for place, name in enumerate(NAMES)
        }

    @property
    def url(self) -> str:
        return ",".join(f"nats://127.0.0.1:{one.port}" for one in self.members.values())

    def up(self) -> None:
        for one in self.members.values():
            one.up()
        for one in self.members.values():
            until_listening(one.port)

    def kill(self) -> None:
        for one in self.members.values():
            one.kill()
