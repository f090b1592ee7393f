"""Rules compiled and evaluated: pure functions of the event and the room's state.

Nothing here does I/O, reads a clock, draws a random number or writes a log: all that comes in as an
argument. `handle` decides an event, `signal` takes note of a fact about the live, `compile_rules`
makes the program, `RoomState` is what is stored between events.
"""

from livecue.engine.engine import NOTHING, Decision, handle, signal
from livecue.engine.program import Program, RuleError, compile_rules
from livecue.engine.rules import Rule
from livecue.engine.state import RoomState

__all__ = [
    "NOTHING",
    "Decision",
    "Program",
    "RoomState",
    "Rule",
    "RuleError",
    "compile_rules",
    "handle",
    "signal",
]
