"""What the thanks of one gift carry along so that the dispatcher can make one of many (`domain.Merge`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livecue.domain import Merge
from livecue.engine.rules import Additions
from livecue.engine.speech import too_long
from livecue.engine.template import Template, Variable, template_of, variable_of

NAMES, COUNT = "{names}", "{count}"
KEPT = ("names", "count")
"""What stays in the text for the dispatcher to fill in; an event's field cannot be called so there."""


@dataclass(slots=True, frozen=True)
class Merger:
    """The rule's merge text with all that is filled in now, and how the viewer is called in it."""

    text: Template
    name: Variable
    most: int

    def merge(self, content: Mapping[str, Any], figures: Mapping[str, str]) -> Merge | None:
        """None if the viewer has no name to be said, or the event does not fill the text."""
        name = self.text.said(self.name.value(content, figures))
        text = self.text.fill(content, figures) if name else None
        return None if text is None else Merge(text, name, self.most)


def merger_of(own: Additions) -> Merger | None:
    """The rule's merge; None if it has none, or one that cannot name anybody."""
    if not own.merge:
        return None
    text = merge_template(own.merge.text, own.mask)
    if NAMES not in text.text or too_long(text.text):
        return None
    return Merger(text, variable_of("user.name", own.mask, braces=False), own.merge.most)


def merge_template(text: str, mask: tuple[str, ...] = ()) -> Template:
    return template_of(text, mask, kept=KEPT)
