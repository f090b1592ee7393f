"""The signature of Standard Webhooks 1.0.0, symmetric (`v1`). Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence

_PREFIX = "whsec_"


def key_of(secret: str) -> bytes:
    """The key that a secret stands for: `whsec_<base64>`, or the text itself.

    Raises:
        ValueError: what follows whsec_ is not base64.
    """
    if secret.startswith(_PREFIX):
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    return secret.encode()


def webhook_headers(secrets: Sequence[str], webhook_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """The three headers. `at_s`: when this attempt is made; every secret signs, the newest first."""
    signed = b".".join((webhook_id.encode(), str(at_s).encode(), body))
    signatures = (hmac.new(key_of(secret), signed, hashlib.sha256).digest() for secret in secrets)
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(one).decode()}" for one in signatures),
    }
