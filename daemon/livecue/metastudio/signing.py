"""AK/SK request signing, SDK-HMAC-SHA256 (S4 3 "calling APIs"; equal to the vendor's `Signer`).

`sign` is pure; `AkSkAuth` applies it to each attempt of an httpx request. What is signed is read back
from the request as it goes over the wire, after httpx has normalised its URL. The query is rewritten
to its canonical form first, because `+` in a query is a space to some servers and a plus to others.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Generator, Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import parse_qsl, quote, unquote

import httpx

ALGORITHM: Final = "SDK-HMAC-SHA256"
_SIGNED_IF_PRESENT: Final = ("Host", "Content-Type")
_DATE: Final = "%Y%m%dT%H%M%SZ"
_FAR_MS: Final = 300_000
"""Further than that our clock and the gateway's may differ: a third of what it accepts, so sign by its clock."""


def sign(
    method: str,
    path: str,
    query: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
    body: bytes,
    *,
    ak: str,
    sk: str,
    at_ms: int,
) -> dict[str, str]:
    """Return the headers to add: X-Sdk-Date and Authorization.

    `path` is the path on the wire, percent-encoded or not; `query` holds decoded names and values;
    `headers` are those to be signed and must hold Host (names with `_` are left out, as the vendor
    does). `at_ms` is the time of this attempt: the gateway refuses one more than 15 minutes off.
    """
    date = datetime.fromtimestamp(at_ms // 1000, UTC).strftime(_DATE)
    signed = {name.lower(): value.strip() for name, value in headers.items() if "_" not in name}
    signed["x-sdk-date"] = date
    names = sorted(signed)
    canonical = "\n".join(
        (
            method.upper(),
            canonical_path(path),
            canonical_query(query),
            "".join(f"{name}:{signed[name]}\n" for name in names),
            ";".join(names),
            hashlib.sha256(body).hexdigest(),
        )
    )
    to_sign = f"{ALGORITHM}\n{date}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(sk.encode(), to_sign.encode(), hashlib.sha256).hexdigest()
    return {
        "X-Sdk-Date": date,
        "Authorization": f"{ALGORITHM} Access={ak}, SignedHeaders={';'.join(names)}, Signature={signature}",
    }


def canonical_path(path: str) -> str:
    """Decode once, encode each segment again, end in `/`."""
    encoded = "/".join(_encode(segment) for segment in unquote(path).split("/"))
    return encoded if encoded.endswith("/") else f"{encoded}/"


def canonical_query(query: Sequence[tuple[str, str]]) -> str:
    """Sort by decoded name and value, then encode; repeated and empty values stay."""
    return "&".join(f"{_encode(name)}={_encode(value)}" for name, value in sorted(query))


def _encode(text: str) -> str:
    return quote(text, safe="")


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


class AkSkAuth(httpx.Auth):
    """Signs each attempt anew with an access key; `clock` gives milliseconds since 1970-01-01 UTC.

    A 401 whose `Date` is far from `clock` makes it sign by the gateway's time from then on: a machine
    whose clock jumped an hour must still be able to stop its lives.

    Raises:
        ValueError: a key or the project id is empty.
    """

    requires_request_body = True

    def __init__(self, ak: str, sk: str, project_id: str, clock: Callable[[], int]) -> None:
        if not (ak and sk and project_id):
            raise ValueError("AK/SK signing needs ak, sk and project_id; fill metastudio.auth and project_id")
        self._ak = ak
        self._sk = sk
        self._project_id = project_id
        self._clock = clock
        self._behind_ms = 0

    async def renewed(self, refused: httpx.Request) -> bool:
        """Whether what was `refused` would be signed with quite another time now (`Renews`)."""
        try:
            at = datetime.strptime(refused.headers.get("X-Sdk-Date", ""), _DATE).replace(tzinfo=UTC)
        except ValueError:
            return False
        return abs(self._now_ms() - _ms(at)) > _FAR_MS

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        query = parse_qsl(request.url.query.decode("ascii"), keep_blank_values=True)
        if query:
            request.url = request.url.copy_with(query=canonical_query(query).encode("ascii"))
        request.headers["X-Project-Id"] = self._project_id
        headers = {name: request.headers[name] for name in _SIGNED_IF_PRESENT if name in request.headers}
        headers["X-Project-Id"] = self._project_id
        path = request.url.raw_path.partition(b"?")[0].decode("ascii")
        request.headers.update(
            sign(
                request.method,
                path,
                query,
                headers,
                request.content,
                ak=self._ak,
                sk=self._sk,
                at_ms=self._now_ms(),
            )
        )
        response = yield request
        if response.status_code == httpx.codes.UNAUTHORIZED:
            self._compare_clocks(response.headers.get("Date", ""))

    def _now_ms(self) -> int:
        return self._clock() + self._behind_ms

    def _compare_clocks(self, date: str) -> None:
        try:
            behind_ms = _ms(parsedate_to_datetime(date).replace(tzinfo=UTC)) - self._clock()  # always GMT
        except ValueError:
            return
        self._behind_ms = behind_ms if abs(behind_ms) > _FAR_MS else 0

    def __repr__(self) -> str:
        return "AkSkAuth(***)"
