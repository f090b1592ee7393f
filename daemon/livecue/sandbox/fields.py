"""Checks of request fields against their documented ranges. Every failure is 400 MSS.00000003. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from livecue.sandbox.errors import invalid

Body = Mapping[str, Any]


def text(body: Body, name: str, longest: int, *, shortest: int = 0, required: bool = False) -> str | None:
    """A string of `shortest` to `longest` characters; None if it is absent."""
    value = body.get(name)
    if value is None:
        if required:
            raise invalid(f"{name} is required")
        return None
    if not isinstance(value, str) or not shortest <= len(value) <= longest:
        raise invalid(f"{name} must be a string of {shortest} to {longest} characters")
    return value


def integer(body: Body, name: str, least: int, most: int, *, required: bool = False) -> int | None:
    """A whole number from `least` to `most`; None if it is absent."""
    value = body.get(name)
    if value is None and not required:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise invalid(f"{name} must be an integer from {least} to {most}")
    return value


def boolean(body: Body, name: str) -> bool | None:
    """A truth value; None if it is absent."""
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise invalid(f"{name} must be true or false")
    return value


def word(body: Body, name: str, known: Collection[str], *, required: bool = False) -> str | None:
    """One of the known words; None if it is absent."""
    value = body.get(name)
    if value is None and not required:
        return None
    if not isinstance(value, str) or value not in known:
        raise invalid(f"{name} must be one of {', '.join(known)}")
    return value


def section(body: Body, name: str) -> Body:
    """A nested object; empty if it is absent."""
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise invalid(f"{name} must be an object")
    return value


def sections(body: Body, name: str, most: int) -> Sequence[Body]:
    """A list of at most `most` objects; empty if it is absent."""
    value = listed(body, name, most)
    if not all(isinstance(item, dict) for item in value):
        raise invalid(f"{name} must be a list of objects")
    return value


def strings(body: Body, name: str, most: int, longest: int, *, shortest: int = 0) -> Sequence[str]:
    """A list of at most `most` strings of `shortest` to `longest` characters; empty if it is absent."""
    value = listed(body, name, most)
    if not all(isinstance(item, str) and shortest <= len(item) <= longest for item in value):
        raise invalid(f"{name} must be a list of strings of {shortest} to {longest} characters")
    return value


def listed(body: Body, name: str, most: int) -> Sequence[Any]:
    """A list of at most `most` items; empty if it is absent."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > most:
        raise invalid(f"{name} must be a list of at most {most} items")
    return value


def url(body: Body, name: str, longest: int, schemes: Collection[str]) -> str | None:
    """An absolute URL; None if it is absent or empty."""
    value = text(body, name, longest)
    if not value:
        return None
    if not is_url(value, schemes):
        raise invalid(f"{name} must be an absolute URL ({', '.join(schemes)})")
    return value


def is_url(value: str, schemes: Collection[str]) -> bool:
    """Whether `value` is an absolute URL of one of `schemes`."""
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port >= 0)
    except ValueError:
        return False
