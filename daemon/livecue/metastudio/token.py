"""Token authentication (S4 3 "calling APIs"): IAM's `POST /v3/auth/tokens`, kept and renewed early."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final

import httpx
import msgspec

from livecue.domain import Meaning
from livecue.metastudio.connecting import checked_url, new_client
from livecue.metastudio.errors import MetaStudioError, error, error_from_answer
from livecue.metastudio.limits import AGAIN_MS
from livecue.metastudio.wire import Sleep, json_bytes, monotonic_ms, read_bounded

DEFAULT_LIFE_MS: Final = 24 * 3600 * 1000
EARLY: Final = 0.1
BRAND_NEW_MS: Final = 60_000
MOST_BACKOFF_MS: Final = 60_000
MOST_TOLD_MS: Final = 300_000
_WHAT: Final = "token"


class _Token(msgspec.Struct, frozen=True):
    text: str
    got_ms: int
    renew_ms: int
    expires_ms: int

    def __repr__(self) -> str:
        return "_Token(***)"


class TokenAuth(httpx.Auth):
    """Sends `X-Auth-Token`; one request to IAM at a time serves all waiting calls.

    A token is renewed in the last tenth of its life, or up to half as much again earlier by `jitter`
    (0 to 1, drawn once per process, so that replicas do not renew together), while calls go on with
    the old one. A 401 renews it once, unless it is younger than a minute. IAM is never asked twice within a
    second; after a failure it is left alone for a second, doubling up to a minute (longer if it says so),
    and calls that cannot do without a new token fail at once.

    `clock` gives milliseconds since 1970-01-01 UTC and is asked only how long a new token will last; `mono`
    milliseconds that never step. `timeout_s` is the total time of one request to IAM.

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
        mono: Callable[[], int] = monotonic_ms,
        sleep: Sleep = asyncio.sleep,
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
        self._mono = mono
        self._sleep = sleep
        self._token: _Token | None = None
        self._renewal: asyncio.Task[_Token] | None = None
        self._failed: MetaStudioError | None = None
        self._failures = 0
        self._not_before_ms: int | None = None

    async def aclose(self) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
            await asyncio.wait([self._renewal])
        await self._client.aclose()

    def __repr__(self) -> str:
        return "TokenAuth(***)"

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        request.headers["X-Auth-Token"] = (await self._current()).text
        yield request

    async def renewed(self, refused: httpx.Request) -> bool:
        """Whether there is now a newer token than the one `refused` was answered 401 with.

        Raises:
            MetaStudioError: a new one is needed, and IAM gave none.
        """
        token = self._token
        if token is not None and token.text == refused.headers.get("X-Auth-Token"):
            if self._mono() - token.got_ms < BRAND_NEW_MS:
                return False
            await self._fresh()
        return True

    async def _current(self) -> _Token:
        token, now = self._token, self._mono()
        if token is None or now >= token.expires_ms:
            return await self._fresh()
        if now >= token.renew_ms and self._left_alone_ms() == 0:
            self._renewing()
        return token

    async def _fresh(self) -> _Token:
        """A new token; the request to IAM goes on for the others if one who waits gives up."""
        if self._renewal is None and self._failed is not None and (wait_ms := self._left_alone_ms()):
            text = f"IAM failed just now and is asked again in {wait_ms / 1000:.0f} s: {self._failed}"
            raise error(
                _WHAT,
                self._failed.meaning,
                status=self._failed.status,
                detail=text,
                retry_after_s=wait_ms / 1000,
                secrets=self._secrets,
            )
        return await asyncio.shield(self._renewing())

    def _left_alone_ms(self) -> int:
        return 0 if self._not_before_ms is None else max(0, self._not_before_ms - self._mono())

    def _renewing(self) -> asyncio.Task[_Token]:
        if self._renewal is None:
            self._renewal = asyncio.create_task(self._renew(), name="iam-token")
            self._renewal.add_done_callback(self._renewal_over)
        return self._renewal

    def _renewal_over(self, task: asyncio.Task[_Token]) -> None:
        self._renewal = None
        if not task.cancelled():
            task.exception()  # perhaps nobody waits for it any more

    async def _renew(self) -> _Token:
        if wait_ms := self._left_alone_ms():
            await self._sleep(wait_ms / 1000)
        try:
            token = await self._fetch()
        except MetaStudioError as exc:
            backoff_ms = min(AGAIN_MS << min(self._failures, 10), MOST_BACKOFF_MS)
            told_ms = min((exc.retry_after_s or 0) * 1000, MOST_TOLD_MS)
            self._failures += 1
            self._failed = exc
            self._not_before_ms = self._mono() + max(backoff_ms, round(told_ms))
            raise
        self._token, self._failed, self._failures = token, None, 0
        self._not_before_ms = self._mono() + AGAIN_MS
        return token

    async def _fetch(self) -> _Token:
        try:
            async with asyncio.timeout(self._timeout_s), self._asked() as response:
                raw = await read_bounded(response) or b""
        except (httpx.HTTPError, TimeoutError) as exc:
            text = f"no answer from IAM ({type(exc).__name__}); check metastudio.auth.iam_endpoint"
            raise error(_WHAT, Meaning.UNAVAILABLE, detail=text) from None
        text = response.headers.get("x-subject-token", "")
        if response.is_success and text:
            return self._read(text, raw)
        if response.is_success:
            raise error(_WHAT, Meaning.UNAVAILABLE, detail="IAM's answer holds no X-Subject-Token")
        raise error_from_answer(_WHAT, response.status_code, response.headers, raw, self._secrets)

    def _asked(self) -> AbstractAsyncContextManager[httpx.Response]:
        headers = {"Content-Type": "application/json"}
        return self._client.stream("POST", self._url, content=self._body, headers=headers)

    def _read(self, text: str, content: bytes) -> _Token:
        date_ms, got_ms = self._clock(), self._mono()
        expires_ms = _expires_ms(content)
        life_ms = DEFAULT_LIFE_MS if expires_ms is None or expires_ms <= date_ms else expires_ms - date_ms
        early = EARLY * (1 + self._jitter / 2) * life_ms
        return _Token(text, got_ms, got_ms + life_ms - round(early), got_ms + life_ms)


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
