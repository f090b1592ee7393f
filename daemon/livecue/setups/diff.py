"""What differs between a wanted set-up and the one shown, and the body that makes them agree.

Only what is wanted is compared. A wanted list is the whole list; its items are matched with those
shown by their names, so that fields of an item that nobody spoke of stay.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

from livecue.setups.fields import DEFAULTS, NAMES


class Change(NamedTuple):
    """`path` is to become `new`; None where there is nothing."""

    path: str
    old: Any
    new: Any


def changes(wanted: Mapping[str, Any], shown: Mapping[str, Any]) -> tuple[Change, ...]:
    """What has to change, in the order of `wanted`; a wanted null leaves the field to the cloud."""
    return tuple(_mapping("", "", wanted, shown))


def merged(wanted: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
    """`shown` with all that is wanted in it."""
    given = {name: value for name, value in wanted.items() if value is not None}
    return {**shown, **{name: _merged(value, shown.get(name)) for name, value in given.items()}}


def _mapping(path: str, around: str, wanted: Mapping[str, Any], shown: Mapping[str, Any]) -> Iterator[Change]:
    for name, value in wanted.items():
        if value is None:
            continue
        at = f"{path}.{name}" if path else name
        have = shown.get(name)
        if have is None:
            have = DEFAULTS.get((around, name))
        yield from _value(at, name, value, have)


def _value(path: str, name: str, wanted: Any, shown: Any) -> Iterator[Change]:
    if isinstance(wanted, Mapping) and isinstance(shown, Mapping):
        yield from _mapping(path, name, wanted, shown)
    elif _is_list(wanted) and _is_list(shown) and _all_mappings(wanted):
        yield from _items(path, name, wanted, shown)
    elif not _same(wanted, shown):
        yield Change(path, shown, wanted)


def _items(path: str, name: str, wanted: Sequence[Any], shown: Sequence[Any]) -> Iterator[Change]:
    matched = _matched(wanted, shown)
    by = _name_of(wanted)
    for number, (item, have) in enumerate(zip(wanted, matched, strict=True)):
        label = f"{path}[{item[by] if by else number}]"
        if have is None:
            yield Change(label, None, item)
        else:
            yield from _value(label, name, item, have)
    kept = [id(have) for have in matched if have is not None]
    for number, have in enumerate(shown):
        if id(have) not in kept:
            gone = have.get(by, number) if by and isinstance(have, Mapping) else number
            yield Change(f"{path}[{gone}]", have, None)
    order = [have for have in shown if id(have) in kept]
    if by and not _ordered_by_field(wanted) and [id(have) for have in order] != kept:
        yield Change(f"{path} (order)", [have[by] for have in order], [item[by] for item in wanted])


def _ordered_by_field(items: Sequence[Any]) -> bool:
    """Whether a field of each says its place (assets, S4 6.3.1): then the list is shown as the cloud likes."""
    return all(isinstance(item, Mapping) and item.get("order") for item in items)


def _matched(wanted: Sequence[Any], shown: Sequence[Any]) -> list[Any]:
    """What is shown of each wanted item, None where there is nothing."""
    by = _name_of(wanted)
    if by is None:
        pairs = list(zip_longest(wanted, shown))
        return [have for _, have in pairs[: len(wanted)]]
    there: dict[str, Any] = {}
    for have in shown:
        if _names(have, by):
            there.setdefault(str(have[by]), have)
    return [there.get(str(item[by])) for item in wanted]


def _name_of(items: Sequence[Any]) -> str | None:
    for name in NAMES:
        named = [str(item[name]) for item in items if _names(item, name)]
        if len(named) == len(items) == len(set(named)):
            return name
    return None


def _names(item: Any, name: str) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get(name), str | int)


def _merged(wanted: Any, shown: Any) -> Any:
    if isinstance(wanted, Mapping):
        return merged(wanted, shown if isinstance(shown, Mapping) else {})
    if _is_list(wanted):
        have = _matched(wanted, shown) if _is_list(shown) else [None] * len(wanted)
        return [_merged(item, there) for item, there in zip(wanted, have, strict=True)]
    return wanted


def _all_mappings(items: Sequence[Any]) -> bool:
    return bool(items) and all(isinstance(item, Mapping) for item in items)


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _same(wanted: Any, shown: Any) -> bool:
    """Whether two values mean the same: an empty one is no value, and 1 may be shown as "1"."""
    if isinstance(wanted, bool) or isinstance(shown, bool):
        return wanted is shown
    if _empty(wanted) and _empty(shown):
        return True
    if _is_list(wanted) and _is_list(shown):
        return len(wanted) == len(shown) and all(map(_same, wanted, shown))
    if isinstance(wanted, Mapping) and isinstance(shown, Mapping):
        return not changes(wanted, shown)
    return str(wanted) == str(shown)


def _empty(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | tuple | Mapping) and not value)
