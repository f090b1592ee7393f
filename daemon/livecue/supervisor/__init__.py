"""The plan and the live jobs: what should be live is compared with what is, again and again.

`timetable` and `reconcile` are pure: time and facts come in as arguments, a decision comes out.
`room` looks at one room and carries decisions out; `loop` does so for all rooms, for ever. No
start and no stop is ever fired and forgotten: a timer only makes the loop look earlier.
"""

from livecue.supervisor.loop import RoomPlan, Supervisor
from livecue.supervisor.remedies import OnEnd, Policy
from livecue.supervisor.sweep import Sweeper
from livecue.supervisor.timers import StopTimerKeeper
from livecue.supervisor.timetable import Window, next_change, validate, wanted

__all__ = [
    "OnEnd",
    "Policy",
    "RoomPlan",
    "StopTimerKeeper",
    "Supervisor",
    "Sweeper",
    "Window",
    "next_change",
    "validate",
    "wanted",
]
