"""What an answer of MetaStudio means, and how it is said (S4 12.2).

Pure: a status, a code and a text go in, a `MetaStudioError` comes out. The trap of this API is that
many final refusals come as HTTP 500, so the error code decides and the status is asked only when the
code is unknown. Every foreign text passes `scrub` before it may stand in a message.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

import msgspec

from livecue.domain import CloudError, Meaning

MAX_VENDOR_TEXT: Final = 300
MAX_READ_TEXT: Final = 4_000
SECRET_NAMES: Final = frozenset({"key", "stream_key", "stream_keys", "output_urls", "password", "signature"})


class MetaStudioError(CloudError):
    """MetaStudio refused a call, failed, or gave no answer; `meaning` says which.

    Remedy: the message ends with it; `request_id` is what Huawei Cloud's support asks for. The text
    never holds credentials, stream keys or the query of a URL.
    """


_CODES: Final[Mapping[str, Meaning]] = {
    "APIGW.0301": Meaning.UNAUTHENTICATED,
    "APIGW.0308": Meaning.SLOW_DOWN,
    "MSS.00000001": Meaning.UNAUTHENTICATED,
    "MSS.20010035": Meaning.NO_RESOURCE,
    "MSS.20010102": Meaning.NO_RESOURCE,
    "MSS.20010036": Meaning.ALREADY_RUNNING,
    "MSS.20010037": Meaning.JOB_OVER,
    "MSS.20010046": Meaning.JOB_OVER,
    "MSS.20010051": Meaning.JOB_OVER,
    "MSS.20010059": Meaning.JOB_OVER,
    "MSS.20010066": Meaning.JOB_OVER,
    "MSS.20010074": Meaning.JOB_OVER,  # smart chat: gone or expired
    "MSS.20010076": Meaning.JOB_OVER,  # smart chat: expired
    "MSS.20010116": Meaning.JOB_OVER,  # in a chat job's error_info: its heartbeat was lost
    "MSS.20010146": Meaning.JOB_OVER,  # the same in the English list
    "MSS.47010065": Meaning.JOB_OVER,  # smart chat: no such job
    "MSS.47010123": Meaning.JOB_OVER,  # smart chat: stopped already
    "MSS.20010118": Meaning.JOB_OVER,  # in a job's error_info: the live's heartbeat was lost
    "MSS.20010099": Meaning.NOT_RUNNING,
    "MSS.20010015": Meaning.MARKUP_REFUSED,  # SSML with an unclosed tag
    "MSS.20010053": Meaning.INVALID,
    "MSS.20010070": Meaning.INVALID,
    "MSS.20010086": Meaning.INVALID,  # no text_config
    "MSS.20010089": Meaning.INVALID,  # empty text
    "MSS.20010110": Meaning.INVALID,
    "MSS.20010111": Meaning.INVALID,  # the audio does not exist
    "MSS.20010112": Meaning.INVALID,  # empty text
    "MSS.20010151": Meaning.INVALID,
    "MSS.20010006": Meaning.TEXT_REFUSED,
    "MSS.20010007": Meaning.TEXT_REFUSED,
    "MSS.20010055": Meaning.TEXT_REFUSED,
    "MSS.20010080": Meaning.TEXT_REFUSED,
    "MSS.20010147": Meaning.NOT_PUSHED,
    "MSS.20010153": Meaning.NO_VOICE,
    "MSS.00022003": Meaning.QUOTA,
    "MSS.20010065": Meaning.QUOTA,
    "MSS.20010075": Meaning.QUOTA,  # smart chat
    "MSS.20010135": Meaning.NO_RESOURCE,  # smart chat: the room has as many jobs as its `concurrency`
    "MSS.20010139": Meaning.QUOTA,  # smart chat: the tenant's resources
    "MSS.47010006": Meaning.QUOTA,  # smart chat: what was bought has run out
    "MSS.20010154": Meaning.QUOTA,
    "MSS.20010039": Meaning.REPORT_KEY_WRONG,
    "MSS.20010054": Meaning.REPORT_URL_STALE,
    "MSS.20010077": Meaning.REPORT_URL_DEAD,
    "MSS.20010045": Meaning.NOT_FOUND,  # room not found
    "MSS.10001041": Meaning.NOT_FOUND,  # product
    "MSS.47010001": Meaning.NOT_FOUND,  # smart-chat room
    "MSS.47010034": Meaning.NOT_FOUND,  # the robot of a smart chat
}

_STATUSES: Final[Mapping[int, Meaning]] = {
    401: Meaning.UNAUTHENTICATED,
    403: Meaning.FORBIDDEN,
    404: Meaning.NOT_FOUND,
    408: Meaning.UNAVAILABLE,
    429: Meaning.SLOW_DOWN,
}

_SAYS: Final[Mapping[Meaning, tuple[str, str]]] = {
    Meaning.SLOW_DOWN: ("the tenant's rate limit is used up", "Send less often; lower metastudio.limits."),
    Meaning.NO_RESOURCE: ("nothing is free to go live with", "Wait, end another live, or buy capacity."),
    Meaning.ALREADY_RUNNING: ("a live already runs in this room", "Find that job and adopt or stop it."),
    Meaning.JOB_OVER: ("the job has ended or does not exist", "Send nothing more to this job."),
    Meaning.NOT_RUNNING: ("the job is not in a running state", "Show the job; wait only while WAITING."),
    Meaning.INVALID: (
        "the request is not valid",
        "Correct what the message names; do not repeat it as it is.",
    ),
    Meaning.TEXT_REFUSED: ("content review refused the text", "Reword it; do not send this text again."),
    Meaning.MARKUP_REFUSED: ("the SSML is not well-formed", "Close every tag; escape & and <."),
    Meaning.NOT_PUSHED: ("the command could not be pushed to the live", "Send it again."),
    Meaning.NO_VOICE: ("the room has no voice for inserted text", "Set a voice in the room, or use audio."),
    Meaning.QUOTA: ("the tenant's quota is used up", "Buy quota or end other jobs, then start again."),
    Meaning.REPORT_URL_STALE: ("the report URL has expired", "Refresh it with refresh_url=true."),
    Meaning.REPORT_URL_DEAD: ("the report URL expired too long ago", "Show the job for a new report URL."),
    Meaning.REPORT_KEY_WRONG: ("the report URL's key is wrong", "Show the job for its report URL."),
    Meaning.UNAUTHENTICATED: (
        "the credentials were not accepted",
        "Check metastudio.auth, its project and region, and that this machine's clock is right.",
    ),
    Meaning.FORBIDDEN: ("the account may not do this", "Grant the account MetaStudio rights in the project."),
    Meaning.NOT_FOUND: ("it does not exist", "Check endpoint, region, project_id and room_id."),
    Meaning.UNAVAILABLE: ("MetaStudio cannot be reached or is failing", "Try again later, with backoff."),
    Meaning.OUTCOME_UNKNOWN: (
        "it was sent but no usable answer came",
        "It may or may not have happened: look before repeating it.",
    ),
}


def meaning_of(status: int, error_code: str) -> Meaning:
    """Say what a refusal means: by its code, else by its HTTP status (S4 12.2)."""
    known = _CODES.get(error_code)
    if known is not None:
        return known
    if status >= 500:
        return Meaning.UNAVAILABLE
    return _STATUSES.get(status, Meaning.INVALID)


def error(
    operation: str,
    meaning: Meaning,
    *,
    status: int = 0,
    error_code: str = "",
    request_id: str = "",
    detail: str = "",
    retry_after_s: float | None = None,
    secrets: Collection[str] = (),
) -> MetaStudioError:
    """Build the error of one call; `detail` is foreign text, scrubbed and cut here."""
    what, remedy = _SAYS[meaning]
    code = _plain(error_code, secrets)
    request = _plain(request_id, secrets)
    facts = [f"HTTP {status}"] if status else []
    facts += [code] if code else []
    facts += [f"request {request}"] if request else []
    said = scrub(_first_words(detail), secrets)[:MAX_VENDOR_TEXT]
    aside = f" ({', '.join(facts)})" if facts else ""
    quoted = f": {said}" if said else ""
    return MetaStudioError(
        f"{operation} failed: {what}{aside}{quoted}. {remedy}",
        meaning=meaning,
        status=status,
        error_code=code,
        request_id=request,
        retry_after_s=retry_after_s,
    )


def error_from_answer(
    operation: str, status: int, headers: Mapping[str, str], body: bytes, secrets: Collection[str] = ()
) -> MetaStudioError:
    """Read a refusal: `error_code` and `error_msg` of MetaStudio and the gateway, or IAM's `error`."""
    code, text = _code_and_text(body)
    detail = (
        text if text or not 300 <= status < 400 else "a redirect, which is not followed; check the endpoint"
    )
    return error(
        operation,
        meaning_of(status, code),
        status=status,
        error_code=code,
        request_id=headers.get("x-request-id", ""),
        detail=detail,
        retry_after_s=_retry_after(headers.get("retry-after", "")),
        secrets=secrets,
    )


def _code_and_text(body: bytes) -> tuple[str, str]:
    try:
        data = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _code_in(body), ""  # a long one comes cut; its code still decides
    if not isinstance(data, dict):
        return "", ""
    inner = data.get("error")
    if isinstance(inner, dict):  # IAM: {"error": {"code": 401, "title": …, "message": …}}
        return "", str(inner.get("message") or inner.get("title") or "")
    return _full_code(str(data.get("error_code") or "").strip()), str(data.get("error_msg") or "")


def _code_in(body: bytes) -> str:
    found = _CODE.search(body)
    return _full_code(found[1].decode("ascii")) if found else ""


def _full_code(code: str) -> str:
    return f"MSS.{code}" if code.isdecimal() else code


def _retry_after(value: str) -> float | None:
    """Seconds of a Retry-After header; its date form is not used by the gateway and is left aside."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    return seconds if math.isfinite(seconds) and seconds >= 0 else None


_CODE = re.compile(rb'"error_code"\s*:\s*"([A-Z0-9.]{1,40})"')
# Each of these takes time in proportion to the text: it comes from outside, and may be one endless word.
_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{0,20})://(?P<rest>[^\s\"'<>,;]+)", re.IGNORECASE)
_PAIR = re.compile(
    r"(?P<name>(?<![\w-])"
    r"(?=[\w-]*(?:key|secret|token|password|passwd|signature|authorization|access|\bsk\b|\bak\b))"
    r"[\w-]++[\"'\\]*+\s*+[=:]\s*+[\"'\\]*+)(?P<value>[^\s\"',;&)}\]\\]+)",
    re.IGNORECASE,
)
_LONG = re.compile(r"[A-Za-z0-9+/_=-]{64,}")  # signatures and tokens, whatever they are called


def _first_words(text: str) -> str:
    """Enough of a foreign text to say what it says; the word at the cut goes, it may be part of a secret."""
    if len(text) <= MAX_READ_TEXT:
        return text
    return " ".join(text[:MAX_READ_TEXT].split()[:-1])


def scrub(text: str, secrets: Collection[str] = ()) -> str:
    """Return `text` on one line without known secrets, URL queries, RTMP paths and key-like values."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    text = _URL.sub(_bare_url, text)
    text = _PAIR.sub(lambda m: f"{m['name']}***", text)
    return " ".join(_LONG.sub("***", text).split())


def _bare_url(match: re.Match[str]) -> str:
    scheme, rest = match["scheme"], match["rest"]
    address = re.split(r"[?#]", rest, maxsplit=1)[0]
    host, slash, path = address.partition("/")
    host = host.rpartition("@")[2]
    if scheme.lower().startswith("rtmp"):  # its path may end in the stream key
        return f"{scheme}://{host}"
    return f"{scheme}://{host}{slash}{path}"


def secrets_in(body: object) -> Iterator[str]:
    """Find the values in a request body that no message may repeat (stream keys, callback keys, …)."""
    if isinstance(body, Mapping):
        for name, value in body.items():
            if name in SECRET_NAMES:
                yield from _strings(value)
            else:
                yield from secrets_in(value)
    elif isinstance(body, (list, tuple)):
        for item in body:
            yield from secrets_in(item)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _strings(item)


def _plain(value: str, secrets: Collection[str]) -> str:
    """Cut a code or request id down to what such a thing can be made of."""
    return scrub(re.sub(r"[^\w.:-]", "", value)[:63], secrets)
