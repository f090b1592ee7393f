"""The httpx client of one host: which URLs it may be for, what it is made of, and what its logs keep quiet."""

from __future__ import annotations

import ipaddress
import logging
import re
from typing import Final

import httpx

_HOST: Final = re.compile(r"[\w.:-]+")


class _NoSecrets(logging.Filter):
    """httpx logs each URL at INFO and httpcore each header at DEBUG: a report URL's key, a token."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.startswith("httpcore"):
            return "headers" not in record.getMessage()
        if isinstance(record.args, tuple):
            record.args = tuple(_bare(arg) if isinstance(arg, httpx.URL) else arg for arg in record.args)
        return True


def _bare(url: httpx.URL) -> str:
    return f"{url.scheme}://{url.netloc.decode('ascii')}{url.path}"


_NO_SECRETS: Final = _NoSecrets()


def keep_logs_clean() -> None:
    """Make httpx's own logs free of secrets at every level; safe to call again."""
    for name in ("httpx", "httpcore.http11", "httpcore.http2"):
        logging.getLogger(name).addFilter(_NO_SECRETS)


def checked_url(url: str, name: str) -> httpx.URL:
    """Accept an `https:` URL, or `http:` towards loopback; `name` is what the message calls it.

    Raises:
        ValueError: says what is wrong with it, never the URL itself (it may hold a key).
    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise ValueError(f"{name} is not a URL; write https://<host>") from None
    if not _HOST.fullmatch(parsed.host) or parsed.userinfo:
        raise ValueError(f"{name} must be https://<host>[/path] without user and password")
    if parsed.scheme != "https" and not (parsed.scheme == "http" and is_loopback(parsed.host)):
        raise ValueError(f"{name} must be https: (http: is for loopback only)")
    return parsed


def origin_of(url: httpx.URL) -> tuple[str, str]:
    """Scheme, and host with port."""
    return url.scheme, url.netloc.decode("ascii")


def is_loopback(host: str) -> bool:
    """True for localhost, 127.0.0.0/8 and ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def new_client(url: httpx.URL, *, auth: httpx.Auth | None, timeout_s: float, pool: int) -> httpx.AsyncClient:
    """Build the httpx client for one host: pooled, no redirects, quiet; a proxy never sees loopback."""
    keep_logs_clean()
    return httpx.AsyncClient(
        auth=auth,
        timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 5.0)),
        limits=httpx.Limits(max_connections=pool, max_keepalive_connections=pool, keepalive_expiry=20.0),
        headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "livecue"},
        follow_redirects=False,
        trust_env=not is_loopback(url.host),
    )
