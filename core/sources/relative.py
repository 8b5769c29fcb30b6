"""The address of a file that a source names by a path: where it begins, and what is escaped in it.

By text and not by RFC 3986's resolution: a name is no reference, so that `a:b`, `//host` and `..`
in it stay what they are, and the scheme need not be one that the standard library knows.
"""

from __future__ import annotations

from urllib.parse import quote_from_bytes

from core.domain.entries import SourceSpec
from core.domain.stores import is_store

_SCHEME = "://"


def base_of(spec: SourceSpec, document_url: str) -> str | None:
    """Return the directory where a source's relative names begin, None where nobody said.

    That is the base that was given, which is a directory however it is written, or the one that
    the document itself was fetched from. A file of this machine tells of no server.
    """
    if is_store(spec.base or document_url):
        address = spec.base or document_url
        return f"{address.rstrip('/')}/" if spec.base else address[: address.rindex("/") + 1]
    if spec.base is not None:
        path, query = _split(spec.base)
        return (path if path.endswith("/") else f"{path}/") + query
    if _SCHEME not in document_url:
        return None
    path, _ = _split(document_url)
    start = path.find("/", path.find(_SCHEME) + len(_SCHEME))
    return f"{path}/" if start < 0 else path[: path.rfind("/") + 1]


def address_of(base: str, name: str) -> str:
    """Return the address of a file by its name below a base, whose query it keeps.

    Each byte of the name stands for itself, those that are not UTF-8 too (PEP 383). In an object
    store the name stands there as it is.
    """
    if is_store(base):
        return base + name
    path, query = _split(base)
    return path + quote_from_bytes(name.encode("utf-8", "surrogateescape"), safe="/") + query


def _split(address: str) -> tuple[str, str]:
    """Split an address before its query, and drop its fragment."""
    address = address.partition("#")[0]
    path, mark, query = address.partition("?")
    return path, mark + query
