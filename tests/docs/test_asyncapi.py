"""docs/asyncapi.yaml is what the code says now."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import yaml

import livecue
from docs.pages import read

DOCUMENT: dict[str, Any] = yaml.safe_load(read("docs/asyncapi.yaml"))


def _printed(seed: str) -> str:
    command = [sys.executable, "-m", "livecue.bus.asyncapi"]
    done = subprocess.run(
        command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed}
    )
    return done.stdout.decode()


def test_the_file_is_up_to_date_whatever_the_hash_seed() -> None:
    """If this fails: `make asyncapi`."""
    assert _printed("1") == read("docs/asyncapi.yaml") == _printed("2")


def test_it_is_of_this_version() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert DOCUMENT["info"] | {"description": ""} == {
        "title": "livecue",
        "version": livecue.__version__,
        "description": "",
    }


def test_every_subject_is_sent_to_or_received_from() -> None:
    lanes = {"events", "signals", "cues", "reports", "asks", "audit", "dead"}
    sent = {name for name, one in DOCUMENT["operations"].items() if one["action"] == "send"}
    received = {
        name.partition("-")[0] for name, one in DOCUMENT["operations"].items() if one["action"] != "send"
    }
    assert sent == lanes
    assert received == {"events", "signals", "cues", "reports", "asks"}


def test_every_reference_leads_somewhere() -> None:
    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [one for value in node.values() for one in references(value)]
        return [one for value in node for one in references(value)] if isinstance(node, list) else []

    found = references(DOCUMENT)
    assert len(found) > 20
    for reference in found:
        node: Any = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
