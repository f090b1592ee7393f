"""What comes in over HTTP: MetaStudio's callbacks (S3, table 8) and events of platforms without NATS.

`signature`, `recipe`, `heard`, `replay`, `rate` and `translate` are pure; `callbacks` and `ingest` are the thin
edge around them. Nothing is answered 2xx before the bus has acknowledged it, and no refused callback is
told why.
"""

from livecue.receiver.callbacks import CallbackDoor, Dead, Keep, Unknown
from livecue.receiver.heard import unheard
from livecue.receiver.http import routes
from livecue.receiver.ingest import IngestDoor, IngestRoom, token_hash
from livecue.receiver.recipe import Digest, Encoding, Recipe, TimeUnit, recipe_problem
from livecue.receiver.request import CallbackRequest
from livecue.receiver.rooms import AuthType, CallbackRoom, Verifier, url_token
from livecue.receiver.signature import Key, UriForm, Verdict, key_to_give

__all__ = [
    "AuthType",
    "CallbackDoor",
    "CallbackRequest",
    "CallbackRoom",
    "Dead",
    "Digest",
    "Encoding",
    "IngestDoor",
    "IngestRoom",
    "Keep",
    "Key",
    "Recipe",
    "TimeUnit",
    "Unknown",
    "UriForm",
    "Verdict",
    "Verifier",
    "key_to_give",
    "recipe_problem",
    "routes",
    "token_hash",
    "unheard",
    "url_token",
]
