"""When to ask, when to ask again, when to give up, and what is said then. Pure: time is an argument.

A callback is owed to the shop: every failure is tried again, as Standard Webhooks wants it, until
the outbox forgets the ask; 410 ends it for that URL and live. A chat is owed to the viewer: one
attempt, and if nothing usable comes of it in time, the rule's own text.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from livecue.domain import Ask, AskKind
from livecue.runtime.ask_ports import LASTS_MS, AskError, Unanswered
from livecue.runtime.ports import Outcome

_PAUSES_MS = (5_000, 30_000, 120_000, 300_000)
_JITTER = 0.1
_CHAT_RESERVE_MS = 1_000  # of a reply's life, for the way back through the engine to the cloud

_FINAL = frozenset(
    {
        Unanswered.GONE,
        Unanswered.UNREADABLE,  # the callback was taken all the same
        Unanswered.NOT_SET_UP,
        Unanswered.CROWDED,
        Unanswered.LATE,
    }
)
_CALLBACK_ENDS = {
    Unanswered.GONE: Outcome.GONE,
    Unanswered.UNREADABLE: Outcome.DELIVERED,
    Unanswered.NOT_SET_UP: Outcome.REFUSED,
    Unanswered.CROWDED: Outcome.OVERFLOW,
}
_CHAT_ENDS = {Unanswered.CROWDED: Outcome.OVERFLOW, Unanswered.LATE: Outcome.EXPIRED}

UNSPOKEN = frozenset({Outcome.OVERFLOW, Outcome.EXPIRED, Outcome.UNANSWERED})
"""Ends of a chat ask after which its rule gets its time window back."""


def asked_until(ask: Ask) -> int:
    """From when on nobody need be asked any more, in ms."""
    forgotten = ask.at_ms + LASTS_MS[ask.kind]
    return min(forgotten, ask.expires_ms - _CHAT_RESERVE_MS) if ask.kind is AskKind.CHAT else forgotten


def within_s(ask: Ask, now_ms: int) -> float:
    """How long an attempt that starts now may take at most, in seconds."""
    return max(0, asked_until(ask) - now_ms) / 1000


def next_try(ask: Ask, error: AskError, attempt: int, now_ms: int, jitter: float) -> int | None:
    """When to ask again after attempt `attempt` (first: 1) failed, in ms; None: not any more.

    `jitter` is 0 to 1. An attempt that would start when the ask is not owed any more is not waited for.
    """
    if ask.kind is AskKind.CHAT or error.why in _FINAL:
        return None
    pause = _PAUSES_MS[min(attempt, len(_PAUSES_MS)) - 1]
    told = int((error.retry_after_s or 0) * 1000)
    due = now_ms + max(pause, told) + int(pause * _JITTER * jitter)
    return due if due < asked_until(ask) else None


def end_of(ask: Ask, why: Unanswered) -> Outcome:
    """How an ask ends that nobody answered and that is not asked again."""
    if ask.kind is AskKind.CHAT:
        return _CHAT_ENDS.get(why, Outcome.UNANSWERED)
    return _CALLBACK_ENDS.get(why, Outcome.EXPIRED)


def speakable(ask: Ask, now_ms: int) -> bool:
    """Whether a text may still be said for it."""
    return ask.speaks and now_ms < ask.expires_ms


def fallback_of(ask: Ask) -> str:
    """The rule's own text, for a chat that gave none; drawn by the ask, so that it is always the same."""
    if ask.kind is not AskKind.CHAT or not ask.texts:
        return ""
    seed = f"{ask.room}\0{ask.id}".encode("utf-8", "backslashreplace")
    return ask.texts[int.from_bytes(blake2b(seed, digest_size=8).digest(), "big") % len(ask.texts)]


def answered(ask: Ask, text: str, *, fallback: bool) -> dict[str, Any]:
    """The data of the signal ANSWERED."""
    return {
        "ask_id": ask.id,
        "job_id": ask.job_id,
        "rule_index": ask.rule_index,
        "text": text,
        "fallback": fallback,
        "event_id": ask.event_id,
        "at_ms": ask.at_ms,
        "expires_ms": ask.expires_ms,
    }


def returned(ask: Ask) -> dict[str, Any]:
    """The data of the signal CUE_RETURNED: nothing was said, the rule may fire again."""
    return {
        "job_id": ask.job_id,
        "rule_index": ask.rule_index,
        "cue_id": ask.id,
        "fired_at_ms": ask.at_ms,
    }
