"""How the oracle reads an event: fields, numbers, variables. It shares no code with the engine."""

from __future__ import annotations

import html
import math
import re
import unicodedata
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any
from xml.etree import ElementTree as ET


def look_up(content: Any, tag: str) -> Any:
    """By path if there is a dot; else (or if the path leads nowhere) the shallowest scalar of that name."""
    if "." in tag:
        value = content
        for key in tag.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, str | int | float):
            return value
    everything: list[tuple[int, str, Any]] = []

    def walk(node: Any, depth: int) -> None:
        if isinstance(node, dict):
            for key, value in node.items():
                everything.append((depth, key, value))
                walk(value, depth + 1)
        elif isinstance(node, list):
            for value in node:
                walk(value, depth + 1)

    walk(content, 0)
    found = [(d, v) for d, key, v in everything if key == tag and isinstance(v, str | int | float)]
    return min(found, key=lambda pair: pair[0])[1] if found else None


def as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def as_number(value: Any) -> Fraction | None:
    if value is None or isinstance(value, bool):
        return None
    if (isinstance(value, float) and not math.isfinite(value)) or "_" in str(value):
        return None
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return Fraction(number) if number.is_finite() and abs(number) < 10**18 else None


def compares(match: str, left: Fraction, right: Fraction) -> bool:
    return {
        "MATH_GT": left > right,
        "MATH_GE": left >= right,
        "MATH_LT": left < right,
        "MATH_LE": left <= right,
    }.get(match, left == right)


def viewer(content: Any) -> str:
    user = as_text(look_up(content, "userId")) or ""
    return "" if user in {"0", "111111"} else user


def asked(content: Any) -> str:
    text = unicodedata.normalize("NFKC", as_text(look_up(content, "content")) or "").casefold()
    return re.sub(r"(?<=.)[啊呀吗呢吧哦嘛啦哈]+$", "", "".join(c for c in text if c.isalnum()))


def shown(number: Fraction) -> str:
    text = f"{Decimal(number.numerator) / Decimal(number.denominator):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def marked_up(text: str) -> bool:
    return text.strip().lower().startswith("<speak")


def sayable(text: str) -> str:
    """`text`, without its markup if that cannot be read."""
    try:
        return text if not marked_up(text) or ET.fromstring(text) is not None else ""
    except ET.ParseError:
        return re.sub("[<>]", "", html.unescape(re.sub("<[^>]*>?", "", text))).strip()


def lasting(text: str) -> float:
    """Seconds, of the markup that the tests use."""
    pauses = sum(int(found) for found in re.findall(r'time="(\d+)s"', text)) if marked_up(text) else 0
    words = html.unescape(re.sub("<[^>]*>", "", text)) if marked_up(text) else text
    return len(re.sub(r"\s", "", words)) / 250 * 60 + pauses


def filled(text: str, content: Any, figures: dict[str, str], mask: tuple[str, ...], *kept: str) -> str | None:
    """`text` with its variables, or None if one of them has nothing to say."""
    text, empty = sayable(text), []
    ssml = marked_up(text)

    def one(found: re.Match[str]) -> str:
        path = found[1]
        if path in kept:
            return found[0]
        leaf = path.split(".")[-1]
        if path in {"total", "combo.count", "combo.value"}:
            value = figures.get(path, "")
        else:
            value = as_text(look_up(content, path)) or ""
            value = "".join(c for c in " ".join(value.split()) if unicodedata.category(c)[0] != "C")
            value = re.sub("[{}]", "", value) if kept else value
            value = value[: 20 if leaf == "name" else 100].strip()
            if path in {"name", "user.name"} and as_text(look_up(content, "userId")) in {"", "0", "111111"}:
                value = ""
            if value and leaf in {name.split(".")[-1] for name in mask}:
                first = re.sub("[<>]", "", value).strip()[:1]
                value = f"{first}**" if first else ""
        value = html.escape(value) if ssml else re.sub("[<>]", "", value).strip()
        if not value:
            empty.append(path)
        return value

    done = re.sub(r"\{([a-zA-Z.]+)\}", one, text)
    return None if empty else done
