"""A page of a listing by S3 (ListObjectsV2), read as the hostile text that it is.

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
_OF_PAGES = frozenset({"NextContinuationToken", "IsTruncated", "EncodingType"})


class Listed(Value, frozen=True):
    """An object as a listing names it; None is what it does not say, or says in no sensible way."""

    key: str
    size: int | None = None
    etag: str | None = None
    modified: str | None = None
    version: str | None = None


class ListedPage(Value, frozen=True):
    """Some objects, and the token with which the following ones are asked for; None at the end."""

    objects: tuple[Listed, ...]
    token: str | None


async def read_page(chunks: AsyncIterable[bytes]) -> ListedPage:
    """Read a page as it comes; raises ProtocolError for what is none."""
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
    return builder.page()


class _PageBuilder:
    """Takes in elements one by one and keeps what counts; nothing is held of all others."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._text: list[str] = []
        self._length = 0
        self._fields: dict[str, str] = {}
        self._of_page: dict[str, str] = {}
        self._objects: list[dict[str, str]] = []
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
            if len(self._objects) > MOST_KEYS:
                raise ValueError(f"it has more than {MOST_KEYS:,} keys a page")
        self._text.clear()
        self._length = 0

    def close(self) -> None:
        pass

    def page(self) -> ListedPage:
        """Return what was read; raises ProtocolError where that is no listing."""
        if not self._is_listing:
            raise ProtocolError(
                "what the store answered is no listing", hint="check the endpoint and the bucket"
            )
        is_encoded = self._of_page.get("EncodingType", "") == "url"
        objects = tuple(_listed(fields, is_encoded) for fields in self._objects if "Key" in fields)
        more = self._of_page.get("IsTruncated", "").strip() == "true"
        token = self._of_page.get("NextContinuationToken") if more else None
        if more and not token:
            raise ProtocolError("the store's listing goes on, and does not say how")
        return ListedPage(objects, token)

    def _taken(self) -> str:
        if self._length > _TEXT:
            raise ValueError("it has a text that is too long")
        return "".join(self._text)


def _listed(fields: dict[str, str], is_encoded: bool) -> Listed:
    key = fields["Key"]
    return Listed(
        # What is no UTF-8 is told by its replacement characters, and by that it is not found.
        unquote_plus(key) if is_encoded else key,
        number(fields.get("Size", "").strip()),
        fields.get("ETag", "").strip() or None,
        fields.get("LastModified", "").strip() or None,
    )
