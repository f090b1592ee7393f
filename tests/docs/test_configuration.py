"""docs/configuration.md says of every key what the models say: no key is missing, none is invented."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from docs.pages import ROOT, names, read, rows
from livecue.settings import Settings, load


@dataclass(frozen=True)
class Key:
    name: str
    default: str
    secret: bool


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if isinstance(annotation, type) or get_origin(annotation) is Mapping:
        return []
    return [model for part in get_args(annotation) for model in _models(part)]


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, timedelta):
        value = f"{value.total_seconds():.0f}s"
    if isinstance(value, float):
        value = f"{value:g}"
    if isinstance(value, tuple) and value:
        value = ", ".join(map(str, value))
    empty = value is None or value in ("", (), {})
    return "–" if empty else f"`{value}`"


def _keys(model: type[BaseModel], prefix: str = "") -> Iterator[Key]:
    for name, field in model.model_fields.items():
        path = f"{prefix}{field.alias or name}"
        below = _models(field.annotation)
        many = "[]" if get_origin(field.annotation) is tuple else ""
        for one in below:
            yield from _keys(one, f"{path}{many}.")
        if not below:
            secret = name in getattr(model, "secrets", ())
            yield Key(path, _default(field), secret)


DOCUMENTED = {
    names(cells[0])[0]: cells for cells in rows(read("docs/configuration.md"), "key") if names(cells[0])
}
KEYS = {key.name: key for key in _keys(Settings)}


def test_the_walk_finds_keys_of_every_depth() -> None:
    assert {"data_dir", "nats.tls.ca_file", "metastudio.auth.sk", "rooms[].sessions[].cron"} <= KEYS.keys()


def test_no_key_is_missing_and_none_is_invented() -> None:
    assert DOCUMENTED.keys() == KEYS.keys()


@pytest.mark.parametrize("name", KEYS)
def test_the_default_is_the_models_own(name: str) -> None:
    assert DOCUMENTED[name][2] == KEYS[name].default


@pytest.mark.parametrize("name", KEYS)
def test_secrets_and_only_secrets_are_called_so(name: str) -> None:
    assert ("secret" in DOCUMENTED[name][1]) is KEYS[name].secret


def test_every_key_has_a_type_and_a_meaning() -> None:
    assert not [name for name, cells in DOCUMENTED.items() if len(cells) != 4 or not all(cells)]


def test_the_example_loads_with_secrets_at_hand(tmp_path: Path) -> None:
    for name in ("ak", "sk", "ingest-token", "callback-key"):
        (tmp_path / name).write_text("secret")
    text = read("livecue.example.yaml").replace("/etc/livecue/secrets", str(tmp_path))
    (tmp_path / "livecue.yaml").write_text(text, encoding="utf-8")
    settings = load(tmp_path / "livecue.yaml").settings
    assert all((ROOT / folder).is_dir() for folder in settings.rooms[0].rules)


def test_an_optional_model_is_walked_too() -> None:
    assert "rooms[].callback.key" in KEYS
