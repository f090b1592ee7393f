"""What comes in over HTTP: MetaStudio's callbacks (S3, table 8) and events of platforms without NATS.

`signature`, `replay` and `translate` are pure; `http` is the thin edge around them. Nothing is
answered 2xx before the bus has acknowledged it, and no refusal says why.
"""

from livecue.receiver.http import Dead, routes
from livecue.receiver.rooms import AuthType, CallbackRequest, CallbackRoom, Verifier
from livecue.receiver.signature import UriForm, Verdict

__all__ = [
    "AuthType",
    "CallbackRequest",
    "CallbackRoom",
    "Dead",
    "UriForm",
    "Verdict",
    "Verifier",
    "routes",
]
