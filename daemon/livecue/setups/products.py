"""What is of products alone: their creation, their export, and segments that speak of one by its title."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from livecue.metastudio import Thing
from livecue.setups.export import exported


def creation(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The body that creates a product as wanted: it has no `state` yet, but `auto_active` (S4 6.3.1)."""
    body = {name: value for name, value in spec.items() if name != "state"}
    return body | ({"auto_active": spec["state"] == "ACTIVED"} if spec.get("state") else {})


@dataclass(frozen=True)
class ExportedProducts:
    """Products as `products:` of the file, their ids by name, and the names that several bear."""

    rows: list[dict[str, Any]]
    ids: dict[str, str]
    unclear: list[str]


def exported_products(shown: Sequence[Mapping[str, Any]]) -> ExportedProducts:
    """What the file would say of them, by name; those that bear one name it could not tell apart.

    One that is not active stays so where it is applied; deleted ones are left out.
    """
    there = [row for row in shown if row.get("state") != "DELETED" and row.get("name")]
    bearers = Counter(str(row["name"]) for row in there)
    known = [row for row in there if bearers[str(row["name"])] == 1]
    return ExportedProducts(
        [_row(row) for row in sorted(known, key=lambda row: str(row["name"]))],
        {str(row["name"]): str(row.get("product_id")) for row in known},
        sorted(name for name, count in bearers.items() if count > 1),
    )


def _row(shown: Mapping[str, Any]) -> dict[str, Any]:
    state = {"state": "UNACTIVED"} if shown.get("state") == "UNACTIVED" else {}
    return exported(Thing.PRODUCT, shown) | state


def with_product_ids(spec: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """`spec` with the product_id beside each product_title that `ids` knows; one given stays."""
    return {name: _filled(value, ids) for name, value in spec.items()}


def without_product_ids(spec: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """The other way round: without each product_id that the title beside it stands for."""
    return {name: _bare(value, ids) for name, value in spec.items()}


def _bare(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, list):
        return [_bare(item, ids) for item in value]
    if not isinstance(value, Mapping):
        return value
    known = value.get("product_id") and ids.get(str(value.get("product_title"))) == value["product_id"]
    return {name: _bare(item, ids) for name, item in value.items() if not (known and name == "product_id")}


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
