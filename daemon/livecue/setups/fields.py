"""What the documentation says of the fields of rooms and products (S4 6.1.1, 6.1.3, 6.3, 7.1.1; S2; newer ones from the SDK)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from livecue.metastudio import Thing

KNOWN: Final[Mapping[Thing, frozenset[str]]] = {
    Thing.ROOM: frozenset({
        "room_name", "room_description", "room_type", "scene_scripts", "interaction_config",
        "interaction_rules", "play_policy", "video_config", "backup_model_asset_ids",
        "rtc_callback_config", "review_config", "shared_config", "view_mode", "co_streamer_config",
        "priv_data", "relation_live_platform_info",
    }),
    Thing.CHAT_ROOM: frozenset({
        "room_name", "room_description", "video_config", "model_asset_id", "voice_config", "robot_id",
        "concurrency", "background_config", "layer_config", "review_config", "chat_subtitle_config",
        "chat_video_type", "billing_mode", "chat_resource_config", "client_nums", "default_language",
        "enable_semantic_action", "exit_mute_threshold", "reuse_resource", "voice_config_list",
    }),
    Thing.PRODUCT: frozenset({
        "name", "description", "tags", "cover", "text_list", "asset_list", "auto_active", "state",
    }),
}  # fmt: skip
"""What may be written of each. A newer cloud knows more, so others are passed on."""

WITH_THE_START: Final = frozenset({"output_urls", "stream_keys", "live_event_callback_config"})
"""Fields of a room that livecue gives with every start instead: they hold secrets or are its own."""

READ_ONLY: Final[Mapping[Thing, frozenset[str]]] = {
    Thing.ROOM: frozenset({
        "room_id", "project_id", "room_state", "error_info", "create_time", "update_time", "cover_url",
        "thumbnail", "confirm_state", "script_version", "model_infos", "last_job_status", "last_job_start_time", "last_job_end_time",
    }),
    Thing.CHAT_ROOM: frozenset({
        "room_id", "project_id", "room_state", "error_info", "create_time", "update_time", "cover_url",
        "thumbnail", "model_infos", "is_pool_mode",
    }),
    Thing.PRODUCT: frozenset({"product_id", "create_time", "update_time", "state"}),
}  # fmt: skip
"""What an answer shows and a body does not take; a product's `state` only if it is asked for."""

READ_ONLY_WITHIN: Final = frozenset({
    "asset_name", "asset_state", "cover_url", "thumbnail_url", "main_url", "script_id", "rule_id",
})  # fmt: skip
"""What the cloud adds inside: of no meaning in an export."""

CREATE_ONLY: Final = frozenset({"auto_active"})

DEFAULTS: Final[Mapping[tuple[str, str], Any]] = {
    ("", "room_type"): "NORMAL",
    ("", "view_mode"): "VERTICAL",
    ("play_policy", "repeat_count"): 0,
    ("play_policy", "auto_play_script"): True,
    ("play_policy", "play_mode"): "TEXT",
    ("play_policy", "random_play_mode"): "SCRIPT_ITEM",
    ("play_policy", "need_independent_capture_client"): False,
    ("interaction_config", "play_type"): "INSERT",
    ("interaction_config", "ignore_current_sentence"): False,
    ("video_config", "clip_mode"): "RESIZE",
    ("video_config", "frame_rate"): "25",
    ("video_config", "is_subtitle_enable"): False,
    ("video_config", "is_enable_super_resolution"): False,
    ("voice_config", "speed"): 100,
    ("voice_config", "pitch"): 100,
    ("voice_config", "volume"): 140,
    ("interaction_rules", "enabled"): True,
    ("hit_condition", "priority"): 500,
    ("tags", "operation"): "NONE",
    ("trigger", "reply_role"): "STREAMER",
    ("trigger", "play_type"): "PLAY_NOW",
    ("asset_list", "order"): 0,
}
"""What a field is where it is not shown, by the field around it and its name."""

NAMES: Final = ("script_name", "rule_index", "rule_name", "sequence_no", "asset_id", "title")
"""By what items of a list are told apart: the first of these that each has, and has to itself."""
