"""Pack folders become the rules of a room, in order, or one error with everything that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from yaml import MappingNode, Node

from livecue.engine.rules import Rule
from livecue.packs.nodes import parse
from livecue.packs.problems import Notes, PackError, Place, Problem
from livecue.packs.reading import read_rule
from livecue.packs.replies import read_pack_merge, with_pack_merge
from livecue.packs.tables import Table

NAMES = ("pack.yaml", "pack.json")
PACK_KEYS = ("group_name", "group_id", "interaction_rules", "create_time", "update_time", "livecue")


@dataclass(frozen=True, slots=True)
class Pack:
    """One rule group: a folder's `pack.yaml`, or the `pack.json` that the cloud exported (S4 6.1.7).

    `lines` is where each rule begins, by rule_index.
    """

    folder: Path
    file: Path
    group_name: str
    group_id: str
    rules: tuple[Rule, ...]
    lines: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """The rules of all packs, in the order of the folders and of the files, and what is to be known
    about them though they load.
    """

    rules: tuple[Rule, ...]
    warnings: tuple[Problem, ...]
    packs: tuple[Pack, ...]


def load_packs(folders: Sequence[Path], *, can_call: bool = True, can_chat: bool = True) -> LoadedRules:
    """Load the packs of one room. `can_call`, `can_chat`: whether it has a callback URL and a chat
    endpoint; rules that need what it has not are warned of, since they are left to the cloud.

    Raises:
        PackError: something is wrong; it names every problem of every pack.
    """
    notes = Notes()
    packs: list[Pack] = []
    for folder in folders:
        pack = _read_pack(folder, notes, can_call=can_call, can_chat=can_chat)
        if pack is not None:
            packs.append(pack)
    _check_unique(packs, notes)
    problems = notes.in_order()
    if notes.failed:
        raise PackError(problems)
    rules = tuple(rule for pack in packs for rule in pack.rules)
    return LoadedRules(rules, problems, tuple(packs))


def load_pack(folder: Path) -> Pack:
    """Load one pack; its warnings are dropped, see `load_packs`.

    Raises:
        PackError: something is wrong; it names every problem.
    """
    return load_packs([folder]).packs[0]


def _read_pack(folder: Path, notes: Notes, *, can_call: bool, can_chat: bool) -> Pack | None:
    file = _find(folder, notes)
    if file is None:
        return None
    place = Place(str(file), notes, exported=file.suffix == ".json", can_call=can_call, can_chat=can_chat)
    root = parse(file, place)
    if root is None:
        return None
    if not isinstance(root, MappingNode):
        remedy = "write `group_name:` and `interaction_rules:` at the top, the rules as its list"
        place.error(root, "a pack is a mapping", remedy)
        return None
    if any(key.value == "interaction_rule_groups" for key, _ in root.value):
        remedy = "save one element of interaction_rule_groups as pack.json"
        place.error(root, "this is the cloud's list of groups, not one group", remedy)
        return None
    table = Table(root, place, PACK_KEYS)
    if "interaction_rules" not in table:
        place.warn(root, "no interaction_rules", "write `interaction_rules:` with a list of rules")
    rules, lines = _read_rules(table, folder.resolve().name)
    name, group = table.text("group_name", longest=256), table.text("group_id", longest=64)
    return Pack(folder, file, name or folder.name, group, tuple(rules), lines)


def _read_rules(table: Table, prefix: str) -> tuple[list[Rule], dict[str, int]]:
    merge = read_pack_merge(table)
    rules: list[Rule] = []
    lines: dict[str, int] = {}
    for number, node in enumerate(table.items("interaction_rules", most=100_000), start=1):
        place = replace(table.place, unknown=[])
        rule = read_rule(node, place, number, lines, prefix)
        if rule is None:
            continue
        if rule.rule_index in lines:
            _twice(place, node, rule, f"line {lines[rule.rule_index]}")
        lines.setdefault(rule.rule_index, node.start_mark.line + 1)
        rules.append(with_pack_merge(rule, merge))
    if merge is not None and all(rule.livecue.merge is not merge for rule in rules):
        message = "livecue.merge: no rule of the pack speaks to gifts and leaves its merge to it"
        table.place.warn(table.at("livecue"), message, "remove it, or write a rule of event_type 4")
    return rules, lines


def _twice(place: Place, node: Node, rule: Rule, where: str) -> None:
    message = f"rule_index {rule.rule_index!r} already stands in {where}"
    place.error(node, message, "give one of the two another rule_index")


def _find(folder: Path, notes: Notes) -> Path | None:
    place = Place(str(folder), notes)
    if not folder.is_dir():
        what = "is a file, not a pack folder" if folder.exists() else "there is no such pack folder"
        place.error(1, what, "name a folder that holds pack.yaml")
        return None
    found = [folder / name for name in NAMES if (folder / name).is_file()]
    if not found:
        place.error(
            1, "the folder holds no pack", "put a pack.yaml (or the cloud's export as pack.json) there"
        )
    elif len(found) > 1:
        place.error(1, "pack.yaml and pack.json are both there", "keep one of them")
    return found[0] if len(found) == 1 else None


def _check_unique(packs: Sequence[Pack], notes: Notes) -> None:
    """A rule_index is unique in a room, since state and statistics hang on it."""
    owners: dict[str, Pack] = {}
    folders: set[Path] = set()
    for pack in packs:
        place = Place(str(pack.file), notes)
        if pack.folder.resolve() in folders:
            place.error(1, "the pack is listed twice", "name each folder once")
            continue
        folders.add(pack.folder.resolve())
        for rule in pack.rules:
            other = owners.setdefault(rule.rule_index, pack)
            if other is not pack:
                at = Problem(
                    str(pack.file),
                    pack.lines[rule.rule_index],
                    rule.rule_name or rule.rule_index,
                    f"rule_index {rule.rule_index!r} already stands in "
                    f"{other.file}:{other.lines[rule.rule_index]}",
                    "give one of the two another rule_index",
                )
                notes.problems.append(at)
