"""What MetaStudio takes as a room or a product (S4 6.1.1, 6.3.1; S2; newer fields from the SDK)."""

from __future__ import annotations

from typing import Final

from livecue.metastudio import Thing
from livecue.setups.fields import KNOWN, READ_ONLY, WITH_THE_START
from livecue.setups.kinds import Flag, Number, Rows, Table, Text, Word

_TOP: Final = {thing: KNOWN[thing] | READ_ONLY[thing] | WITH_THE_START for thing in Thing}
_ID: Final = Text(0, 64)
_URL: Final = Text(0, 2048)
_WHOLE: Final = 2_147_483_647

_ANY: Final = Text(0, 0)

_VOICE: Final = Table(
    {
        "voice_asset_id": Text(1, 256),
        "speed": Number(50, 200),
        "pitch": Number(50, 200),
        "volume": Number(90, 240),
    },
    {"voice_asset_id": "a voice has a voice_asset_id: write the id of the voice from the asset library"},
)

_BACKGROUND: Final = Table(
    {
        "background_type": Word(("IMAGE", "COLOR")),
        "background_config": _URL,
        "background_color_config": Text(0, 16),
        "background_asset_id": _ID,
    },
    {"background_type": "a background has a background_type: write IMAGE or COLOR"},
    frozenset({"background_image_config"}),
)

_PLACED: Final = "a position has dx, dy and layer_index: write all three"
_LAYER: Final = Table(
    {
        "layer_type": Word(("HUMAN", "IMAGE", "VIDEO", "TEXT")),
        "asset_id": _ID,
        "group_id": _ID,
        "sequence_no": Number(0, _WHOLE),
        "position": Table(
            {"dx": Number(-1920, 3840), "dy": Number(-1920, 3840), "layer_index": Number(1, 100)},
            dict.fromkeys(("dx", "dy", "layer_index"), _PLACED),
        ),
        "size": Table({"width": Number(1, 7680), "height": Number(1, 7680)}),
        "image_config": Table({"image_url": _URL}),
        "video_config": Table(
            {"video_url": _URL, "video_cover_url": _URL, "loop_count": Number(-1, 100)},
            others=frozenset({"video_sound", "is_play_the_entire_video"}),
        ),
        "text_config": Table(
            {
                "text_context": Text(0, 1024),
                "font_name": _ID,
                "font_size": Number(0, 120),
                "font_color": Text(0, 16),
            }
        ),
    },
    {"layer_type": "a layer has a layer_type: write HUMAN, IMAGE, VIDEO or TEXT"},
    frozenset({"rotation"}),
)
_LAYERS: Final = Rows(
    _LAYER, "layers: write - {layer_type: …, position: {dx: 0, dy: 0, layer_index: 1}}", 100
)
"""At most as many as layer_index has numbers; the cloud may take fewer (MSS.20010057)."""

_SEGMENT: Final = Table(
    {
        "sequence_no": Number(0, _WHOLE),
        "title": Text(0, 256),
        "text_config": Table(
            {"text": Text(0, 131_072)}, {"text": "text_config has a text: write text_config: {text: …}"}
        ),
        "audio_config": Table({"asset_id": _ID, "audio_url": _URL, "subtitle_url": _URL}),
        "relation_product": Table({"product_id": _ANY, "product_title": _ANY}),
    }
)

_SCENE: Final = Table(
    {
        "script_name": Text(1, 256),
        "script_description": Text(0, 1024),
        "dh_id": _ID,
        "model_asset_id": _ID,
        "voice_config": _VOICE,
        "background_config": Rows(_BACKGROUND, "backgrounds: write - {background_type: …}"),
        "layer_config": _LAYERS,
        "shoot_scripts": Rows(_SEGMENT, "segments: write - {title: …, text_config: {text: …}}"),
    },
    {
        "script_name": "a scene has a script_name of 1 to 256 characters: write one",
        "shoot_scripts": "a scene has shoot_scripts: write shoot_scripts: [{title: …, text_config: {text: …}}]",
    },
    frozenset({"script_id"}),
)

_RULE: Final = Table(
    {
        "rule_index": _ID,
        "rule_name": Text(0, 256),
        "enabled": Flag(),
        "event_type": Number(0, 100),
        "enabled_scenes": Rows(Text(1, 256), "names of scenes: write [...]", 100),
        "group_id": _ID,
        "group_name": Text(0, 256),
        "hit_condition": Table({"priority": Number(0, 999)}, others=frozenset({"relation", "tags"})),
        "trigger": Table(
            {
                "time_window": Number(-1, 7200),
                "reply_texts": Rows(Text(0, 1024), "texts: write [...]", 5),
                "robot_id": _ID,
            },
            others=frozenset({
                "reply_mode", "layer_config", "extra_layer_config", "reply_audios", "reply_order",
                "reply_role", "play_type",
            }),
        ),
    },
    others=frozenset({"review_config", "rule_id"}),
)  # fmt: skip

_VIDEO_NEEDS: Final = "a video_config has codec, bitrate, width and height: write all four"
_POLICY: Final = Table(
    {
        "repeat_count": Number(-1, 100),
        "auto_play_script": Flag(),
        "play_mode": Word(("TEXT", "AUDIO", "NO_PRESET")),
        "random_play_mode": Word(("NONE", "SCENE", "SCRIPT_ITEM", "SCENE_AND_SCRIPT_ITEM")),
        "need_independent_capture_client": Flag(),
        "live_exit_config": Table(
            {
                "max_live_duration": Number(0, 168),
                "auto_stop_mode": Word(("FORCE_EXIT", "SEGMENT_END", "SCENE_END", "SCRIPT_END")),
                "max_exception_waiting_duration": Number(0, 60),
            }
        ),
    },
    others=frozenset({"is_rewrite_delay"}),
)

ROOM: Final = Table(
    {
        "room_name": Text(1, 256),
        "room_description": Text(0, 1024),
        "priv_data": Text(0, 8192),
        "play_policy": _POLICY,
        "interaction_config": Table(
            {"play_type": Word(("APPEND", "INSERT", "PLAY_NOW")), "ignore_current_sentence": Flag()}
        ),
        "video_config": Table(
            {
                "clip_mode": Word(("RESIZE", "CROP")),
                "codec": Word(("H264", "VP8", "QTRLE")),
                "bitrate": Number(1000, 8000),
                "width": Number(0, 3840),
                "height": Number(0, 3840),
                "is_subtitle_enable": Flag(),
                "is_enable_super_resolution": Flag(),
            },
            dict.fromkeys(("codec", "bitrate", "width", "height"), _VIDEO_NEEDS),
            frozenset({
                "frame_rate", "subtitle_config", "dx", "dy", "is_end_at_first_frame",
                "output_external_url", "is_vocabulary_config_enable",
            }),
        ),
        "backup_model_asset_ids": Rows(_ID, "ids of models: write [...]", 5),
        "rtc_callback_config": Table(
            {"rtc_callback_event_type": Rows(_ANY, "event types: write [...]")}
        ),
        "review_config": Table({"no_need_review": Flag()}),
        "co_streamer_config": Table(
            {"voice_config": _VOICE, "streamer_action": Word(("SILENCE", "VOLUME_DOWN"))}
        ),
        "relation_live_platform_info": Table(
            {"platform_id": _ANY, "live_id": _ANY},
            dict.fromkeys(("platform_id", "live_id"), "a platform has platform_id and live_id: write both"),
        ),
        "scene_scripts": Rows(_SCENE, "scenes: write - {script_name: …, shoot_scripts: [...]}", 100),
        "interaction_rules": Rows(_RULE, "rules"),
    },
    others=_TOP[Thing.ROOM],
)  # fmt: skip

CHAT_ROOM: Final = Table(
    {
        "room_name": Text(1, 256),
        "room_description": Text(0, 1024),
        "concurrency": Number(0, 1024),
        "voice_config": _VOICE,
        "layer_config": _LAYERS,
    },
    others=_TOP[Thing.CHAT_ROOM],
)

PRODUCT: Final = Table(
    {
        "name": Text(1, 256),
        "description": Text(0, 1024),
        "cover": Table(
            {"asset_id": _ID}, {"asset_id": "a cover has an asset_id: write cover: {asset_id: …}"}
        ),
        "text_list": Rows(
            Table({"title": _ANY, "text": Text(0, 131_072)}), "texts: write - {title: …, text: …}"
        ),
        "asset_list": Rows(
            Table(
                {
                    "asset_id": _ID,
                    "asset_type": Word(("IMAGE", "VIDEO", "AUDIO")),
                    "order": Number(0, 300),
                },
                {"asset_id": "an asset has an asset_id: write the id from the asset library"},
            ),
            "assets: write - {asset_id: …, asset_type: IMAGE, order: 1}",
        ),
        "auto_active": Flag(),
        "state": Word(("ACTIVED", "UNACTIVED")),
    },
    others=_TOP[Thing.PRODUCT],
)

TABLES: Final = {Thing.ROOM: ROOM, Thing.CHAT_ROOM: CHAT_ROOM, Thing.PRODUCT: PRODUCT}
