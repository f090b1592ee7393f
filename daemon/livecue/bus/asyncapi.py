"""`python -m livecue.bus.asyncapi` prints `docs/asyncapi.yaml`: faststream's own AsyncAPI document.

What is published comes from the publishers that `Channels` binds. What is consumed is read by
`bus.tail` beneath faststream, so it is declared here for the document alone. The bodies inside
cues, reports and audit entries are described by the very structs that are written.
"""

from __future__ import annotations

import sys
from typing import Any

import msgspec
import yaml
from faststream.nats import NatsBroker
from faststream.specification import AsyncAPI

from livecue import __version__
from livecue.bus.channels import (
    AsksMessage,
    Channels,
    CuesMessage,
    EventMessage,
    EventReportMessage,
    ReportMessage,
    SignalMessage,
)
from livecue.domain import Ask, Cue, Report
from livecue.runtime.ports import AuditEntry

_SERVER = "nats://localhost:4222"
_ABOUT = (
    "livecue's subjects on NATS. Platforms publish to live.events.<room>; everything else is livecue's own "
    "and may be read. The forms, the streams and their limits are told in docs/bus.md."
)
_SCHEMA = "#/components/schemas/{name}"


def document() -> dict[str, Any]:
    """The AsyncAPI 3.0 document, the same on every call."""
    broker = NatsBroker(_SERVER, apply_types=False, logger=None)
    Channels().bind(broker, lambda _room, _body: None)
    _consumed(broker)
    spec = AsyncAPI(broker, title="livecue", version=__version__, description=_ABOUT, schema_version="3.0.0")
    found: dict[str, Any] = spec.to_specification().to_jsonable()
    _describe_bodies(found["components"])
    for part in (found, found["components"]):
        for name in ("channels", "operations", "messages", "schemas"):
            if name in part:  # faststream keeps them in no fixed order
                part[name] = dict(sorted(part[name].items()))
    return found


def _consumed(broker: NatsBroker) -> None:
    """Declare what the tails read; nothing is ever subscribed by this broker."""

    @broker.subscriber("live.events.{room}", title="events-decided", no_reply=True)
    async def events(body: EventMessage | EventReportMessage) -> None:
        """The inbox reads every room's events in order, decides them by the room's rules and commits."""

    @broker.subscriber("live.signals.{room}", title="signals-decided", no_reply=True)
    async def signals(body: SignalMessage) -> None:
        """The inbox reads signals in one order with the events: they begin a live, end it, switch its scene."""

    @broker.subscriber("live.cues.{room}", title="cues-sent", no_reply=True)
    async def cues(body: CuesMessage) -> None:
        """The dispatcher sends each cue to MetaStudio at most once."""

    @broker.subscriber("live.reports.{room}", title="reports-sent", no_reply=True)
    async def reports(body: ReportMessage) -> None:
        """The reporter sends each report to live-event-report at most once."""

    @broker.subscriber("live.asks.{room}", title="asks-asked", no_reply=True)
    async def asks(body: AsksMessage) -> None:
        """The asker puts each ask to the shop's webhook or the chat endpoint; the answer comes as a signal."""


def _describe_bodies(components: dict[str, Any]) -> None:
    schemas = components["schemas"]
    _, written = msgspec.json.schema_components([Cue, Report, Ask, AuditEntry], ref_template=_SCHEMA)
    schemas.update(written)
    schemas["CuesMessage"]["properties"]["cues"]["items"] = {"$ref": _SCHEMA.format(name="Cue")}
    schemas["AsksMessage"]["properties"]["asks"]["items"] = {"$ref": _SCHEMA.format(name="Ask")}
    schemas["ReportMessage"]["properties"]["report"] = {"$ref": _SCHEMA.format(name="Report")}
    entry = schemas.pop("AuditEntry")
    audit = schemas["AuditMessage"]
    audit["properties"] = {"v": audit["properties"]["v"], **entry["properties"]}
    schemas["DeadMessage"]["properties"]["cut_from_bytes"] = {
        "type": "integer",
        "description": "the body's length, only if it was cut at 64 KiB",
    }
    # The hint subscriber takes the raw message; its body is a signal all the same.
    heard = components["messages"]["signals-heard:SubscribeMessage"]
    heard["payload"] = {"$ref": _SCHEMA.format(name="SignalMessage")}
    schemas.pop("EmptyPayload", None)


def main() -> None:
    """Write the document to standard output."""
    sys.stdout.write(yaml.safe_dump(document(), sort_keys=False, allow_unicode=True, width=110))


if __name__ == "__main__":
    main()
