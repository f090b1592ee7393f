"""Checks a set-up from the file before it is ever sent (S4 6.1.1, 6.3.1; S2). Pure; says no secret.

Only what the documentation fixes is checked; unknown fields pass, for the API grows, unless they look
like a slip of the pen.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from livecue.metastudio import Thing
from livecue.setups.fields import KNOWN, READ_ONLY, WITH_THE_START
from livecue.setups.quiet import speaks

Problem = tuple[tuple[str | int, ...], str]
"""Where in the set-up, and what is wrong with its remedy."""

_SIZES: Final = ((1080, 1920), (1920, 1080))
_PLAY_MODES: Final = ("TEXT", "AUDIO", "NO_PRESET")
_RANDOM: Final = ("NONE", "SCENE", "SCRIPT_ITEM", "SCENE_AND_SCRIPT_ITEM")
_PLAY_TYPES: Final = ("APPEND", "INSERT", "PLAY_NOW")


def problems_of(thing: Thing, spec: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a room as the file wants it; empty if nothing is."""
    found = [
        *_keys(thing, spec),
        *_text(spec, "room_name", 1, 256),
        *_text(spec, "room_description", 0, 1024),
    ]
    if thing is Thing.CHAT_ROOM:
        voice = _section(spec, "voice_config")
        return [*found, *_number((), spec, "concurrency", 0, 1024), *_voice(("voice_config",), voice)]
    if spec.get("room_type", "NORMAL") != "NORMAL":
        found.append((("room_type",), "a TEMP room is gone after its live, a TEMPLATE has none: remove it"))
    found += [*_text(spec, "priv_data", 0, 8192), *_policy(spec), *_video(spec), *_scenes(spec)]
    return [*found, *_rules(spec)]


def product_problems(spec: Mapping[str, Any]) -> list[Problem]:
    """What is wrong with a product as the file wants it; empty if nothing is."""
    found = [*_keys(Thing.PRODUCT, spec), *_text(spec, "description", 0, 1024)]
    name = spec.get("name")
    if not isinstance(name, str) or not 1 <= len(name) <= 256:
        found.append((("name",), "a product has a name of 1 to 256 characters: write name: …"))
    tags = spec.get("tags") or []
    if not isinstance(tags, Sequence) or isinstance(tags, str) or len(tags) > 50:
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
        elif key not in known and (near := difflib.get_close_matches(str(key), known, n=1, cutoff=0.85)):
            yield (key,), f"unknown key; did you mean `{near[0]}`?"


def _policy(spec: Mapping[str, Any]) -> Iterator[Problem]:
    at = ("play_policy",)
    policy = _section(spec, "play_policy")
    if isinstance(policy, str):
        yield at, policy
        return
    yield from _number(at, policy, "repeat_count", -1, 100)
    yield from _word(at, policy, "play_mode", _PLAY_MODES)
    yield from _word(at, policy, "random_play_mode", _RANDOM)
    interaction = _section(spec, "interaction_config")
    if isinstance(interaction, str):
        yield ("interaction_config",), interaction
        return
    yield from _word(("interaction_config",), interaction, "play_type", _PLAY_TYPES)


def _video(spec: Mapping[str, Any]) -> Iterator[Problem]:
    at = ("video_config",)
    video = _section(spec, "video_config")
    if isinstance(video, str):
        yield at, video
    elif video:
        if (video.get("width"), video.get("height")) not in _SIZES:
            yield at, "a live is 1080x1920 or 1920x1080: set width and height"
        yield from _number(at, video, "bitrate", 1000, 8000)


def _scenes(spec: Mapping[str, Any]) -> Iterator[Problem]:
    rows = spec.get("scene_scripts")
    if rows is None:
        return
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        yield ("scene_scripts",), "must be a list of scenes: write - {script_name: …, shoot_scripts: [...]}"
        return
    names: set[str] = set()
    for number, scene in enumerate(rows):
        at = ("scene_scripts", number)
        name = scene.get("script_name")
        if not isinstance(name, str) or not 1 <= len(name) <= 256:
            yield at, "a scene has a script_name of 1 to 256 characters: write one"
        elif name in names:
            yield at, f"the scene {name!r} is there twice: give each its own script_name"
        else:
            names.add(name)
        yield from _voice((*at, "voice_config"), _section(scene, "voice_config"))
        yield from _segments(at, scene)


def _segments(at: tuple[str | int, ...], scene: Mapping[str, Any]) -> Iterator[Problem]:
    rows = scene.get("shoot_scripts")
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        yield at, "a scene has shoot_scripts: write shoot_scripts: [{title: …, text_config: {text: …}}]"
        return
    for number, row in enumerate(rows):
        here = (*at, "shoot_scripts", number)
        config = _section(row, "text_config")
        if isinstance(config, str):
            yield (*here, "text_config"), config
        elif not isinstance(text := config.get("text", ""), str) or len(text) > 131_072:
            yield (*here, "text_config"), "text must be a text of at most 131072 characters"
        yield from _number(here, row, "sequence_no", 0, 2_147_483_647)


def _voice(at: tuple[str | int, ...], voice: Mapping[str, Any] | str) -> Iterator[Problem]:
    if isinstance(voice, str):
        yield at, voice
    elif voice:
        if not isinstance(voice.get("voice_asset_id"), str) or not voice["voice_asset_id"]:
            yield at, "a voice has a voice_asset_id: write the id of the voice from the asset library"
        for name, least, most in (("speed", 50, 200), ("pitch", 50, 200), ("volume", 90, 240)):
            yield from _number(at, voice, name, least, most)


def _rules(spec: Mapping[str, Any]) -> Iterator[Problem]:
    rows = spec.get("interaction_rules") or []
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) for row in rows):
        yield ("interaction_rules",), "must be a list of rules"
        return
    for number, rule in enumerate(rows):
        if speaks(rule):
            text = (
                "the cloud would answer by this rule beside livecue: put it into a pack under `rules`, "
                "or write enabled: false, or reply_mode: CALLBACK"
            )
            yield ("interaction_rules", number), text


def _section(table: Mapping[str, Any], name: str) -> Mapping[str, Any] | str:
    """What stands under `name`, or what is wrong with it."""
    value = table.get(name)
    if value is None:
        return {}
    return value if isinstance(value, Mapping) else "must be a mapping: write `name: value` pairs below it"


def _text(table: Mapping[str, Any], name: str, least: int, most: int) -> Iterator[Problem]:
    value = table.get(name)
    if value is not None and not (isinstance(value, str) and least <= len(value) <= most):
        yield (name,), f"must be a text of {least} to {most} characters"


def _number(
    at: tuple[str | int, ...], table: Mapping[str, Any], name: str, least: int, most: int
) -> Iterator[Problem]:
    value = table.get(name)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (whole and least <= value <= most):
        yield (*at, name), f"must be a whole number from {least} to {most}"


def _word(
    at: tuple[str | int, ...], table: Mapping[str, Any], name: str, known: tuple[str, ...]
) -> Iterator[Problem]:
    if table.get(name) is not None and table[name] not in known:
        yield (*at, name), f"use one of {', '.join(known)}"
