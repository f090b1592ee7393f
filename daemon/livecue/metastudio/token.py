"""Token authentication (S4 3 "calling APIs"): IAM's `POST /v3/auth/tokens`, kept and renewed early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import datetime
from typing import Any, Final

import httpx
import msgspec

from livecue.domain import Meaning
from livecue.metastudio.errors import MetaStudioError, error, error_from_answer
from livecue.metastudio.wire import checked_url, json_bytes, new_client

DEFAULT_LIFE_MS: Final = 24 * 3600 * 1000
EARLY: Final = 0.1
NOT_AGAIN_MS: Final = 60_000
_WHAT: Final = "token"


class _Token(msgspec.Struct, frozen=True):
    text: str
    got_ms: int
    renew_ms: int
    expires_ms: int

    def __repr__(self) -> str:
        return "_Token(***)"


class TokenAuth(httpx.Auth):
    """Sends `X-Auth-Token`; one request to IAM serves all waiting calls.

    A token is renewed in the last tenth of its life, or up to half as much again earlier by `jitter`
    (0 to 1, drawn once per process, so that replicas do not renew together). If that fails while the
    token is still valid it goes on serving. A 401 renews it once, unless it is younger than a minute.

    `clock` gives milliseconds since 1970-01-01 UTC; `timeout_s` is the total time of one request to IAM.

    Raises:
        ValueError: `iam_endpoint` cannot be used or a credential is empty.
        MetaStudioError: in the call that needed the token; nothing of that call was sent.
            UNAUTHENTICATED: IAM refused domain, user, password or project.
    """

    def __init__(
        self,
        iam_endpoint: str,
        *,
        domain: str,
        user: str,
        password: str,
        project: str,
        clock: Callable[[], int],
        jitter: float = 0.0,
        timeout_s: float = 5.0,
    ) -> None:
        url = checked_url(iam_endpoint, "metastudio.auth.iam_endpoint")
        if not (domain and user and password and project):
            raise ValueError("token auth needs domain, user, password and project; fill metastudio.auth")
        self._url = f"{str(url).rstrip('/')}/v3/auth/tokens"
        self._body = _token_request(domain, user, password, project)
        self._secrets = frozenset({password})
        self._clock = clock
        self._jitter = min(max(jitter, 0.0), 1.0)
        self._timeout_s = timeout_s
        self._client = new_client(url, auth=None, timeout_s=timeout_s, pool=1)
        self._token: _Token | None = None
        self._failed_ms: int | None = None
        self._lock = asyncio.Lock()

    async def aclose(self) -> None:
        await self._client.aclose()

    def __repr__(self) -> str:
        return "TokenAuth(***)"

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        token = await self._current()
        request.headers["X-Auth-Token"] = token.text
        response = yield request
        if response.status_code != 401:
            return
        renewed = await self._instead_of(token)
        if renewed is not token:
            request.headers["X-Auth-Token"] = renewed.text
            yield request

    async def _current(self) -> _Token:
        token, now = self._token, self._clock()
        if token is not None and now < token.renew_ms:
            return token
        if token is None or now >= token.expires_ms:
            return await self._replace(token)
        return await self._early(token, now)

    async def _replace(self, old: _Token | None) -> _Token:
        """One request to IAM for all who wait to have `old` replaced."""
        async with self._lock:
            if self._token is None or self._token is old:
                self._token = await self._fetch()
            return self._token

    async def _early(self, token: _Token, now: int) -> _Token:
        """Renew a token that is still good; whoever comes meanwhile goes on with the old one."""
        lately = self._failed_ms is not None and now - self._failed_ms < NOT_AGAIN_MS
        if self._lock.locked() or lately:
            return token
        try:
            return await self._replace(token)
        except MetaStudioError:
            self._failed_ms = now
            return token

    async def _instead_of(self, refused: _Token) -> _Token:
        """A newer token than the one just refused, or the same if it was brand new."""
        if self._token is refused and self._clock() - refused.got_ms < NOT_AGAIN_MS:
            return refused
        return await self._replace(refused)

    async def _fetch(self) -> _Token:
        asked_ms = self._clock()
        try:
            async with asyncio.timeout(self._timeout_s):
                response = await self._client.post(
                    self._url, content=self._body, headers={"Content-Type": "application/json"}
                )
        except (httpx.HTTPError, TimeoutError) as exc:
            text = f"no answer from IAM ({type(exc).__name__}); check metastudio.auth.iam_endpoint"
            raise error(_WHAT, Meaning.UNAVAILABLE, detail=text) from None
        text = response.headers.get("x-subject-token", "")
        if response.is_success and text:
            return self._read(text, response.content, asked_ms)
        if response.is_success:
            raise error(_WHAT, Meaning.UNAVAILABLE, detail="IAM's answer holds no X-Subject-Token")
        raise error_from_answer(
            _WHAT, response.status_code, response.headers, response.content, self._secrets
        )

    def _read(self, text: str, content: bytes, asked_ms: int) -> _Token:
        expires_ms = _expires_ms(content)
        if expires_ms is None or expires_ms <= asked_ms:
            expires_ms = asked_ms + DEFAULT_LIFE_MS
        early = EARLY * (1 + self._jitter / 2) * (expires_ms - asked_ms)
        self._failed_ms = None
        return _Token(text, asked_ms, expires_ms - round(early), expires_ms)


def _token_request(domain: str, user: str, password: str, project: str) -> bytes:
    who = {"name": user, "password": password, "domain": {"name": domain}}
    identity = {"methods": ["password"], "password": {"user": who}}
    return json_bytes(_WHAT, {"auth": {"identity": identity, "scope": {"project": {"name": project}}}})


def _expires_ms(content: bytes) -> int | None:
    try:
        data: Any = msgspec.json.decode(content)
        moment = datetime.fromisoformat(data["token"]["expires_at"])
        return round(moment.timestamp() * 1000) if moment.tzinfo else None
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError, ValueError):
        return None
