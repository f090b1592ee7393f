"""MetaStudio's API: signing, tokens, bodies, what its errors mean, and the client.

Decisions (signing, error meanings, limits, bodies) are pure functions of their arguments, time
and chance included; I/O happens in `wire`, `client` and `token` alone. Nothing here retries: that is
the caller's, at one place (`egress.verdict`).
"""

from livecue.metastudio.client import MetaStudio
from livecue.metastudio.connecting import keep_logs_clean
from livecue.metastudio.errors import MetaStudioError, meaning_of, scrub
from livecue.metastudio.limits import documented
from livecue.metastudio.models import (
    CALLBACK_CONFIG,
    ShownCallback,
    clean_up_body,
    command_body,
    job_from_json,
    report_body,
    script_of,
    start_body,
    voice_speed_of,
)
from livecue.metastudio.report_url import ReportUrls
from livecue.metastudio.setups import FORMS, Setups, Thing
from livecue.metastudio.signing import AkSkAuth, sign
from livecue.metastudio.token import TokenAuth
from livecue.metastudio.validate import validate_start

__all__ = [
    "CALLBACK_CONFIG",
    "FORMS",
    "AkSkAuth",
    "MetaStudio",
    "MetaStudioError",
    "ReportUrls",
    "Setups",
    "ShownCallback",
    "Thing",
    "TokenAuth",
    "clean_up_body",
    "command_body",
    "documented",
    "job_from_json",
    "keep_logs_clean",
    "meaning_of",
    "report_body",
    "script_of",
    "scrub",
    "sign",
    "start_body",
    "validate_start",
    "voice_speed_of",
]
