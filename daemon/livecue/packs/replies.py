"""What a rule says: its texts as markup and by length, and the text into which its thanks merge."""

from __future__ import annotations

from typing import Literal

import msgspec
from yaml import Node, ScalarNode, SequenceNode

from livecue.domain import EventType
from livecue.engine.markup import MarkupError, is_markup, read_markup
from livecue.engine.merging import NAMES
from livecue.engine.rules import Merging, Rule
from livecue.engine.speech import MAX_SPOKEN, spoken_characters, too_long
from livecue.packs.nodes import is_null, plain
from livecue.packs.problems import Place
from livecue.packs.tables import Table

MERGE_KEYS = Merging.__struct_fields__
LONGEST_TEXT = 1024
MERGE_MOST = (2, 20)
_WRITE_MERGE = "write merge: {text: '感谢{names}的{giftName}！'}, or merge: false for none"


def check_text(text: str, place: Place, at: Node | int, what: str) -> None:
    """Complain about a text that cannot be spoken as it stands."""
    if too_long(text):
        chars = spoken_characters(text)
        place.fault(at, f"{what} has {chars} spoken characters", f"at most {MAX_SPOKEN} are allowed")
    if not is_markup(text):
        return
    try:
        markup = read_markup(text)
    except MarkupError as error:
        message = f"{what} is said as plain text, its SSML is not well-formed: {error}"
        place.warn(at, message, error.remedy, "broken-markup")
        return
    for name in markup.unknown:
        place.warn(at, f"S4 12.7 has no tag <{name}>", "remove it unless the room's voice takes it")


def check_texts(trigger: Table) -> None:
    """Complain about reply_texts, each at its own line."""
    node = trigger.at("reply_texts")
    for item in node.value if isinstance(node, SequenceNode) else ():
        if isinstance(item, ScalarNode) and not is_null(item):
            check_text(str(item.value), trigger.place, item, "a text of reply_texts")


def read_merge(livecue: Table) -> Merging | Literal[False] | None:
    """What stands under `merge`: a mapping, or false."""
    if "merge" not in livecue:
        return None
    place, node = livecue.place, livecue.at("merge")
    if isinstance(node, ScalarNode):
        if plain(node) is not False:
            place.error(node, f"livecue.merge is {node.value!r}", _WRITE_MERGE)
        return False
    table = livecue.table("merge", MERGE_KEYS, strict=True)
    if table is None:
        return False
    text, at = table.text("text", longest=LONGEST_TEXT), table.at("text")
    if NAMES not in text:
        place.error(
            at, f"livecue.merge.text has no {NAMES}" if text else "livecue.merge has no text", _WRITE_MERGE
        )
    check_text(text, place, at, "livecue.merge.text")
    return Merging(text, table.whole("most", *MERGE_MOST, Merging(text).most))


def check_merge(rule: Rule, place: Place, at: Node) -> None:
    """Complain about thanks that can never become one."""
    if not rule.livecue.merge:
        return
    if rule.event_type != EventType.GIFT:
        place.fault(at, "livecue.merge is for gifts", "write event_type: 4, or remove merge")
    elif not rule.speaks:
        remedy = "write reply_mode: SYSTEM_REPLY with reply_texts, or remove merge"
        place.fault(at, "livecue.merge in a rule that speaks no text of its own", remedy)


def read_pack_merge(pack: Table) -> Merging | None:
    """What stands under `livecue: {merge: …}` at the top of a pack."""
    livecue = pack.table("livecue", ("merge",), strict=True)
    return (None if livecue is None else read_merge(livecue)) or None


def with_pack_merge(rule: Rule, merge: Merging | None) -> Rule:
    """The rule with the pack's merge, if it speaks to gifts and says nothing of it itself."""
    if (
        merge is None
        or rule.event_type != EventType.GIFT
        or not rule.speaks
        or rule.livecue.merge is not None
    ):
        return rule
    return msgspec.structs.replace(rule, livecue=msgspec.structs.replace(rule.livecue, merge=merge))
