"""Lists in the vendor's way: offset, limit, sorting, times and names (S4 6.1.2, 6.2.2). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from livecue.sandbox.errors import invalid

T = TypeVar("T")


def page(query: Mapping[str, str], items: Sequence[T]) -> Sequence[T]:
    """`limit` items (1–100, 10) from `offset` (0)."""
    offset = number(query, "offset", 0, 0, 2_147_483_647)
    limit = number(query, "limit", 10, 1, 100)
    return items[offset : offset + limit]


def number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number of the query within its range."""
    value = query.get(name)
    if value is None or value == "":
        return default
    if not (value.isascii() and value.isdigit() and len(value) <= 13) or not least <= int(value) <= most:
        raise invalid(f"{name} must be an integer from {least} to {most}")
    return int(value)


def descending(query: Mapping[str, str]) -> bool:
    """Whether `sort_dir` is desc; asc is the default."""
    if query.get("sort_dir") not in {None, "", "asc", "desc"}:
        raise invalid("sort_dir must be asc or desc")
    return query.get("sort_dir") == "desc"


def within(
    query: Mapping[str, str], at_s: float, since: str = "create_since", until: str = "create_until"
) -> bool:
    """Whether `at_s` (Unix seconds) lies between two RFC 3339 times of the query."""
    low, high = moment(query, since), moment(query, until)
    return (low is None or at_s >= low) and (high is None or at_s <= high)


def moment(query: Mapping[str, str], name: str) -> float | None:
    """An RFC 3339 time of the query in Unix seconds."""
    value = query.get(name)
    if not value:
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise invalid(f"{name} must be a time like 2021-01-10T08:43:17Z") from error
    if at.tzinfo is None:
        raise invalid(f"{name} must carry a time zone, like 2021-01-10T08:43:17Z")
    return at.timestamp()


def chosen(query: Mapping[str, str], name: str, value: str | None) -> bool:
    """Whether `value` is among the comma-separated words of the query; an absent filter lets all pass."""
    words = query.get(name)
    return not words or value in words.split(",")


def like(query: Mapping[str, str], name: str, value: Any) -> bool:
    """Whether `value` contains the text of the query (模糊查询)."""
    return not query.get(name) or query[name] in str(value or "")
