"""The bodies of rooms and starts (S4 6.1.1, 6.2.1, S3): documented ranges only; unknown fields pass. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livecue.sandbox import fields, scripts
from livecue.sandbox.errors import invalid
from livecue.sandbox.fields import Body
from livecue.sandbox.speech import MarkupError

CALLBACK_EVENTS = ("SHOOT_SCRIPT_SWITCH", "RTMP_STREAM_STATE_CHANGE", "REPLY_COMMAND_FINISH")
AUTH_TYPES = ("NONE", "MSS_A", "MSS_A_HEAD", "MEITUAN_DEFAULT")
LIVE_SIZES = ((1080, 1920), (1920, 1080))
RESOURCES = ("PERIOD", "ONDEMAND", "UNLIMITED", "ONE_TIME")
RANDOM_MODES = ("NONE", "SCENE", "SCRIPT_ITEM", "SCENE_AND_SCRIPT_ITEM")
PLAY_TYPES = ("APPEND", "INSERT", "PLAY_NOW")
STOP_MODES = ("FORCE_EXIT", "SEGMENT_END", "SCENE_END", "SCRIPT_END")


def start(body: Body) -> None:
    """The body of a start (S3, table 3). The schemes of a callback: https, as documented, or http."""
    _live_settings(body)
    fields.url(body, "interaction_callback_url", 2048, ("https", "http"))
    run = fields.section(body, "job_run_config")
    fields.word(run, "allow_resource_type", RESOURCES)
    fields.boolean(run, "single_job_in_room")


def room(body: Body) -> None:
    """The body of a live room (S4 6.1.1, table 6-3)."""
    fields.text(body, "room_name", 256, shortest=1, required=True)
    fields.text(body, "room_description", 1024)
    fields.word(body, "room_type", ("NORMAL", "TEMP", "TEMPLATE"))
    fields.strings(body, "backup_model_asset_ids", 5, 64)
    fields.text(body, "priv_data", 8192)
    _live_settings(body)
    scene_scripts(body)
    rules(body)
    platform = fields.section(body, "relation_live_platform_info")
    fields.text(platform, "live_id", 256)
    fields.word(fields.section(body, "interaction_config"), "play_type", PLAY_TYPES)


def scene_scripts(body: Body) -> None:
    """`scene_scripts` of a room or of REWRITE_PLAY_SCRIPT (S4 6.1.1, tables 6-4, 6-12, 6-13)."""
    scenes = fields.sections(body, "scene_scripts", 100)
    for scene in scenes:
        fields.text(scene, "script_name", 256, shortest=1, required=True)
        fields.text(scene, "model_asset_id", 64)
        _voice(scene)
        _picture(scene)
        for item in fields.sections(scene, "shoot_scripts", 100):
            fields.integer(item, "sequence_no", 0, 2_147_483_647)
            fields.text(item, "title", 256)
            fields.text(fields.section(item, "text_config"), "text", 131_072)
            fields.url(fields.section(item, "audio_config"), "audio_url", 2048, ("https", "http"))
            fields.section(item, "relation_product")
    try:
        scripts.parse(scenes)
    except MarkupError as error:
        raise invalid(f"scene_scripts: {error}") from error


def _voice(around: Body) -> None:
    """A voice (S4 6.1.1, table 6-34)."""
    if voice := fields.section(around, "voice_config"):
        fields.text(voice, "voice_asset_id", 256, shortest=1, required=True)
        fields.integer(voice, "speed", 50, 200)
        fields.integer(voice, "pitch", 50, 200)
        fields.integer(voice, "volume", 90, 240)


def _picture(scene: Body) -> None:
    """Backgrounds and layers of a scene (S4 6.1.1, tables 6-5 to 6-11)."""
    for background in fields.sections(scene, "background_config", 100):
        fields.word(background, "background_type", ("IMAGE", "COLOR"), required=True)
    for layer in fields.sections(scene, "layer_config", 100):
        fields.word(layer, "layer_type", ("HUMAN", "IMAGE", "VIDEO", "TEXT"), required=True)
        fields.text(layer, "asset_id", 64)
        if position := fields.section(layer, "position"):
            fields.integer(position, "dx", -1920, 3840, required=True)
            fields.integer(position, "dy", -1920, 3840, required=True)
            fields.integer(position, "layer_index", 1, 100, required=True)
        size = fields.section(layer, "size")
        fields.integer(size, "width", 1, 7680)
        fields.integer(size, "height", 1, 7680)
        fields.integer(fields.section(layer, "video_config"), "loop_count", -1, 100)
        fields.integer(fields.section(layer, "text_config"), "font_size", 0, 120)


def rules(body: Body) -> None:
    """`interaction_rules` of a room or a rule group (S4 6.1.1, tables 6-17 to 6-20)."""
    for rule in fields.sections(body, "interaction_rules", 1000):
        fields.text(rule, "rule_index", 64)
        fields.text(rule, "rule_name", 256)
        fields.boolean(rule, "enabled")
        fields.integer(rule, "event_type", 0, 100)
        fields.strings(rule, "enabled_scenes", 100, 256, shortest=1)
        hit = fields.section(rule, "hit_condition")
        fields.word(hit, "relation", ("AND", "OR", "RESERVED"))
        fields.integer(hit, "priority", 0, 999)
        for tag in fields.sections(hit, "tags", 1000):
            fields.text(tag, "tag", 256)
            fields.text(tag, "value", 1024)
            fields.word(tag, "operation", ("NONE", "SUM", "AVG", "COUNT"))
        _trigger(fields.section(rule, "trigger"))


def _trigger(trigger: Body) -> None:
    fields.integer(trigger, "time_window", -1, 7200)
    fields.strings(trigger, "reply_texts", 5, 1024)
    fields.sections(trigger, "reply_audios", 5)
    fields.word(trigger, "reply_order", ("RANDOM", "ORDER"))
    fields.word(trigger, "reply_role", ("STREAMER", "CO_STREAMER"))
    fields.word(trigger, "play_type", PLAY_TYPES)


def _live_settings(body: Body) -> None:
    """What the start and the room have in common."""
    outputs(body)
    callback(fields.section(body, "live_event_callback_config"))
    fields.section(body, "rtc_callback_config")
    _voice(fields.section(body, "co_streamer_config"))
    fields.section(body, "relation_live_platform_info")
    fields.word(body, "view_mode", ("LANDSCAPE", "VERTICAL"))
    if body.get("video_config") is not None:
        _video(fields.section(body, "video_config"))
    policy = fields.section(body, "play_policy")
    fields.integer(policy, "repeat_count", -1, 100)
    fields.boolean(policy, "auto_play_script")
    fields.word(policy, "play_mode", ("TEXT", "AUDIO", "NO_PRESET"))
    fields.word(policy, "random_play_mode", RANDOM_MODES)
    leave = fields.section(policy, "live_exit_config")
    fields.integer(leave, "max_live_duration", 0, 168)
    fields.word(leave, "auto_stop_mode", STOP_MODES)
    fields.integer(leave, "max_exception_waiting_duration", 0, 60)


def outputs(body: Body) -> None:
    """One RTMP output at most, and a stream key only beside it (S4 6.2.1)."""
    urls = fields.strings(body, "output_urls", 1, 2048, shortest=1)
    keys = fields.strings(body, "stream_keys", 1, 2048)
    if len(keys) > len(urls):
        raise invalid("stream_keys must match output_urls")
    if any(not fields.is_url(url, ("rtmp", "rtmps")) for url in urls):
        raise invalid("output_urls must be rtmp URLs")


def callback(config: Mapping[str, Any]) -> None:
    """The callback configuration (S4 6.2.1, table 6-258)."""
    fields.url(config, "live_event_type_callback_url", 2048, ("https", "http"))
    auth_type = fields.word(config, "auth_type", AUTH_TYPES)
    key = fields.text(config, "key", 32)
    if auth_type in {"MSS_A", "MSS_A_HEAD"} and not key:
        raise invalid(f"key is required with auth_type {auth_type}")
    names = fields.strings(config, "callback_event_type", len(CALLBACK_EVENTS), 64)
    if any(name not in CALLBACK_EVENTS for name in names):
        raise invalid(f"callback_event_type must be of {', '.join(CALLBACK_EVENTS)}")


def _video(config: Body) -> None:
    fields.word(config, "clip_mode", ("RESIZE", "CROP"))
    fields.word(config, "codec", ("H264", "VP8", "QTRLE"), required=True)
    fields.integer(config, "bitrate", 1000, 8000, required=True)
    width = fields.integer(config, "width", 0, 3840, required=True)
    height = fields.integer(config, "height", 0, 3840, required=True)
    if (width, height) not in LIVE_SIZES:
        raise invalid("a live is 1080x1920 or 1920x1080")
