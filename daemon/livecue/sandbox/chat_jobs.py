"""A smart-chat job: WAITING → PROCESSING [→ HEARTBEAT] → SUCCEED | FAILED | CANCELED (S0, S1). Pure: time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field

from livecue.sandbox.jobs import PROCESSING, SUCCEED, WAITING, Doom

HEARTBEAT, CANCELED = "HEARTBEAT", "CANCELED"
# S4 12.2; the code of a live job that lost its heartbeat is another.
CHAT_HEARTBEAT_LOST = "MSS.20010116"
# S1: 0 waits for the link. Nobody ever connects to a sandbox.
CHAT_WAITS = 0


@dataclass(frozen=True)
class Beat:
    """From `at_s` on the job is shown as HEARTBEAT, its link as `chat_state`."""

    at_s: float
    chat_state: int = CHAT_WAITS


@dataclass
class ChatJob:
    """One smart-chat job. Times are Unix seconds."""

    job_id: str
    room_id: str
    robot_id: str
    created_s: float
    start_delay_s: float
    doom: Doom | None = None
    beat: Beat | None = None
    ended_s: float | None = None
    error: dict[str, str] = field(default_factory=dict)
    _end: str = SUCCEED

    @property
    def started_s(self) -> float:
        """When it leaves WAITING."""
        return self.created_s + self.start_delay_s

    def over(self, now_s: float) -> bool:
        """Whether it has ended by now, by itself or because it was stopped."""
        doom = self.doom
        if self.ended_s is None and doom is not None and now_s >= doom.at_s:
            self.ended_s, self._end, self.error = doom.at_s, doom.state, dict(doom.error)
        return self.ended_s is not None

    def stop(self, now_s: float) -> None:
        """Ends it well; one that is over stays as it is."""
        if not self.over(now_s):
            self.ended_s = now_s

    def state(self, now_s: float, *, ends_hidden: bool = False) -> str:
        """As S1 names it; `ends_hidden`: as if it had not ended."""
        if self.over(now_s) and not ends_hidden:
            return self._end
        if self.beat is not None and now_s >= self.beat.at_s:
            return HEARTBEAT
        return PROCESSING if now_s >= self.started_s else WAITING

    def chat_state(self, now_s: float) -> int:
        """Of its link (S1)."""
        return self.beat.chat_state if self.beat is not None and now_s >= self.beat.at_s else CHAT_WAITS
