"""One GET of a document somebody else keeps, such as a calendar. No redirect is followed."""

from __future__ import annotations

import asyncio
from typing import Final

import httpx

from livecue.outgoing.http import checked_url, is_loopback
from livecue.runtime.ask_ports import AskError

MOST_BYTES: Final = 4 << 20


class FetchError(Exception):
    """The document did not come; the text says why and never holds the URL, which may carry a key.

    Remedy: open the URL in a browser on this machine, and correct it or the way there.
    """


async def fetch(url: str, within_s: float = 10.0, most_bytes: int = MOST_BYTES) -> bytes:
    """The body of a 200, over within `within_s` from the first byte to the last.

    Raises:
        FetchError: anything else.
    """
    try:
        target = checked_url(url)
    except AskError as error:
        raise FetchError(str(error)) from None
    headers = {"Accept": "text/calendar, */*;q=0.5", "User-Agent": "livecue"}
    try:
        async with (
            asyncio.timeout(within_s),
            httpx.AsyncClient(timeout=None, trust_env=not is_loopback(target.host)) as client,  # noqa: S113 - one limit for all
            client.stream("GET", target, headers=headers) as response,
        ):
            if response.is_redirect:
                raise FetchError(f"answers {response.status_code}, a redirect: write the URL it leads to")
            if response.status_code != httpx.codes.OK:
                raise FetchError(f"answers {response.status_code}")
            return await _read(response, most_bytes)
    except (TimeoutError, httpx.TimeoutException):
        raise FetchError(f"gives no whole answer within {within_s:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ValueError) as error:
        raise FetchError(f"cannot be reached ({type(error).__name__})") from None


async def _read(response: httpx.Response, most_bytes: int) -> bytes:
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > most_bytes:
            raise FetchError(f"is larger than {most_bytes >> 20} MiB")
        parts.append(part)
    return b"".join(parts)
