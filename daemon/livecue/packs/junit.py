"""Outcomes of pack tests as JUnit XML, which every CI shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree as ET

from livecue.packs.running import Outcome


def junit(outcomes: Mapping[Path, Sequence[Outcome]], broken: Mapping[Path, str]) -> bytes:
    """A suite per file, a case per scenario; a file that cannot be read is an error of its own."""
    root = ET.Element("testsuites", name="livecue rules test")
    for file, group in outcomes.items():
        suite = ET.SubElement(
            root,
            "testsuite",
            name=str(file),
            tests=str(len(group)),
            failures=str(sum(not outcome.passed for outcome in group)),
            errors="0",
        )
        for outcome in group:
            case = ET.SubElement(suite, "testcase", classname=str(file), name=outcome.scenario.name)
            case.set("file", str(file))
            case.set("line", str(outcome.scenario.line))
            for failure in outcome.failures:
                message = f"expected {failure.expected}; got {failure.got}"
                ET.SubElement(case, "failure", message=_clean(message)).text = _clean(str(failure))
    for file, problems in broken.items():
        suite = ET.SubElement(root, "testsuite", name=str(file), tests="1", failures="0", errors="1")
        case = ET.SubElement(suite, "testcase", classname=str(file), name="loads")
        ET.SubElement(case, "error", message="cannot be loaded").text = _clean(problems)
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _clean(text: str) -> str:
    """XML 1.0 has no control characters."""
    return "".join(char if char >= " " or char in "\n\t" else "\ufffd" for char in text)
