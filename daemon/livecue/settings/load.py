"""Reads `livecue.yaml`, lets the environment override it, checks it, and says where it is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_settings import EnvSettingsSource, SettingsError

from livecue.metastudio.validate import validate_start
from livecue.settings.lines import Document, YamlError
from livecue.settings.model import Environment, Settings
from livecue.settings.plan import unknown_holidays
from livecue.settings.rooms_as_code import problems as problems_as_code
from livecue.settings.rooms_as_code import shared_standbys
from livecue.supervisor.timetable import validate as validate_session

_A_MAPPING = "must be a mapping: write `name: value` pairs below it"
_A_LIST = "must be a list: write `- …` rows below it"
_SAID = {
    "missing": "is missing: add it",
    "too_short": "must not be empty: write at least one",
    **dict.fromkeys(("model_type", "dict_type", "mapping_type"), _A_MAPPING),
    **dict.fromkeys(("list_type", "tuple_type"), _A_LIST),
    "timezone_aware": "has no offset: write it as 2027-03-01T00:00:00+08:00",
    "string_type": "must be text: put it in quotation marks",
}
_NO_PUBLIC_URL = "http.public_url is missing: write the https URL under which MetaStudio reaches this daemon"
_TAGS = frozenset({"ak_sk", "iam"})


@dataclass(frozen=True)
class Problem:
    """One thing wrong with the configuration. `line` is 0 when it came from the environment."""

    file: str
    line: int
    where: str
    what: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.where}: {self.what}" if self.where else f"{place}: {self.what}"


class ConfigError(Exception):
    """The configuration is wrong; `problems` names every place and what to write instead."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class Loaded:
    """Settings with the folder that relative paths in them start from."""

    settings: Settings
    folder: Path
    document: Document
    file: Path

    def path(self, value: str) -> Path:
        """`value` as given if absolute, else relative to the configuration file."""
        return self.folder / value


def load(file: Path) -> Loaded:
    """Read and check `file`.

    Raises:
        ConfigError: with every problem found.
    """
    name = str(file)
    try:
        document = Document(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            [Problem(name, 0, "", f"cannot be read: {error.strerror}: name another with -c")]
        ) from error
    except UnicodeError as error:
        raise ConfigError([Problem(name, 0, "", "is not UTF-8 text: save it as UTF-8")]) from error
    except YamlError as error:
        raise ConfigError([Problem(name, error.line, "", f"is not valid YAML: {error}")]) from error
    if not isinstance(document.data, Mapping):
        raise ConfigError([Problem(name, 1, "", "must be a mapping: start with `rooms:` and `metastudio:`")])
    folder = file.absolute().parent
    environment = _environment(name)
    merged = _merge(document.data, environment)
    try:
        settings = Settings.model_validate(merged, context={"base": folder})
    except ValidationError as error:
        raise ConfigError(list(_problems(name, document, environment, error))) from error
    loaded = Loaded(settings, folder, document, file.absolute())
    if deeper := list(_deeper(name, loaded)):
        raise ConfigError(deeper)
    return loaded


def _environment(name: str) -> dict[str, Any]:
    try:
        return EnvSettingsSource(Environment)()
    except SettingsError as error:
        raise ConfigError(
            [Problem(name, 0, "environment", f"{error}: write JSON, or the single values")]
        ) from error


def _merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        merged[key] = (
            _merge(under, value) if isinstance(under, Mapping) and isinstance(value, Mapping) else value
        )
    return merged


def _shared(one: Sequence[str | int], other: Sequence[str | int]) -> int:
    """How many parts two paths begin with in common."""
    return next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )


def _reaches(data: Any, path: Sequence[str | int]) -> bool:
    """Whether `data` has something at `path`."""
    for part in path:
        inside = isinstance(data, Mapping) if isinstance(part, str) else isinstance(data, list)
        if not inside or (part not in data if isinstance(part, str) else part >= len(data)):
            return False
        data = data[part]
    return True


def _problems(
    name: str, document: Document, environment: Mapping[str, Any], error: ValidationError
) -> Iterator[Problem]:
    found = error.errors(include_url=False, include_input=False)
    for one in found:
        if any(len(other["loc"]) > len(one["loc"]) == _shared(other["loc"], one["loc"]) for other in found):
            continue  # what is wrong inside says more
        path = tuple(part for part in one["loc"] if part not in _TAGS)
        what = one["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
        what = _unknown(path) if one["type"] == "extra_forbidden" else _SAID.get(one["type"], what)
        as_file = (*path[:-1], f"{path[-1]}_file") if path else path
        in_environment = bool(path) and (_reaches(environment, path) or _reaches(environment, as_file))
        whole = document.holds(path) or not document.holds(as_file)
        line = 0 if in_environment else document.line(path if whole else as_file)
        where = ".".join(map(str, path))
        if line == 0:
            where = f"environment LIVECUE_{'__'.join(str(part).upper() for part in path)}"
        yield Problem(name, line, where, what)


def _unknown(path: Sequence[str | int]) -> str:
    known = sorted(_known_keys(path[:-1]))
    near = difflib.get_close_matches(str(path[-1]), known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(known)}"
    return f"unknown key; {hint}"


def _known_keys(path: Sequence[str | int]) -> set[str]:
    """The keys of the model at `path`, including the `_file` forms of its secrets."""
    models: list[type[BaseModel]] = [Settings]
    for part in path:
        if isinstance(part, int):
            continue
        found = [
            _models_in(model.model_fields[part].annotation) for model in models if part in model.model_fields
        ]
        models = [model for group in found for model in group] or models
    keys = {field.alias or key for model in models for key, field in model.model_fields.items()}
    return keys | {f"{secret}_file" for model in models for secret in getattr(model, "secrets", ())}


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def _files(name: str, loaded: Loaded) -> Iterator[Problem]:
    nats = loaded.settings.nats
    tls = nats.tls
    for path, value in (
        (("nats", "creds_file"), nats.creds_file),
        (("nats", "tls", "ca_file"), tls.ca_file),
        (("nats", "tls", "cert_file"), tls.cert_file),
        (("nats", "tls", "key_file"), tls.key_file),
    ):
        if value and not loaded.path(value).is_file():
            what = (
                f"there is no file {loaded.path(value)}: write its path, absolute or from this file's folder"
            )
            yield Problem(name, loaded.document.line(path), ".".join(path), what)


def _deeper(name: str, loaded: Loaded) -> Iterator[Problem]:
    """What only the whole, or the packages that use a value, can judge."""
    yield from _files(name, loaded)
    rooms = loaded.settings.rooms
    for path, where, what in (
        *problems_as_code(rooms, loaded.settings.products),
        *shared_standbys(rooms),
    ):
        yield Problem(name, loaded.document.line(path), where, what)
    keys = [room.key for room in rooms]
    for place, room in enumerate(rooms):
        at: tuple[str | int, ...] = ("rooms", place)
        if room.key in keys[:place]:
            line = loaded.document.line((*at, "key"))
            yield Problem(name, line, "rooms", f"the key {room.key} is given twice: give each room its own")
        if room.callback and not loaded.settings.http.public_url:
            line = loaded.document.line((*at, "callback"))
            yield Problem(name, line, f"rooms.{room.key}.callback", _NO_PUBLIC_URL)
        yield from _plan(name, loaded, place)
        for what in validate_start(room.start):
            yield Problem(name, loaded.document.line((*at, "start")), f"rooms.{room.key}.start", what)


def _plan(name: str, loaded: Loaded, place: int) -> Iterator[Problem]:
    """What is wrong with the sessions of one room, each by itself."""
    room, plan = loaded.settings.rooms[place], loaded.settings.plan
    sessions = room.planned(plan)
    for number, session in enumerate(room.sessions):
        for what in validate_session(sessions[number]) + unknown_holidays(session, plan):
            line = loaded.document.line(("rooms", place, "sessions", number))
            yield Problem(name, line, f"rooms.{room.key}.sessions.{session.name}", what)
