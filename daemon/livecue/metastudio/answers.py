"""Jobs as MetaStudio's answers show them, one or many."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from livecue.domain import Job, Meaning
from livecue.metastudio.errors import error
from livecue.metastudio.models import chat_job_from_json, job_from_json

Read = Callable[[Mapping[str, Any]], Job]


class Rows(NamedTuple):
    """Where a list has its jobs, how one is read, and the order to ask for."""

    field: str
    read: Read
    order: dict[str, str]


LIVES: Final = Rows("smart_live_jobs", job_from_json, {"sort_key": "create_time", "sort_dir": "desc"})
CHATS: Final = Rows("smart_chat_jobs", chat_job_from_json, {})


def room_and_job(row: object, read: Read) -> tuple[str, Job | None]:
    """One row of a list; a row without a job_id names nothing that could be acted on."""
    try:
        return (str(row.get("room_id") or ""), read(row)) if isinstance(row, Mapping) else ("", None)
    except ValueError:
        return "", None


def read_job(operation: str, data: Mapping[str, Any], otherwise: Meaning, read: Read = job_from_json) -> Job:
    try:
        return read(data)
    except ValueError as exc:
        raise error(operation, otherwise, detail=str(exc)) from None
