"""Logging: one line of JSON (or of text on a terminal) per event, on stderr, without secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any, TextIO

import structlog

from livecue.app.redact import Redactor

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure_logs(level: str, redactor: Redactor, *, stream: TextIO | None = None) -> None:
    """Set up structlog and the libraries' logging for the whole process."""
    out = stream or sys.stderr
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(colors=True)
        if out.isatty()
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )

    def render(logger: Any, name: str, event: structlog.typing.EventDict) -> str:
        line = renderer(logger, name, event)
        return redactor.text(str(line))

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[_Bridge()], level=logging.WARNING, force=True)


class _Bridge(logging.Handler):
    """Takes what libraries log through `logging` into the same stream and the same masking."""

    def emit(self, record: logging.LogRecord) -> None:
        fields: Mapping[str, Any] = {"logger": record.name}
        log = structlog.get_logger()
        text = record.getMessage()
        if record.exc_info and record.exc_info[1] is not None:
            text = f"{text}: {type(record.exc_info[1]).__name__}: {record.exc_info[1]}"
        known = min(record.levelno // 10 * 10, 50)  # a library may have levels of its own between
        log.log(known, text, **fields)
