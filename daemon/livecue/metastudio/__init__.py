"""MetaStudio's API: signing, tokens, bodies, what its errors mean, and the client.

Decisions (signing, error meanings, limits, retry, bodies) are pure functions of their arguments, time
and chance included; I/O happens in `wire`, `client` and `token` alone. Nothing here retries: that is
the caller's, at one place, by `next_try`.
"""

from livecue.metastudio.client import MetaStudio
from livecue.metastudio.errors import MetaStudioError, meaning_of, scrub
from livecue.metastudio.limits import documented
from livecue.metastudio.models import command_body, job_from_json, report_body, start_body
from livecue.metastudio.retry import GiveUp, GiveUpReason, Operation, RetryAt, next_try
from livecue.metastudio.signing import AkSkAuth, sign
from livecue.metastudio.token import TokenAuth
from livecue.metastudio.validate import validate_start
from livecue.metastudio.wire import keep_logs_clean

__all__ = [
    "AkSkAuth",
    "GiveUp",
    "GiveUpReason",
    "MetaStudio",
    "MetaStudioError",
    "Operation",
    "RetryAt",
    "TokenAuth",
    "command_body",
    "documented",
    "job_from_json",
    "keep_logs_clean",
    "meaning_of",
    "next_try",
    "report_body",
    "scrub",
    "sign",
    "start_body",
    "validate_start",
]
