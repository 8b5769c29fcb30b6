"""Addresses that say who asks: AWS Signature Version 4 in the query of a URL, as S3 takes it.

The libraries for stores sign an address and nothing else. What is asked of S3 here has a header
that has to be signed too (`x-amz-checksum-mode`), or parameters (a page of a listing, a version).

https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import quote, urlsplit

from core.domain.value import Value

_PORTS = {"http": ":80", "https": ":443"}
LONGEST = 7 * 24 * 3600
"""Seconds that an address can be good for."""


class AwsCredentials(Value, frozen=True):
    """Who asks; `token` is that of a session, None for keys that last."""

    access_key: str
    secret_key: str
    token: str | None = None

    def __repr__(self) -> str:
        return "AwsCredentials(…)"


def presign(
    url: str,
    credentials: AwsCredentials,
    *,
    region: str,
    at: datetime,
    seconds: int,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> str:
    """Return the address that a GET of `url` is sent to, good for some seconds from `at` (UTC).

    `url` has no query and is percent-encoded as by `quote_key`. `headers` have to be sent along
    as they are given here.
    """
    parts = urlsplit(url)
    stamp = at.strftime("%Y%m%dT%H%M%SZ")
    scope = f"{stamp[:8]}/{region}/s3/aws4_request"
    # As it is sent: without the port that the scheme has anyway.
    host = parts.netloc.removesuffix(_PORTS.get(parts.scheme, ""))
    signed = {"host": host} | {
        name.lower(): value.strip() for name, value in (headers or {}).items()
    }
    names = ";".join(sorted(signed))
    parameters = {
        **(query or {}),
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{credentials.access_key}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(min(seconds, LONGEST)),
        "X-Amz-SignedHeaders": names,
    }
    if credentials.token:
        parameters["X-Amz-Security-Token"] = credentials.token
    encoded = query_of(parameters)
    fields = "".join(f"{name}:{signed[name]}\n" for name in sorted(signed))
    request = "\n".join(("GET", parts.path or "/", encoded, fields, names, "UNSIGNED-PAYLOAD"))
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, digest))
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = _hmac(key, part)
    return f"{url}?{encoded}&X-Amz-Signature={_hmac(key, text).hex()}"


def query_of(parameters: Mapping[str, str]) -> str:
    """Return a query in the one order and encoding that a signature is computed from."""
    pairs = sorted(
        (quote(name, safe=""), quote(text, safe="")) for name, text in parameters.items()
    )
    return "&".join(f"{name}={text}" for name, text in pairs)


def quote_key(key: str) -> str:
    """Return the key of an object as it stands in the path of a URL."""
    return quote(key, safe="/")


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
