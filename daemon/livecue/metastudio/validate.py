"""Checks a room's `start` mapping before it is ever sent (S3). Pure; says no secret.

Only what the documentation fixes is checked; unknown fields pass, for the API grows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

SIZES: Final = ((1080, 1920), (1920, 1080))
AUTO_STOP_MODES: Final = ("FORCE_EXIT", "SEGMENT_END", "SCENE_END", "SCRIPT_END")
AUTH_TYPES: Final = ("NONE", "MSS_A", "MSS_A_HEAD", "MEITUAN_DEFAULT")
MAX_URL: Final = 2048
MAX_KEY: Final = 32
_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")


_MOST_OUTPUTS = 10


def validate_start(start: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a start body, each as `field.path: what. remedy.`; empty if nothing is."""
    return [
        *_outputs(start),
        *_video(start.get("video_config")),
        *_play_policy(start.get("play_policy")),
        *_callback(start.get("live_event_callback_config")),
        *_url(start.get("interaction_callback_url"), "interaction_callback_url"),
        *_run(start.get("job_run_config")),
    ]


def _outputs(start: Mapping[str, Any]) -> Iterator[str]:
    urls, keys = start.get("output_urls"), start.get("stream_keys")
    for name, value in (("output_urls", urls), ("stream_keys", keys)):
        if value is not None and not (
            isinstance(value, (list, tuple)) and all(isinstance(v, str) for v in value)
        ):
            yield f"{name}: must be a list of strings. Write {name}: [...]."
            return
    if urls and len(urls) > _MOST_OUTPUTS:
        yield f"output_urls: {len(urls)} are given. Keep the first and at most {_MOST_OUTPUTS - 1} spare ones."
    if len(keys or ()) != len(urls or ()) and keys is not None:
        yield (
            f"stream_keys: {len(keys)} keys for {len(urls or ())} output_urls. "
            "Give one key per address, or leave stream_keys out if the address holds the key."
        )
    for i, url in enumerate(urls or ()):
        parts = _split(url)
        if parts is None or parts[0] not in {"rtmp", "rtmps"} or not parts[1]:
            yield f"output_urls[{i}]: not an RTMP address. Write rtmp://<host>/<app>."


def _video(video: Any) -> Iterator[str]:
    if video is None:
        return
    if not isinstance(video, Mapping):
        yield "video_config: must be a mapping. Write video_config: {width: 1080, height: 1920}."
        return
    size = (video.get("width"), video.get("height"))
    if size != (None, None) and tuple(map(_int, size)) not in SIZES:
        yield (
            f"video_config.width, video_config.height: a live is 1080x1920 or 1920x1080, not {size[0]}x{size[1]}. "
            "Set both."
        )
    yield from _range(video.get("bitrate"), "video_config.bitrate", 1000, 8000, "kbps")


def _play_policy(policy: Any) -> Iterator[str]:
    if policy is None:
        return
    if not isinstance(policy, Mapping):
        yield "play_policy: must be a mapping. Write play_policy: {…}."
        return
    config = policy.get("live_exit_config")
    if config is None:
        return
    path = "play_policy.live_exit_config"
    if not isinstance(config, Mapping):
        yield f"{path}: must be a mapping. Write {{max_live_duration: 4}}."
        return
    yield from _range(
        config.get("max_live_duration"), f"{path}.max_live_duration", 0, 168, "hours (0: no limit)"
    )
    waiting = config.get("max_exception_waiting_duration")
    yield from _range(waiting, f"{path}.max_exception_waiting_duration", 0, 60, "minutes (0: no limit)")
    mode = config.get("auto_stop_mode")
    if mode is not None:
        yield from _one_of(mode, f"{path}.auto_stop_mode", AUTO_STOP_MODES)


def _callback(config: Any) -> Iterator[str]:
    path = "live_event_callback_config"
    if config is None:
        return
    if not isinstance(config, Mapping):
        yield f"{path}: must be a mapping. Leave it out to have livecue fill it in."
        return
    yield from _url(config.get("live_event_type_callback_url"), f"{path}.live_event_type_callback_url")
    if config.get("auth_type") is not None:
        yield from _one_of(config["auth_type"], f"{path}.auth_type", AUTH_TYPES)
    key = config.get("key")
    if key is not None and not (isinstance(key, str) and len(key) <= MAX_KEY):
        yield f"{path}.key: must be a string of at most {MAX_KEY} characters. Use a shorter key."


def _run(config: Any) -> Iterator[str]:
    if config is None:
        return
    if not isinstance(config, Mapping):
        yield "job_run_config: must be a mapping. Write job_run_config: {allow_resource_type: PERIOD}."
    elif config.get("single_job_in_room", True) is not True:
        yield (
            "job_run_config.single_job_in_room: livecue always sends true, so that no room is live twice. "
            "Remove it."
        )


def _url(value: Any, path: str) -> Iterator[str]:
    if value is None or value == "":
        return
    if not isinstance(value, str) or len(value) > MAX_URL:
        yield f"{path}: must be a URL of at most {MAX_URL} characters. Shorten it."
        return
    parts = _split(value)
    if (
        parts is None
        or not parts[1]
        or not (parts[0] == "https" or (parts[0] == "http" and parts[1] in _LOOPBACK))
    ):
        yield f"{path}: must be an https: URL. Write https://<host>/<path> (http: is for loopback only)."


def _one_of(value: Any, path: str, choices: tuple[str, ...]) -> Iterator[str]:
    if value not in choices:
        yield f"{path}: {value!r} is not known. Use one of {', '.join(choices)}."


def _range(value: Any, path: str, least: int, most: int, unit: str) -> Iterator[str]:
    if value is None:
        return
    number = _int(value)
    if number is None or not least <= number <= most:
        yield f"{path}: must be a whole number from {least} to {most} {unit}, not {value!r}. Change it."


def _int(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _split(url: str) -> tuple[str, str] | None:
    """Scheme and host, or None if it is no URL."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return parts.scheme, parts.hostname or ""
