"""Whom a room's rules may ask before they speak: `asks`, for all rooms or for one.

```yaml
asks:
  callback:                       # CALLBACK, SYSTEM_REPLY_AND_CALLBACK
    url: https://shop.example.com/livecue     # where rules without `livecue.callback_url` ask
    secret_file: secrets/webhook              # whsec_<base64>, or at least 24 characters
  chat:                           # INTELLIGENT_REPLY
    base_url: https://api.example.com/v1      # of an OpenAI-compatible endpoint
    api_key_file: secrets/chat
    model: some-model
    persona: You are Xiaomei, the friendly host of a shop for outdoor gear.
    products: {tent: "Tent for two, 1.9 kg, 399 yuan until midnight"}   # by scene
    banned: [guaranteed, 最好]
```
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, SecretStr, field_validator

from livecue.settings.base import Strict, safe_url

_LEAST_SECRET_BYTES = 24  # Standard Webhooks asks for 24 to 64


class AskCallback(Strict):
    """The shop's webhook, signed per Standard Webhooks with `secret`.

    `url` may be left out where every CALLBACK rule names its own. While a secret is changed,
    `previous_secret` signs as well. `timeout_s`: how long one attempt may take.
    """

    secrets: ClassVar = ("secret", "previous_secret")
    url: str = ""
    secret: SecretStr
    previous_secret: SecretStr | None = None
    timeout_s: float = Field(default=10, gt=0, le=30)

    @field_validator("url")
    @classmethod
    def _safe(cls, value: str) -> str:
        if value:
            safe_url(value)
        return value

    @field_validator("secret", "previous_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _check_secret(value.get_secret_value())
        return value


def _check_secret(secret: str) -> None:
    key = secret.encode()
    if secret.startswith("whsec_"):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except (binascii.Error, ValueError):
            raise ValueError("after whsec_ the secret must be base64") from None
    if len(key) < _LEAST_SECRET_BYTES:
        raise ValueError(f"the secret is shorter than {_LEAST_SECRET_BYTES} bytes: draw a longer one")


class AskChat(Strict):
    """An OpenAI-compatible chat endpoint, asked at `base_url`/chat/completions.

    `timeout_s`: after it the rule's own reply_texts are spoken. `max_chars`: a longer answer is cut
    at the end of a sentence. `products`: what the model may say of the product on screen, by scene.
    `banned`: an answer that holds one of these words is not spoken. `extra_body`: further fields of
    the request that this provider wants, e.g. `{enable_thinking: false}`; null leaves one out.
    """

    secrets: ClassVar = ("api_key",)
    base_url: str
    api_key: SecretStr | None = None
    model: str = Field(min_length=1)
    persona: str = Field(default="", max_length=4000)
    timeout_s: float = Field(default=3, gt=0, le=10)
    max_chars: int = Field(default=60, ge=5, le=1000)
    temperature: float = Field(default=0.3, ge=0, le=2)
    products: Mapping[str, Annotated[str, Field(max_length=4000)]] = {}
    banned: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    extra_body: Mapping[str, Any] = {}

    @field_validator("base_url")
    @classmethod
    def _safe(cls, value: str) -> str:
        return safe_url(value)

    @field_validator("extra_body")
    @classmethod
    def _does_not_override(cls, value: Mapping[str, Any]) -> Mapping[str, Any]:
        if taken := sorted({"model", "messages", "stream", "n"} & set(value)):
            raise ValueError(f"{taken[0]} is livecue's own: leave it out")
        return value


class Asks(Strict):
    """`callback` and `chat`; what a room leaves out is taken from the `asks` of all rooms."""

    callback: AskCallback | None = None
    chat: AskChat | None = None


__all__ = ["AskCallback", "AskChat", "Asks"]
