"""The vocabulary of livecue: what happened, what was decided, what the cloud said.

Everything here is frozen data and closed enums. Times are milliseconds since 1970-01-01 UTC and
end in `_ms`; durations carry their unit in the name. Nothing here does I/O or reads a clock.
"""

from livecue.domain.cues import MAX_AGE_S, Ask, AskKind, Cue, CueKind, Merge
from livecue.domain.events import (
    MAX_REPORTED,
    SAMPLED,
    EventType,
    LiveEvent,
    Report,
    ReportedEvent,
    Signal,
    SignalKind,
)
from livecue.domain.jobs import (
    ON_AIR_STATES,
    OVER_STATES,
    ChatLink,
    ChatState,
    CloudError,
    Job,
    JobState,
    Meaning,
)
from livecue.domain.rooms import Blackout, CalendarRun, Overlap, ReportMode, RoomKind, Session, Unplanned

__all__ = [
    "MAX_AGE_S",
    "MAX_REPORTED",
    "ON_AIR_STATES",
    "OVER_STATES",
    "SAMPLED",
    "Ask",
    "AskKind",
    "Blackout",
    "CalendarRun",
    "ChatLink",
    "ChatState",
    "CloudError",
    "Cue",
    "CueKind",
    "EventType",
    "Job",
    "JobState",
    "LiveEvent",
    "Meaning",
    "Merge",
    "Overlap",
    "Report",
    "ReportMode",
    "ReportedEvent",
    "RoomKind",
    "Session",
    "Signal",
    "SignalKind",
    "Unplanned",
]
