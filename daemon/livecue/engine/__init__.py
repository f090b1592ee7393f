"""Rules compiled and evaluated: pure functions of the event and the room's state.

Nothing here does I/O, reads a clock, draws a random number or writes a log: all that comes in as an
argument. `handle` decides an event, `signal` a fact about the live, `tick` the passing of time (due
at `next_due_ms`); `compile_rules` makes the program, `RoomState` is what is stored between events.
"""

from livecue.engine.ages import DEFAULT_AGES, Ages
from livecue.engine.combos import next_due_ms
from livecue.engine.engine import NOTHING, Decision, handle, tick
from livecue.engine.holding import Held
from livecue.engine.limits import DEFAULT_LIMITS, Limits
from livecue.engine.program import Program, RuleError, compile_rules
from livecue.engine.rules import Rule
from livecue.engine.signals import Script, signal
from livecue.engine.state import RoomState

__all__ = [
    "DEFAULT_AGES",
    "DEFAULT_LIMITS",
    "NOTHING",
    "Ages",
    "Decision",
    "Held",
    "Limits",
    "Program",
    "RoomState",
    "Rule",
    "RuleError",
    "Script",
    "compile_rules",
    "handle",
    "next_due_ms",
    "signal",
    "tick",
]
