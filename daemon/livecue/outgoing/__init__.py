"""What livecue asks others: the shop's webhook and a chat endpoint. HTTP of its own, no MetaStudio.

URLs come from the operator's configuration and rule packs alone, never from a viewer or an answer,
and no redirect is followed: whom livecue may reach is what the operator wrote down. Where the
network must forbid more than that (the cloud's metadata address, say), an egress policy does it.
"""

from livecue.outgoing.chat import Chat, ChatRoom
from livecue.outgoing.fetching import FetchError, fetch
from livecue.outgoing.http import Http
from livecue.outgoing.webhook import CallbackRoom, Webhook

__all__ = ["CallbackRoom", "Chat", "ChatRoom", "FetchError", "Http", "Webhook", "fetch"]
