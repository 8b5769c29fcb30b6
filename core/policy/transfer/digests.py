"""Which digest of the whole file an answer announces, so that it is checked without being asked.

Three fields can carry one: Repr-Digest and Content-Digest (RFC 9530), and Digest (RFC 3230), which
they replace and which many archives still send. Stores that speak like S3 have fields of their own,
`x-amz-checksum-…`. Header names are lower case.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping

from core.domain.errors import UsageError
from core.domain.models import Checksum

_STRONG = {"sha-512": "sha512", "sha-256": "sha256"}
_OLD = _STRONG | {"sha": "sha1", "md5": "md5"}
_STRENGTH = ("sha512", "blake2b", "sha384", "sha256", "sha224", "sha1", "md5")
STRONG = frozenset(_STRENGTH[:-2])
"""Algorithms of which nobody can make two files with one digest."""

# A member of a structured dictionary whose value is a byte sequence (RFC 9651 section 3.3.5).
_MEMBER = re.compile(
    r"(?:^|,)[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):(?=[ \t]*(?:[;,]|$))"
)
# Digest is older than structured fields; some servers write its value as one all the same.
_OLD_MEMBER = re.compile(r"(?:^|,)[ \t]*([A-Za-z0-9-]+)=(:?)([A-Za-z0-9+/]+={0,2})\2[ \t]*(?=,|$)")


_AMAZON = {"x-amz-checksum-sha512": "sha512", "x-amz-checksum-sha256": "sha256"}
_FIELDS = frozenset({"repr-digest", "content-digest", "digest", *_AMAZON})


def announced(headers: Mapping[str, str], *, whole: bool) -> Checksum | None:
    """Return the strongest digest of the whole file in an answer with status 200 or 206, or None.

    Repr-Digest and Digest speak of the whole file in a partial answer too; Content-Digest speaks of
    the one message (RFC 9530 sections 2 and 3), so it counts only where that holds the `whole`
    file. Unknown algorithms, and values that are no digest, are passed over: a field that cannot be
    read proves nothing, for or against the file.
    """
    if headers.keys().isdisjoint(_FIELDS):
        return None
    found = list(_structured(headers.get("repr-digest", "")))
    if whole:
        found += _structured(headers.get("content-digest", ""))
        found += _amazon(headers)
    found += _old(headers.get("digest", ""))
    return strongest(found)


def strongest(digests: Iterable[Checksum]) -> Checksum | None:
    """Return the digest that is hardest to forge, None where there is none."""
    return min(digests, key=lambda digest: _STRENGTH.index(digest.algorithm), default=None)


def _structured(field: str) -> Iterator[Checksum]:
    # The last member of a name is the one that counts (RFC 9651 section 4.2.2).
    members = {match[1]: match[2] for match in _MEMBER.finditer(field)}
    for name, value in members.items():
        if name in _STRONG and (digest := _decode(_STRONG[name], value)) is not None:
            yield digest


def _old(field: str) -> Iterator[Checksum]:
    for match in _OLD_MEMBER.finditer(field):
        algorithm = _OLD.get(match[1].lower())
        if algorithm is not None and (digest := _decode(algorithm, match[3])) is not None:
            yield digest


def _amazon(headers: Mapping[str, str]) -> Iterator[Checksum]:
    """Yield the digests of an object that S3 keeps of it as a whole.

    Those of one that was uploaded in parts are mostly made of the digests of its parts: they say
    so, or end in the number of parts (`…-3`), and are digests of no file. In an answer with a part
    of the object they may be of that part.
    """
    if headers.get("x-amz-checksum-type", "FULL_OBJECT").strip().upper() != "FULL_OBJECT":
        return
    for name, algorithm in _AMAZON.items():
        if (digest := _decode(algorithm, headers.get(name, "").strip())) is not None:
            yield digest


def _decode(algorithm: str, value: str) -> Checksum | None:
    try:
        return Checksum.parse(f"{algorithm}:{b64decode(value, validate=True).hex()}")
    except (binascii.Error, UsageError):
        return None
