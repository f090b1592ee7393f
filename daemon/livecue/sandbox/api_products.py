"""Products of a live (S4 6.3)."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from livecue.sandbox import errors, fields, paging
from livecue.sandbox.errors import invalid
from livecue.sandbox.fields import Body
from livecue.sandbox.http import Call, Reply
from livecue.sandbox.state import Entry, rfc3339

ASSET_TYPES = ("IMAGE", "VIDEO", "AUDIO")
STATES = ("ACTIVED", "UNACTIVED")


def create_product(call: Call) -> Reply:
    """POST /products (S4 6.3.1)."""
    _check(call.body, name_required=True)
    active = fields.boolean(call.body, "auto_active")
    state = "UNACTIVED" if active is False else "ACTIVED"
    body = {name: value for name, value in call.body.items() if name != "auto_active"}
    return Reply({"product_id": call.state.add(call.state.products, {**body, "state": state}).id})


def list_products(call: Call) -> Reply:
    """GET /products (S4 6.3.2): by name, tag, state and time."""
    kept = [
        product
        for product in call.state.products.values()
        if paging.like(call.query, "name", product.body.get("name"))
        and (not call.query.get("tag") or call.query["tag"] in (product.body.get("tags") or []))
        and paging.chosen(call.query, "state", product.body.get("state"))
        and paging.within(call.query, product.created_s)
    ]
    by_update = call.query.get("sort_key") == "update_time"
    kept.sort(
        key=lambda product: product.updated_s if by_update else product.created_s,
        reverse=paging.descending(call.query),
    )
    return Reply(
        {"count": len(kept), "products": [_detail(product) for product in paging.page(call.query, kept)]}
    )


def show_product(call: Call) -> Reply:
    """GET /products/{product_id} (S4 6.3.4)."""
    return Reply(_detail(_find(call)))


def update_product(call: Call) -> Reply:
    """PUT /products/{product_id} (S4 6.3.3): what is given replaces what was."""
    product = _find(call)
    _check(call.body, name_required=False)
    fields.word(call.body, "state", STATES)
    product.body.update(call.body)
    product.updated_s = call.state.clock()
    return Reply({})


def delete_product(call: Call) -> Reply:
    """DELETE /products/{product_id} (S4 6.3.5)."""
    del call.state.products[_find(call).id]
    return Reply({})


def set_product_assets(call: Call) -> Reply:
    """POST /products/{product_id}/assets (S4 6.3.6): LINK or UNLINK one asset, one text, or both."""
    product = _find(call)
    link = fields.word(call.body, "action", ("LINK", "UNLINK")) != "UNLINK"
    asset, text = fields.section(call.body, "asset_item"), fields.section(call.body, "text_item")
    _check({"asset_list": [asset], "text_list": [text]}, name_required=False)
    for listing, item, key in (("asset_list", asset, "asset_id"), ("text_list", text, "title")):
        if item:
            others = [old for old in product.body.get(listing) or [] if old.get(key) != item.get(key)]
            product.body[listing] = [*others, dict(item)] if link else others
    product.updated_s = call.state.clock()
    return Reply({})


def _find(call: Call) -> Entry:
    product = call.state.products.get(call.path["product_id"])
    if product is None:
        raise errors.product_not_found()
    return product


def _check(body: Body, *, name_required: bool) -> None:
    fields.text(body, "name", 256, shortest=1, required=name_required)
    fields.text(body, "description", 1024)
    tags = fields.strings(body, "tags", 50, 16)
    if any(len(tag.encode()) > 16 for tag in tags):
        raise invalid("tags: a tag has at most 16 bytes")
    fields.text(fields.section(body, "cover"), "asset_id", 64)
    fields.sections(body, "text_list", 100)
    for asset in fields.sections(body, "asset_list", 300):
        fields.word(asset, "asset_type", ASSET_TYPES)
        fields.integer(asset, "order", 0, 300)


def _detail(product: Entry) -> dict[str, Any]:
    """Assets by their order, those without one first; with what the asset library knows of each."""
    body = dict(product.body)
    if assets := body.get("asset_list"):
        in_order = sorted(assets, key=lambda asset: asset.get("order") or 0)
        body["asset_list"] = [asset | _library(asset, "main_url") for asset in in_order]
    if (cover := body.get("cover")) and cover.get("asset_id"):
        body["cover"] = cover | _library(cover, "cover_url")
    times = {"create_time": rfc3339(product.created_s), "update_time": rfc3339(product.updated_s)}
    return {"product_id": product.id, **body, **times}


def _library(asset: Body, link: str) -> dict[str, str]:
    """What an answer adds to an asset (S4 6.3.4)."""
    asset_id = str(asset.get("asset_id") or "")
    url = f"https://assets.example.com/{quote(asset_id, safe='')}"
    named = {"asset_name": asset_id, "asset_state": "ACTIVED"} if link == "main_url" else {}
    return {**named, link: url, "thumbnail_url": f"{url}/small"}
