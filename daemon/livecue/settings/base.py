"""What every part of `livecue.yaml` is made of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationInfo, model_validator

from livecue.metastudio.connecting import is_loopback


def read_secret(path: object, name: str, info: ValidationInfo) -> str:
    """The text of a secret's file, without the line end; relative to the configuration file."""
    base = (info.context or {}).get("base", Path())
    try:
        text: str = (base / str(path)).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        raise ValueError(f"{name} cannot be read: {type(error).__name__}: {path}") from error
    return text


class Strict(BaseModel):
    """Frozen, and a key it does not know is an error. `secrets` may each be given as `<name>_file`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)
    secrets: ClassVar[tuple[str, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, data: Any, info: ValidationInfo) -> Any:
        if not isinstance(data, Mapping) or not cls.secrets:
            return data
        values = dict(data)
        for name in cls.secrets:
            path = values.pop(f"{name}_file", None)
            if path is None:
                continue
            if values.get(name) is not None:
                raise ValueError(f"give either {name} or {name}_file, not both")
            values[name] = read_secret(path, f"{name}_file", info)
        return values


def safe_url(value: str) -> str:
    """`value` without a trailing slash; https, or http towards this machine."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("write a URL such as https://host")
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ValueError("http only towards loopback: write https://")
    return value.rstrip("/")
