"""Commands to a running live (S4 6.2.5, 12.5)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

import msgspec

from livecue.sandbox import api_live, errors, fields, scripts, speech, validate
from livecue.sandbox.errors import ApiError
from livecue.sandbox.fields import Body
from livecue.sandbox.http import Call, Reply
from livecue.sandbox.jobs import LiveJob, Signal
from livecue.sandbox.records import CommandRecord
from livecue.sandbox.state import rfc3339
from livecue.sandbox.voice import Insert

# What a command did: callbacks it causes at once, and its `result`.
Done = tuple[list[Signal], str | None]


def command(call: Call) -> Reply:
    """POST …/smart-live-jobs/{job_id}/command."""
    arrived_s = time.monotonic()
    job = api_live.running(call)
    name = call.body.get("command")
    run = _COMMANDS.get(name) if isinstance(name, str) else None
    if run is None or not isinstance(name, str):
        raise errors.invalid_command("command is unknown")
    command_id = uuid4().hex
    try:
        params = fields.section(call.body, "params")
        signals, result = run(call, job, command_id, params)
    except ApiError as error:
        if error.code == "MSS.00000003":  # 12.2 has a code of its own for parameters of a command
            raise errors.invalid_command(error.message) from error
        raise
    records = call.state.records
    records.commands.append(CommandRecord(arrived_s, job.job_id, job.room_id, command_id, name, params))
    records.totals["commands"] += 1
    call.state.touch(job, signals)
    body = {"command_id": command_id, "command": name}
    return Reply(body if result is None else body | {"result": result})


def _insert_script(call: Call, job: LiveJob, command_id: str, params: Body) -> Done:
    text = (
        fields.text(fields.section(params, "text_config"), "text", 131_072, shortest=1, required=True) or ""
    )
    try:
        length_s = speech.seconds(text)
    except speech.MarkupError as error:
        raise errors.bad_markup(str(error)) from error
    return _insert(
        call, job, Insert(command_id, "INSERT_PLAY_SCRIPT", params, _play(params, "PLAY_NOW"), length_s)
    )


def _insert_audio(call: Call, job: LiveJob, command_id: str, params: Body) -> Done:
    if fields.url(params, "audio_url", 2048, ("https", "http")) is None:
        raise errors.invalid_command("audio_url is required")
    item = Insert(command_id, "INSERT_PLAY_AUDIO", params, _play(params, "APPEND"), scripts.AUDIO_S)
    return _insert(call, job, item)


def _play(params: Body, default: str) -> str:
    fields.word(params, "play_role", ("STREAMER", "CO_STREAMER"))
    fields.text(params, "rule_index", 64)
    return fields.word(params, "play_type", validate.PLAY_TYPES) or default


def _insert(call: Call, job: LiveJob, item: Insert) -> Done:
    return job.insert(item, call.state.clock()), None


def _show_layer(_call: Call, _job: LiveJob, _command_id: str, params: Body) -> Done:
    # LiveGuideRuleInfo is not printed in S4; the layer has the form of a rule's (6.1.1, table 6-21).
    for name in ("layer_config", "extra_layer_config"):
        layer = fields.section(params, name)
        fields.word(layer, "layer_type", ("IMAGE", "VIDEO", "TEXT", "HUMAN"))
    return [], None


def _rewrite_script(_call: Call, job: LiveJob, _command_id: str, params: Body) -> Done:
    validate.scene_scripts(params)
    scenes = params.get("scene_scripts")
    if not scenes:
        raise errors.invalid_command("scene_scripts is required")
    job.room = {**job.room, "scene_scripts": scenes}
    if job.voice is not None:
        job.voice.rewrite(scripts.parse(scenes))
    return [], None


def _rewrite_rules(_call: Call, job: LiveJob, _command_id: str, params: Body) -> Done:
    validate.rules(params)
    if params.get("interaction_rules") is None:
        raise errors.invalid_command("interaction_rules is required")
    job.room = {**job.room, "interaction_rules": params["interaction_rules"]}
    return [], None


def _current_scripts(_call: Call, job: LiveJob, _command_id: str, _params: Body) -> Done:
    script = None if job.voice is None else job.voice.script
    listed = {"scene_scripts": []} if script is None else script.playing_list()
    return [], _json(listed)


def _job_config(_call: Call, job: LiveJob, _command_id: str, _params: Body) -> Done:
    config: dict[str, Any] = {"room_id": job.room_id, **job.room, "create_time": rfc3339(job.created_s)}
    return [], _json({**config, **{name: job.body[name] for name in job.body if name in _START_OVERRIDES}})


def _refresh_output(call: Call, job: LiveJob, _command_id: str, params: Body) -> Done:
    # RefreshOutputUrlConfig is not printed in S4; the fields are those of the start. One URL alone is taken too.
    given = dict(params)
    for plural, single in (("output_urls", "output_url"), ("stream_keys", "stream_key")):
        if given.get(plural) is None and given.get(single) is not None:
            given[plural] = [given[single]]
    validate.outputs(given)
    urls, keys = given.get("output_urls"), given.get("stream_keys")
    if not urls:
        raise errors.invalid_command("output_urls is required")
    return job.refresh_output(urls[0], keys[0] if keys else "", call.state.clock()), None


def _clean_up(_call: Call, job: LiveJob, _command_id: str, params: Body) -> Done:
    ids = fields.strings(params, "command_ids", 100, 64, shortest=1)
    if job.voice is not None:
        job.voice.clean_up(list(ids) or None)
    return [], None


def _json(value: Mapping[str, Any]) -> str:
    return msgspec.json.encode(value).decode()


_START_OVERRIDES = ("video_config", "play_policy", "output_urls", "live_event_callback_config", "view_mode")
_COMMANDS: Mapping[str, Callable[[Call, LiveJob, str, Body], Done]] = {
    "INSERT_PLAY_SCRIPT": _insert_script,
    "INSERT_PLAY_AUDIO": _insert_audio,
    "SHOW_LAYER": _show_layer,
    "REWRITE_PLAY_SCRIPT": _rewrite_script,
    "REWRITE_INTERACTION_RULES": _rewrite_rules,
    "GET_CURRENT_PLAYING_SCRIPTS": _current_scripts,
    "GET_LIVE_JOB_CONFIG_INFO": _job_config,
    "REFRESH_OUTPUT_URL": _refresh_output,
    "CLEAN_UP_INSERT_COMMAND": _clean_up,
}
