"""Checks a set-up from the file before it is ever sent (S4 6.1.1, 6.3.1; S2). Pure; says no secret.

Only what the documentation fixes is checked: what each field takes stands in `documented`, here what
it does not say of one field alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from livecue.metastudio import Thing
from livecue.setups.documented import TABLES
from livecue.setups.fields import KNOWN, READ_ONLY, WITH_THE_START
from livecue.setups.kinds import Problem, faults
from livecue.setups.quiet import speaks

_SIZES: Final = ((1080, 1920), (1920, 1080))
_MOST_SPOKEN: Final = 10_000
_MARKUP: Final = re.compile(r"<[^<>]*>")


def problems_of(thing: Thing, spec: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a room as the file wants it; empty if nothing is."""
    found = [*_keys(thing, spec), *faults((), TABLES[thing], spec)]
    if thing is Thing.CHAT_ROOM:
        return found
    if spec.get("room_type", "NORMAL") != "NORMAL":
        found.append((("room_type",), "a TEMP room is gone after its live, a TEMPLATE has none: remove it"))
    video = spec.get("video_config")
    if isinstance(video, Mapping) and video and (video.get("width"), video.get("height")) not in _SIZES:
        found.append((("video_config",), "a live is 1080x1920 or 1920x1080: set width and height"))
    return [*found, *_scenes(spec), *_rules(spec)]


def product_problems(spec: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a product as the file wants it; empty if nothing is."""
    found = [*_keys(Thing.PRODUCT, spec), *faults((), TABLES[Thing.PRODUCT], spec)]
    if not spec.get("name"):
        found.append((("name",), "a product has a name of 1 to 256 characters: write name: …"))
    found += [*_twice(spec, "asset_list", "asset_id"), *_twice(spec, "text_list", "title")]
    tags = spec.get("tags") or []
    if not isinstance(tags, list) or len(tags) > 50:
        found.append((("tags",), "must be a list of at most 50 tags: write tags: [...]"))
        return found
    for number, tag in enumerate(tags):
        if not isinstance(tag, str) or len(tag.encode()) > 16:
            found.append(
                (("tags", number), "a tag is a text of at most 16 bytes (5 Chinese characters): shorten it")
            )
    return found


def _keys(thing: Thing, spec: Mapping[str, Any]) -> Iterator[Problem]:
    known = KNOWN[thing]
    for key in spec:
        if thing is Thing.ROOM and key in WITH_THE_START:
            where = "the room's `callback`" if key.startswith("live_event") else "the room's `start`"
            yield (key,), f"goes with every start, and may hold a secret: give it under {where}"
        elif key not in known and key in READ_ONLY[thing]:
            yield (key,), "is the cloud's own: remove it"


def _scenes(spec: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _twice(spec, "scene_scripts", "script_name")
    for number, scene in _mappings(spec, "scene_scripts"):
        for place, segment in _mappings(scene, "shoot_scripts"):
            config = segment.get("text_config")
            text = config.get("text") if isinstance(config, Mapping) else None
            spoken = len(_MARKUP.sub("", text)) if isinstance(text, str) else 0
            if spoken > _MOST_SPOKEN:
                at = ("scene_scripts", number, "shoot_scripts", place, "text_config", "text")
                what = f"has {spoken} characters besides its SSML, MetaStudio speaks {_MOST_SPOKEN}"
                yield at, f"{what}: make two segments of it"


def _rules(spec: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _twice(spec, "interaction_rules", "rule_index")
    for number, rule in _mappings(spec, "interaction_rules"):
        if speaks(rule):
            text = (
                "the cloud would answer by this rule beside livecue: put it into a pack under `rules`, "
                "or write enabled: false, or reply_mode: CALLBACK"
            )
            yield ("interaction_rules", number), text


def _twice(spec: Mapping[str, Any], rows: str, by: str) -> Iterator[Problem]:
    """Items of a list that bear the name of one before them: they could not be told apart."""
    seen = set()
    for number, row in _mappings(spec, rows):
        name = row.get(by)
        if isinstance(name, str) and name:
            if name in seen:
                yield (rows, number), f"the {by} {name!r} is there twice: give each its own"
            seen.add(name)


def _mappings(table: Mapping[str, Any], name: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    rows = table.get(name)
    for number, row in enumerate(rows if isinstance(rows, list) else []):
        if isinstance(row, Mapping):
            yield number, row
