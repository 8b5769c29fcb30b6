"""Metalink documents: files with their mirrors, digests and the digests of their pieces (RFC 5854).

Version 3 is read as well, which is still about. The document comes in chunks and goes element by
element: what is held is one file of it, and of that no more than the bounds below. An entity, a
document type or anything external ends the reading (`defusedxml`).
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import Any
from urllib.parse import urljoin

from core.domain.bounds import MAX_URL, cut, number
from core.domain.checks import check_url
from core.domain.entries import Entry, Refused
from core.domain.errors import UsageError
from core.domain.models import Checksum
from core.domain.origins import PieceHashes
from core.policy.transfer.digests import strongest
from core.sources.relative import address_of

DEEPEST = 32
"""Elements within each other; files stand in the third."""
LONGEST_TEXT = 16 * 1024
"""Characters of an element that are looked at; a longer one says nothing here."""
LONGEST_MARKUP = 1024 * 1024
"""Bytes without an end of what they belong to: a tag or a comment of that size is none."""
MOST_MIRRORS = 64
"""Addresses of one file that are kept, the best ones."""
MOST_PIECES = 20_000
"""Pieces of one file whose digests are kept: those of more would take more than the list does."""
MOST_PIECES_TOGETHER = 100_000
"""Pieces of all files of a document; of those beyond, the digests of the whole files count."""

_LAST = 1_000_000
"""The priority of an address that has none: behind all that have one (RFC 5854, 4.2.16.1)."""
_WEB = ("http://", "https://")
_TEXTS = frozenset({"hash", "url", "size", "metaurl"})


async def read_metalink(
    chunks: AsyncIterator[bytes], base: str | None, document_url: str, *, location: str | None
) -> AsyncGenerator[Entry | Refused]:
    """Yield the files that a Metalink document names.

    Of mirrors with the same priority those in the country `location` come first, then as the
    document has them. Raises UsageError where it is not well-formed, or more than a list of files.
    """
    from defusedxml.common import DefusedXmlException  # noqa: PLC0415 (dear, and seldom needed)
    from defusedxml.ElementTree import DefusedXMLParser, ParseError  # noqa: PLC0415

    reader = _Reader(document_url if "://" in document_url else base, location)
    parser = DefusedXMLParser(target=reader, forbid_dtd=True)
    reader.line = lambda: int(parser.parser.CurrentLineNumber)
    silent = 0
    try:
        async for chunk in chunks:
            for at in range(0, len(chunk), LONGEST_MARKUP):
                portion = chunk[at : at + LONGEST_MARKUP]
                reader.moved = False
                parser.feed(portion)
                silent = 0 if reader.moved else silent + len(portion)
                if silent > LONGEST_MARKUP:
                    raise _broken("a piece of its markup has no end")
                for item in reader.taken():
                    yield item
        parser.close()
    except ParseError as error:
        raise _broken(str(error)) from None
    except DefusedXmlException:
        raise UsageError(
            "the Metalink document defines entities, which a list of files needs none of",
            hint="nothing of it is expanded; ask whoever published it for one without",
        ) from None
    for item in reader.taken():
        yield item
    if not reader.is_metalink:
        raise UsageError("that is XML, but no Metalink document")


def _broken(reason: str) -> UsageError:
    return UsageError(
        f"the Metalink document cannot be read: {cut(reason, 200)}",
        hint="what stands before that place was read",
    )


class _Reader:
    """What the parser hands its elements to; `line` tells where it is."""

    def __init__(self, base: str | None, location: str | None) -> None:
        self.moved = False
        """Whether anything came to its end since this was last set to False."""
        self.is_metalink = False
        self.line: Any = int
        self._base = base
        self._location = (location or "").lower()
        self._path: list[str] = []
        self._texts: list[str] | None = None
        self._size = 0
        self._attributes: Mapping[str, str] = {}
        self._file: _File | None = None
        self._done: list[Entry | Refused] = []
        self._pieces_left = MOST_PIECES_TOGETHER

    def taken(self) -> list[Entry | Refused]:
        """Return the files that are read by now, once."""
        done, self._done = self._done, []
        return done

    # -- what the parser calls --------------------------------------------------------------------

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        self.moved = True
        name = tag.rpartition("}")[2].lower()
        self._path.append(name)
        if len(self._path) > DEEPEST:
            raise _broken(f"more than {DEEPEST} elements stand within each other")
        if len(self._path) == 1:
            self.is_metalink = name == "metalink"
        elif name == "file" and self._file is None and self.is_metalink:
            self._file = _File(attributes.get("name", ""), f"line {self.line()}")
        elif self._file is not None and name == "pieces":
            self._file.begin_pieces(attributes, most=min(MOST_PIECES, self._pieces_left))
        elif self._file is not None and name in _TEXTS:
            self._texts, self._size, self._attributes = [], 0, attributes

    def data(self, text: str) -> None:
        self.moved = True
        if self._texts is not None and self._size <= LONGEST_TEXT:
            self._texts.append(text)
            self._size += len(text)

    def end(self, tag: str) -> None:
        self.moved = True
        name = self._path.pop()
        file = self._file
        if file is None:
            return
        if name == "file":
            self._file = None
            self._done.append(file.entry(self._base, self._location))
            self._pieces_left -= len(file.pieces)
        elif self._texts is not None and name in _TEXTS:
            text, self._texts = "".join(self._texts).strip(), None
            if self._size <= LONGEST_TEXT:
                in_pieces = bool(self._path) and self._path[-1] == "pieces"
                file.take(name, text, self._attributes, in_pieces=in_pieces)

    def comment(self, _text: str) -> None:
        self.moved = True

    def pi(self, _target: str, _text: str | None = None) -> None:
        self.moved = True

    def close(self) -> None:
        pass


class _File:
    """One file of a document, while it is read."""

    def __init__(self, name: str, where: str) -> None:
        self._name = name
        self._where = where
        self._size: int | None = None
        self._trouble: str | None = None
        self._checksums: list[Checksum] = []
        self._addresses: list[tuple[int, str, str]] = []
        self._other_ways = False
        self._piece_algorithm = ""
        self._piece_length = 0
        self._most_pieces = 0
        self.pieces: list[str] = []

    def begin_pieces(self, attributes: Mapping[str, str], *, most: int) -> None:
        """Begin with the digests of pieces; those of a stronger algorithm replace others."""
        algorithm = _algorithm(attributes.get("type", ""))
        length = number(attributes.get("length", ""))
        digests = [_nothing(name) for name in (algorithm, self._piece_algorithm) if name]
        is_better = bool(algorithm) and strongest(digests) == _nothing(algorithm)
        self._most_pieces = most if length and is_better else 0
        if self._most_pieces:
            self.pieces, self._piece_algorithm, self._piece_length = [], algorithm, length or 0

    def take(self, name: str, text: str, attributes: Mapping[str, str], *, in_pieces: bool) -> None:
        """Take in an element about this file."""
        if name == "size":
            self._size = number(text)
            if self._size is None:
                self._trouble = f"its size '{cut(text, 40)}' is no number"
        elif name == "metaurl":
            self._other_ways = True
        elif name == "url":
            self._take_url(text, attributes)
        elif in_pieces:
            self._take_piece(text)
        elif algorithm := _algorithm(attributes.get("type", "")):
            try:
                self._checksums.append(Checksum.parse(f"{algorithm}:{text}"))
            except UsageError as error:
                self._trouble = error.message

    def _take_url(self, text: str, attributes: Mapping[str, str]) -> None:
        if (
            text.partition(":")[0].lower() not in ("http", "https")
            and ":" in text.partition("/")[0]
        ):
            self._other_ways = True
            return
        priority = number(attributes.get("priority", ""))
        if (preference := number(attributes.get("preference", ""))) is not None:
            priority = 101 - min(preference, 100)  # of version 3, where the most is the best
        self._addresses.append(
            (_LAST if priority is None else priority, attributes.get("location", "").lower(), text)
        )
        if len(self._addresses) > 4 * MOST_MIRRORS:
            self._addresses = sorted(self._addresses, key=lambda each: each[0])[:MOST_MIRRORS]

    def _take_piece(self, text: str) -> None:
        if not self._most_pieces:
            return
        if len(self.pieces) >= self._most_pieces:
            # A part of them proves nothing of the rest: the digest of the whole file has to do.
            self.pieces, self._most_pieces, self._piece_algorithm = [], 0, ""
            return
        try:
            self.pieces.append(Checksum.parse(f"{self._piece_algorithm}:{text}").hexdigest)
        except UsageError as error:
            self._trouble = f"of a piece: {error.message}"

    def entry(self, base: str | None, location: str) -> Entry | Refused:
        """Return the file as it is to be fetched, or why it cannot be."""
        shown = f"'{cut(self._name, 80)}'"
        if not self._name:
            return self._refused("a file without a name")
        if self._trouble is not None:
            return self._refused(f"{shown}: {self._trouble}")
        ordered = sorted(self._addresses, key=lambda each: (each[0], each[1] != location))
        urls = [url for *_, text in ordered if (url := _usable(text, base)) is not None]
        urls = list(dict.fromkeys(urls))[:MOST_MIRRORS]
        if not urls and not self._addresses and not self._other_ways and base is not None:
            urls = [address_of(base, self._name)]
        if not urls:
            how = "only other ways to it than http and https" if self._other_ways else "no address"
            return self._refused(f"{shown}: there is {how}")
        count = None if self._size is None else -(-self._size // (self._piece_length or 1))
        if self.pieces and count not in (None, len(self.pieces)):
            return self._refused(f"{shown}: its pieces do not make up its size")
        pieces = PieceHashes(
            algorithm=self._piece_algorithm,
            length=self._piece_length,
            hexdigests=tuple(self.pieces),
        )
        return Entry(
            url=urls[0],
            path=self._name,
            size=self._size,
            checksum=strongest(self._checksums),
            mirrors=tuple(urls[1:]),
            pieces=pieces if self.pieces else None,
            where=self._where,
        )

    def _refused(self, reason: str) -> Refused:
        return Refused(where=self._where, reason=reason)


def _algorithm(name: str) -> str:
    """Return the algorithm that a document calls so (IANA's names), "" for one that is unknown."""
    known = name.strip().lower().replace("-", "")
    return known if known in _KNOWN else ""


_KNOWN = frozenset({"sha512", "sha384", "sha256", "sha224", "sha1", "md5"})


def _nothing(algorithm: str) -> Checksum:
    return Checksum(algorithm, "")


def _usable(text: str, base: str | None) -> str | None:
    """Return an address of a document in full, None for one that cannot be asked."""
    if len(text) > MAX_URL:
        return None
    try:
        url = text if text.lower().startswith(_WEB) else urljoin(base or "", text)
        check_url(url)
    except (ValueError, UsageError):
        return None
    return url
