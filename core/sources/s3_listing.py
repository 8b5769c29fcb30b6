"""A page of a listing by S3 (ListObjectsV2, or V1), read as the hostile text that it is.

The libraries for stores refuse a whole listing for one key with an empty segment, `.` or `..`; here
every key comes out as it is, and whoever makes a path of it judges that one.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from urllib.parse import unquote_plus
from xml.etree.ElementTree import ParseError

from core.domain.bounds import number
from core.domain.errors import ProtocolError
from core.domain.value import Value

PAGE_BYTES = 8 * 2**20
"""Bytes of a page: a thousand keys of 1,024 characters, each of them percent-encoded."""
MOST_KEYS = 1000
"""Keys of a page that are asked for, and more than which none may have."""
_DEPTH = 8
_TEXT = 4096 * 3
_ROOT = "ListBucketResult"
_OF_OBJECTS = frozenset({"Key", "Size", "ETag", "LastModified"})
_OF_PAGES = frozenset({"NextContinuationToken", "NextMarker", "IsTruncated", "EncodingType"})


class Listed(Value, frozen=True):
    """An object as a listing names it; None is what it does not say, or says in no sensible way."""

    key: str
    size: int | None = None
    etag: str | None = None
    modified: str | None = None
    version: str | None = None


class ListedPage(Value, frozen=True):
    """Some objects, and the token with which the following ones are asked for; None at the end.

    `prefixes` stand for all that is below them, where that was asked for. A store of the first
    version has a `marker` in place of a token.
    """

    objects: tuple[Listed, ...]
    token: str | None
    prefixes: tuple[str, ...] = ()
    marker: str | None = None


async def read_page(chunks: AsyncIterable[bytes], *, by_marker: bool = False) -> ListedPage:
    """Read a page as it comes; raises ProtocolError for what is none.

    Without a token it has to be the last one, unless the following may be asked for `by_marker`.
    """
    # Here, as all of this is loaded for few.
    from defusedxml.common import DefusedXmlException  # noqa: PLC0415
    from defusedxml.ElementTree import DefusedXMLParser  # noqa: PLC0415

    builder = _PageBuilder()
    parser = DefusedXMLParser(target=builder, forbid_dtd=True)
    try:
        async for chunk in chunks:
            parser.feed(chunk)
        parser.close()
    except (DefusedXmlException, ParseError, ValueError) as error:
        # What the parser says quotes nothing of the text.
        reason = str(error).partition("\n")[0][:200]
        raise ProtocolError(f"the store's listing cannot be read: {reason}") from None
    return builder.page(by_marker=by_marker)


class _PageBuilder:
    """Takes in elements one by one and keeps what counts; nothing is held of all others."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._fields: dict[str, str] = {}
        self._of_page: dict[str, str] = {}
        self._objects: list[dict[str, str]] = []
        self._prefixes: list[str] = []
        self._is_listing = False

    def start(self, tag: str, _attributes: object) -> None:
        name = tag.rpartition("}")[2]
        if not self._path:
            self._is_listing = name == _ROOT
        self._path.append(name if len(name) < _TEXT else "")
        if len(self._path) > _DEPTH:
            raise ValueError("its elements are nested too deep")
        self._text.clear()
        self._length = 0

    def data(self, text: str) -> None:
        self._length += len(text)
        if self._length <= _TEXT:
            self._text.append(text)

    def end(self, _tag: str) -> None:
        name = self._path.pop()
        above = self._path[-1] if self._path else ""
        if above == "Contents" and len(self._path) == 2 and name in _OF_OBJECTS:
            self._fields[name] = self._taken()
        elif len(self._path) == 1 and name in _OF_PAGES:
            self._of_page[name] = self._taken()
        elif name == "Contents" and len(self._path) == 1:
            self._objects.append(self._fields)
            self._fields = {}
        elif name == "Prefix" and above == "CommonPrefixes" and len(self._path) == 2:
            self._prefixes.append(self._taken())
        if len(self._objects) + len(self._prefixes) > MOST_KEYS:
            raise ValueError(f"it has more than {MOST_KEYS:,} keys a page")
        self._text.clear()
        self._length = 0

    def close(self) -> None:
        pass

    def page(self, *, by_marker: bool) -> ListedPage:
        """Return what was read; raises ProtocolError where that is no listing."""
        if not self._is_listing:
            raise ProtocolError(
                "what the store answered is no listing", hint="check the endpoint and the bucket"
            )
        is_encoded = self._of_page.get("EncodingType", "") == "url"
        objects = tuple(_listed(fields, is_encoded) for fields in self._objects if "Key" in fields)
        prefixes = tuple(_decoded(prefix, is_encoded) for prefix in self._prefixes)
        if self._of_page.get("IsTruncated", "").strip() != "true":
            return ListedPage(objects, None, prefixes)
        token, marker = self._of_page.get("NextContinuationToken"), None
        if not token and by_marker:
            # Only with a delimiter it says so; without, the last key is the place.
            marker = _decoded(self._of_page.get("NextMarker", ""), is_encoded)
            marker = marker or (objects[-1].key if objects else None)
        if not (token or marker):
            raise ProtocolError("the store's listing goes on, and does not say how")
        return ListedPage(objects, token or None, prefixes, marker)

    def _taken(self) -> str:
        if self._length > _TEXT:
            raise ValueError("it has a text that is too long")
        return "".join(self._text)


def _listed(fields: dict[str, str], is_encoded: bool) -> Listed:
    return Listed(
        _decoded(fields["Key"], is_encoded),
        number(fields.get("Size", "").strip()),
        fields.get("ETag", "").strip() or None,
        fields.get("LastModified", "").strip() or None,
    )


def _decoded(key: str, is_encoded: bool) -> str:
    # What is no UTF-8 is told by its replacement characters, and by that it is not found.
    return unquote_plus(key) if is_encoded else key
