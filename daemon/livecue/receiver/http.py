"""The receiver's routes: `POST /callbacks/{room}` and `POST /api/rooms/{room}/events`.

2xx is sent only once the bus has acknowledged; a bus that does not is 503 with Retry-After.
"""

from __future__ import annotations

from starlette.routing import Route

from livecue.receiver.callbacks import CallbackDoor
from livecue.receiver.edge import guarded
from livecue.receiver.ingest import IngestDoor


def routes(callbacks: CallbackDoor, ingest: IngestDoor) -> list[Route]:
    """For a Starlette application."""
    return [
        Route("/callbacks/{room}", guarded(callbacks), methods=["POST"]),
        Route("/api/rooms/{room}/events", guarded(ingest), methods=["POST"]),
    ]
