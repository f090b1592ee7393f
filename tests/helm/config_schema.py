"""What values.schema.json says of `config`: the keys of livecue.yaml, taken from the daemon's own models.

Types are the daemon's business (`livecue check`); the schema is there for keys that do not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from livecue.settings import Settings

_ALSO = {"Ingest": ("tokens_sha256_file",)}  # not a secret, and given as a file all the same
_STRICTER: Mapping[str, Mapping[str, Any]] = {
    "": {"required": ["nats", "metastudio", "http", "rooms"]},
    "nats": {"required": ["url"]},
    "nats.url": {"type": "string", "pattern": "^(embedded|(nats|tls|ws|wss)://.+)$"},
    "metastudio": {"required": ["project_id", "auth"]},
    "http": {"required": ["host", "port"]},
    "http.port": {"type": "integer", "minimum": 1024, "maximum": 65535},
    "rooms": {"minItems": 1},
    "rooms[]": {"required": ["key"]},
}
"""What the templates rely on."""


def models(annotation: Any) -> list[type[BaseModel]]:
    """The models that a field of this annotation may hold; those behind a map's free keys are not its own."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if isinstance(annotation, type) or get_origin(annotation) is Mapping:
        return []
    return [model for part in get_args(annotation) for model in models(part)]


def schema(kinds: tuple[type[BaseModel], ...] = (Settings,), at: str = "") -> dict[str, Any]:
    """Of a map that is one of `kinds`, with no other keys than theirs."""
    properties: dict[str, Any] = {}
    for kind in kinds:
        for name, field in kind.model_fields.items():
            key = field.alias or name
            path = f"{at}.{key}" if at else key
            below = tuple(models(field.annotation))
            many = get_origin(field.annotation) is tuple
            one = schema(below, f"{path}[]" if many else path) if below else {}
            whole = {"type": "array", "items": one} if many and below else one
            properties[key] = {**whole, **_STRICTER.get(path, {})}
        files = [*(f"{name}_file" for name in getattr(kind, "secrets", ())), *_ALSO.get(kind.__name__, ())]
        properties |= {name: {"type": "string", "minLength": 1} for name in files}
    body = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**body, **_STRICTER.get(at, {})}


def secrets(kind: type[BaseModel] = Settings, at: str = "") -> Iterator[str]:
    """The place of every secret, with [] for a place in a list."""
    for name, field in kind.model_fields.items():
        path = f"{at}.{field.alias or name}" if at else field.alias or name
        if name in getattr(kind, "secrets", ()):
            yield path
        for below in models(field.annotation):
            yield from secrets(below, f"{path}[]" if get_origin(field.annotation) is tuple else path)
