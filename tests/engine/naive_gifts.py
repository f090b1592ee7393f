"""What the oracle remembers of a combo: every gift of it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from engine.naive_reading import as_number, look_up, shown
from livecue.domain import LiveEvent
from livecue.engine.rules import Rule


@dataclass
class Gifts:
    rule: Rule
    frames: list[LiveEvent]
    figure: str = ""

    @property
    def due_ms(self) -> int:
        assert self.rule.livecue.combo
        return self.frames[-1].at_ms + round(self.rule.livecue.combo.timeout_s * 1000)


def figures_of(gifts: Gifts) -> dict[str, str]:
    count, value, running = Fraction(0), Fraction(0), False
    for frame in gifts.frames:
        so_far = as_number(look_up(frame.content, "repeatCount"))
        worth = as_number(look_up(frame.content, "totalValue")) or Fraction(0)
        if so_far is not None:
            running, count, value = True, max(count, so_far), max(value, worth)
        elif not running:
            number = as_number(look_up(frame.content, "giftNum"))
            count, value = count + (1 if number is None else number), value + worth
    return {"combo.count": shown(count), "combo.value": shown(value), "total": gifts.figure}
