"""Segments of a script that speak of a product by its title, where the file has that product."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


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
