"""The text of a document, in the charset that it names."""

from __future__ import annotations

import codecs
import re
from collections.abc import AsyncIterator
from typing import Final

from core.domain.text import valid
from core.sources.base import Document

_CHARSET = re.compile(r"""charset\s*=\s*["']?([\w.:-]{1,40})""", re.IGNORECASE)
_BOMS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LONGEST_BOM: Final = 3
# Python knows a hundred more, some of which take their time or no text. Latin-1 on the web is what
# Windows makes of it (encoding.spec.whatwg.org).
_CHARSETS: Final = {
    "iso-8859-1": "cp1252",
    "latin1": "cp1252",
    "windows-1252": "cp1252",
    "utf-16": "utf-16-le",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
}


async def text_of(document: Document) -> str:
    """Return all text of a document, valid Unicode; raises WinchError.

    What is no UTF-8, and in no charset that is known, is made valid.
    """
    raw = b"".join([chunk async for chunk in utf8(document)])
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return valid(raw.decode("utf-8", "surrogateescape"))


async def utf8(document: Document) -> AsyncIterator[bytes]:
    """Yield the bytes of a document in UTF-8, without a mark at the beginning; raises WinchError.

    What is in no charset that is known comes as it is.
    """
    decoder: codecs.IncrementalDecoder | None = None
    head, is_begun = b"", False
    async for chunk in document.chunks():
        piece = chunk
        if not is_begun:
            head += piece
            if len(head) < _LONGEST_BOM:
                continue
            decoder, piece, is_begun = *_begun(head, document), True
        if piece:
            yield piece if decoder is None else _encoded(decoder.decode(piece))
    if not is_begun:
        decoder, head = _begun(head, document)
        yield head if decoder is None else _encoded(decoder.decode(head))
    if decoder is not None and (rest := decoder.decode(b"", final=True)):
        yield _encoded(rest)


def _begun(head: bytes, document: Document) -> tuple[codecs.IncrementalDecoder | None, bytes]:
    """Return what decodes a document, None for UTF-8, and its first bytes without the mark."""
    for mark, charset in _BOMS:
        if head.startswith(mark):
            return _decoder(charset), head[len(mark) :]
    named = _CHARSET.search(document.headers.get("content-type", "")[:500])
    return _decoder(_CHARSETS.get(named[1].lower()) if named else None), head


def _decoder(charset: str | None) -> codecs.IncrementalDecoder | None:
    if charset in (None, "utf-8"):
        return None
    return codecs.getincrementaldecoder(charset)("replace")


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "replace")
