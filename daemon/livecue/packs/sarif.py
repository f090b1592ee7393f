"""Findings as SARIF 2.1.0, which code hosts show beside the lines of a change."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livecue.packs.lint import CODES, Finding

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(findings: Sequence[Finding], version: str, base: Path) -> dict[str, Any]:
    """One run of `livecue rules lint`; paths are given relative to `base` where they lie below it."""
    driver = {
        "name": "livecue rules lint",
        "version": version,
        "rules": [{"id": code, "shortDescription": {"text": text}} for code, text in CODES.items()],
    }
    results = [_result(finding, base) for finding in findings]
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": results}],
    }


def _result(finding: Finding, base: Path) -> dict[str, Any]:
    rule = f"rule {finding.rule!r}: " if finding.rule else ""
    return {
        "ruleId": finding.code,
        "level": str(finding.severity),
        "message": {"text": f"{rule}{finding.message}; {finding.remedy}"},
        "locations": [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": _uri(finding.file, base)},
                    "region": {"startLine": max(1, finding.line)},
                }
            }
        ],
    }


def _uri(file: str, base: Path) -> str:
    path = Path(file).absolute()
    return path.relative_to(base).as_posix() if path.is_relative_to(base) else path.as_uri()
