"""What is of products alone: their creation, their export, and segments that speak of one by its title."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from livecue.metastudio import Thing
from livecue.setups.export import exported


def creation(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The body that creates a product as wanted: it has no `state` yet, but `auto_active` (S4 6.3.1)."""
    body = {name: value for name, value in spec.items() if name != "state"}
    return body | ({"auto_active": spec["state"] == "ACTIVED"} if spec.get("state") else {})


def exported_products(shown: Sequence[Mapping[str, Any]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Products as `products:` of the file, by name, and the names that several bear: a file cannot tell those apart.

    One that is not active stays so where it is applied; deleted ones are left out.
    """
    there = [row for row in shown if row.get("state") != "DELETED" and row.get("name")]
    bearers = Counter(str(row["name"]) for row in there)
    rows = [
        exported(Thing.PRODUCT, row) | ({"state": "UNACTIVED"} if row.get("state") == "UNACTIVED" else {})
        for row in sorted(there, key=lambda row: str(row["name"]))
        if bearers[str(row["name"])] == 1
    ]
    return rows, sorted(name for name, count in bearers.items() if count > 1)


def with_product_ids(spec: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """`spec` with the product_id beside each product_title that `ids` knows; one given stays."""
    return {name: _filled(value, ids) for name, value in spec.items()}


def _filled(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_filled(item, ids) for item in value]
    if not isinstance(value, Mapping):
        return value
    filled = {name: _filled(item, ids) for name, item in value.items()}
    title = filled.get("product_title")
    if isinstance(title, str) and title in ids and not filled.get("product_id"):
        filled["product_id"] = ids[title]
    return filled
