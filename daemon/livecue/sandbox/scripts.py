"""The preset script of a room: scenes of segments of sentences (S4 6.1.1, tables 6-4 and 6-12). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from livecue.sandbox import speech

# The length of an audio file is unknown without fetching it, so every one counts the same.
AUDIO_S = 5.0
# A segment without words still takes this long, or the loop of an empty script would spin.
MIN_SEGMENT_S = 0.5
# Closer than this to the end of a sentence is at its end.
EPSILON_S = 1e-6


@dataclass(frozen=True)
class Segment:
    """One item of `shoot_scripts`: what is said under one title, `sentences` in seconds."""

    scene: str
    number: int
    title: str
    text: str
    sentences: tuple[float, ...]
    product: Mapping[str, str]

    @property
    def seconds(self) -> float:
        """How long the segment is spoken at normal speed."""
        return self.boundary_after(float("inf"))

    def boundary_after(self, offset_s: float) -> float:
        """Where the sentence ends that is spoken at `offset_s` into the segment."""
        end = 0.0
        for sentence in self.sentences:
            end += sentence
            if end > offset_s + EPSILON_S:
                return end
        return end


@dataclass(frozen=True)
class Script:
    """What an avatar says in a loop; `scenes` is as it came, `segments` in the order they are spoken."""

    scenes: Sequence[Mapping[str, Any]]
    segments: tuple[Segment, ...]

    def starts_scene(self, index: int) -> bool:
        """Whether the segment at `index` is the first of its scene."""
        return index in {
            0,
            *(i + 1 for i, (a, b) in enumerate(pairwise(self.segments)) if a.scene != b.scene),
        }

    def playing_list(self) -> dict[str, Any]:
        """The LivePlayingScriptList of this round (S4 12.5, table 12-5)."""
        listed: dict[str, list[dict[str, Any]]] = {}
        for segment in self.segments:
            listed.setdefault(segment.scene, []).append(
                {"sequence_no": segment.number, "title": segment.title}
            )
        models = {str(scene.get("script_name", "")): scene.get("model_asset_id", "") for scene in self.scenes}
        return {
            "scene_scripts": [
                {"script_name": name, "model_asset_id": models.get(name, ""), "shoot_scripts": items}
                for name, items in listed.items()
            ]
        }


def parse(scenes: Sequence[Mapping[str, Any]]) -> Script:
    """The script in `scene_scripts`; the default one if no scene says anything. MarkupError as of speech."""
    segments: list[Segment] = []
    for position, scene in enumerate(scenes, 1):
        name = str(scene.get("script_name") or f"场景{position}")
        items = scene.get("shoot_scripts") or []
        ordered = sorted(enumerate(items, 1), key=lambda pair: _number(pair[1], pair[0]))
        segments += [_segment(name, _number(item, place), item) for place, item in ordered]
    return Script(scenes, tuple(segments)) if segments else DEFAULT


def _number(item: Mapping[str, Any], place: int) -> int:
    number = item.get("sequence_no")
    return number if isinstance(number, int) else place


def _segment(scene: str, number: int, item: Mapping[str, Any]) -> Segment:
    text = str((item.get("text_config") or {}).get("text") or "")
    lengths = speech.sentences(text)
    if not text and item.get("audio_config"):
        lengths = [AUDIO_S]
    if sum(lengths) < MIN_SEGMENT_S:
        lengths = [MIN_SEGMENT_S]
    product = {key: str(value) for key, value in (item.get("relation_product") or {}).items() if value}
    title = str(item.get("title") or f"段落{number}")
    return Segment(scene, number, title, text, tuple(lengths), product)


def _scene(name: str, *segments: tuple[str, str]) -> dict[str, Any]:
    return {
        "script_name": name,
        "shoot_scripts": [
            {"sequence_no": number, "title": title, "text_config": {"text": text}}
            for number, (title, text) in enumerate(segments, 1)
        ],
    }


DEFAULT_SCENES: tuple[Mapping[str, Any], ...] = (
    _scene(
        "开场",
        ("欢迎", "欢迎大家来到直播间！今天给大家准备了三款好物。点点关注不迷路，福利马上就来。"),
        ("福利预告", "整点有红包雨。满一百减二十的优惠券，已经放在小黄车里了，记得先领券再下单。"),
    ),
    _scene(
        "保温杯",
        ("卖点", "先看这款保温杯。三一六不锈钢内胆，早上倒的热水，晚上还是烫嘴的。"),
        ("价格", "日常价一百二十九。今天直播间只要七十九，还送一个杯套。"),
    ),
    _scene(
        "防晒衣",
        ("卖点", "再看这件防晒衣。面料轻薄透气，洗五十次还能防晒，从小码到加大码都有。"),
        ("发货", "四十八小时内发货，全国包邮，支持七天无理由退换，喜欢的直接拍。"),
    ),
)
DEFAULT = Script(
    DEFAULT_SCENES,
    tuple(
        _segment(str(scene["script_name"]), item["sequence_no"], item)
        for scene in DEFAULT_SCENES
        for item in scene["shoot_scripts"]
    ),
)
