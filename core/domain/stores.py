"""Addresses in object stores: `s3://bucket/key`, and likewise `gs://` and `az://`.

The key stands in them as it is, as every other tool writes it: nothing is percent-encoded, and `?`,
`#` and `%` are characters like others.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from core.domain.value import Value

SCHEMES = ("s3", "gs", "az")

_LOGINS = {
    "s3": "give --profile NAME, or --anonymous for what is public; AWS_… variables count",
    "gs": "give --anonymous for what is public; GOOGLE_… variables count",
    "az": "give --anonymous for what is public; AZURE_STORAGE_… variables count",
}
_USUAL = {
    "s3": "https://s3.amazonaws.com",
    "gs": "https://storage.googleapis.com",
    "az": "https://blob.core.windows.net",
}
_STARTS = tuple(f"{scheme}://" for scheme in SCHEMES)
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
# What signed addresses of the three have in their queries, which is no part of a key.
_SIGNATURE = re.compile(
    r"(?i)[?&](?:x-(?:amz|goog)-(?:signature|credential|security-token)|sig|signature)="
)


class StoreAddress(Value, frozen=True):
    """An address taken apart; the key is empty where it names the whole bucket."""

    scheme: str
    bucket: str
    key: str

    @property
    def names_many(self) -> bool:
        """Whether it is a bucket or a prefix, and no object."""
        return not self.key or self.key.endswith("/")

    @property
    def is_sound(self) -> bool:
        """Whether a bucket can be called this."""
        return _BUCKET.fullmatch(self.bucket) is not None


def is_store(url: str) -> bool:
    """Tell whether a URL is an address in an object store."""
    return url.startswith(_STARTS)


def split_store(url: str) -> StoreAddress:
    """Take an address in an object store apart; raises ValueError for any other one."""
    scheme, separator, rest = url.partition("://")
    if scheme not in SCHEMES or not separator:
        raise ValueError("no address in an object store")
    bucket, _, key = rest.partition("/")
    return StoreAddress(scheme, bucket, key)


def endpoint_of(url: str, options: Mapping[str, str], environment: Mapping[str, str]) -> str:
    """Return the http address of the store itself, as far as it can be told without asking."""
    scheme = split_store(url).scheme
    said = [options.get("endpoint_url")]
    if scheme == "s3":
        said += [environment.get("AWS_ENDPOINT_URL_S3"), environment.get("AWS_ENDPOINT_URL")]
    return next(filter(None, said), _USUAL[scheme])


def login_hint(scheme: str) -> str:
    """Return what may help where a store lets nobody in."""
    return f"{_LOGINS[scheme]} as they were when winch's daemon started"


def redact_store(url: str) -> str:
    """Return an address that may be shown: without a login, and without a signature behind it."""
    address = split_store(url)
    bucket, key = address.bucket.rpartition("@")[2], address.key
    if (signature := _SIGNATURE.search(key)) is not None:
        key = key[: key.rfind("?", 0, signature.end())] + "?…"
    slash = "/" if "/" in url.partition("://")[2] else ""
    return f"{address.scheme}://{bucket}{slash}{key}"
