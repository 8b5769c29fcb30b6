"""Lists of checksums: what `sha256sum` and its kin write, and what distributions publish.

GNU's lines (`HEX  NAME`, `HEX *NAME`, a backslash before all of it where the name is escaped), the
tagged ones of BSD and openssl (`SHA256 (NAME) = HEX`), either inside of a clearsigned message
(RFC 9580 section 7), whose signature is nobody's business here. A line says what is in it: its tag
or the number of its digits is the algorithm.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator

from core.domain.bounds import cut, number
from core.domain.checks import check_url
from core.domain.entries import Entry, Refused
from core.domain.errors import UsageError
from core.domain.models import Checksum
from core.domain.value import Value
from core.policy.transfer.digests import strongest
from core.sources.byte_lines import LONGEST, byte_lines, shown, text_of
from core.sources.relative import address_of

NO_BASE = "it has no address here: say with --base where its files are"

_BY_LENGTH = {32: "md5", 40: "sha1", 56: "sha224", 64: "sha256", 96: "sha384", 128: "sha512"}
_TAGS = {
    "MD5": "md5",
    "SHA1": "sha1",
    "SHA224": "sha224",
    "SHA256": "sha256",
    "SHA384": "sha384",
    "SHA512": "sha512",
    "SHA2-224": "sha224",
    "SHA2-256": "sha256",
    "SHA2-384": "sha384",
    "SHA2-512": "sha512",
    "BLAKE2B": "blake2b",
    "BLAKE2B-512": "blake2b",
    "BLAKE2B512": "blake2b",
}
_UNTAGGED = re.compile(r"([0-9A-Fa-f]{32,128})(?: [ *]|[ \t]+)(.+)", re.DOTALL)
_TAG = re.compile(r"[A-Za-z0-9/-]{2,16}")
_HEX = re.compile(r"[0-9A-Fa-f]{32,128}")
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_ESCAPED = {"\\": "\\", "n": "\n", "r": "\r"}


class Sum(Value, frozen=True, gc=False):
    """What a line says of a file: a checksum, or how many bytes it has."""

    name: str
    checksum: Checksum | None = None
    size: int | None = None


def parse_line(line: str, *, algorithm: str | None = None) -> Sum:
    """Read one line; `algorithm` is whose the digits of an untagged one are, where that is known.

    Raises ValueError with the reason why it is none.
    """
    escaped = line.startswith("\\")
    line = line[1:] if escaped else line
    if (tagged := _tagged(line)) is not None:
        found = tagged
    elif match := _UNTAGGED.fullmatch(line):
        hexdigest, name = match[1], match[2]
        # SHA-512 and BLAKE2b are as long as each other: what the list is called decides.
        known = _BY_LENGTH.get(len(hexdigest))
        if algorithm is not None and len(hexdigest) == _digits(algorithm):
            known = algorithm
        if known is None:
            raise ValueError(f"a checksum of {len(hexdigest)} digits is of no known algorithm")
        found = Sum(name, Checksum(known, hexdigest.lower()))
    else:
        raise ValueError(f"'{_part(line)}' is no line of checksums")
    name = _unescaped(found.name) if escaped else found.name
    if name == "-":
        raise ValueError("the checksum is of what came on standard input, not of a file")
    return Sum(name.removeprefix("./"), found.checksum, found.size)


def _tagged(line: str) -> Sum | None:
    """Read `TAG (NAME) = VALUE`, with spaces or without; None where a line is not like that."""
    # From both ends, as a name may hold brackets: in time with the line, whatever stands in it.
    head, bracket, value = line.rpartition(")")
    tag, opening, name = head.partition("(")
    tag, value = tag.strip(" "), value.strip(" \t")
    if not (bracket and opening and value.startswith("=") and _TAG.fullmatch(tag)):
        return None
    value = value[1:].strip(" \t")
    if tag.upper() == "SIZE":
        if (size := number(value)) is None:
            raise ValueError(f"'{_part(value)}' is no size")
        return Sum(name, size=size)
    algorithm = _TAGS.get(tag.upper())
    if algorithm is None:
        raise ValueError(f"winch knows no checksums by '{_part(tag)}'")
    if not _HEX.fullmatch(value) or len(value) != _digits(algorithm):
        raise ValueError(f"'{_part(value)}' is no checksum of {algorithm}")
    return Sum(name, Checksum(algorithm, value.lower()))


def _digits(algorithm: str) -> int:
    if algorithm == "blake2b":
        return 128
    return next((length for length, name in _BY_LENGTH.items() if name == algorithm), 0)


def _unescaped(name: str) -> str:
    def meant(match: re.Match[str]) -> str:
        if (character := _ESCAPED.get(match[1])) is None:
            raise ValueError(f"the name '{_part(name)}' is escaped as nobody does")
        return character

    return _ESCAPE.sub(meant, name)


def _part(text: str) -> str:
    return shown(cut(text, 80))


class _Armour:
    """The lines of a message that somebody signed, without what the signature added to them."""

    _BEGIN = "-----BEGIN PGP SIGNED MESSAGE-----"
    _SIGNATURE = "-----BEGIN PGP SIGNATURE-----"
    _END = "-----END PGP SIGNATURE-----"

    def __init__(self) -> None:
        self._is_signed = False
        self._in_head = False
        self._in_signature = False

    def content(self, line: str) -> str | None:
        """Return what a line says beside the signature; None where it is part of that."""
        if line.rstrip() == self._BEGIN:
            self._is_signed = self._in_head = True
        elif self._in_head:
            # `Hash: SHA256`, up to an empty line.
            self._in_head = bool(line.strip())
        elif line.rstrip() == self._SIGNATURE:
            self._in_signature = True
        elif self._in_signature:
            if line.rstrip() == self._END:
                self._in_signature = self._is_signed = False
        else:
            return line.removeprefix("- ") if self._is_signed else line
        return None


async def read_sums(
    chunks: AsyncIterator[bytes], base: str | None, *, algorithm: str | None = None
) -> AsyncGenerator[Entry | Refused]:
    """Yield the files that a list of checksums names, below `base`.

    Lines about one file that follow each other are one entry, with the strongest of its checksums.
    Memory is that of a line and a chunk, whatever the list is.
    """
    armour = _Armour()
    pending = _Pending(base)
    async for batch in byte_lines(chunks):
        for place, raw in batch:
            if raw is None:
                yield Refused(
                    where=f"line {place}", reason=f"the line is longer than {LONGEST:,} bytes"
                )
                continue
            line = armour.content(text_of(raw))
            if line is None or not line.strip() or line.startswith("#"):
                continue
            try:
                found = parse_line(line, algorithm=algorithm)
            except ValueError as error:
                yield Refused(where=f"line {place}", reason=str(error))
                continue
            for item in pending.take(place, found):
                yield item
    for item in pending.flush():
        yield item


class _Pending:
    """The file that the last lines were about, until a line is about another one."""

    def __init__(self, base: str | None) -> None:
        self._base = base
        self._place = 0
        self._name: str | None = None
        self._checksums: list[Checksum] = []
        self._size: int | None = None

    def take(self, place: int, found: Sum) -> Iterator[Entry | Refused]:
        is_new = found.name != self._name or (
            found.checksum is not None
            and any(found.checksum.algorithm == known.algorithm for known in self._checksums)
        )
        if is_new:
            yield from self.flush()
            self._place, self._name = place, found.name
        if found.checksum is not None:
            self._checksums.append(found.checksum)
        self._size = found.size if found.size is not None else self._size

    def flush(self) -> Iterator[Entry | Refused]:
        """Yield what was known of the file, and forget it."""
        if self._name is not None:
            yield entry(
                self._name,
                where=f"line {self._place}",
                base=self._base,
                checksum=strongest(self._checksums),
                size=self._size,
            )
        self._name, self._checksums, self._size = None, [], None


def entry(
    name: str,
    *,
    where: str,
    base: str | None,
    url: str | None = None,
    checksum: Checksum | None = None,
    size: int | None = None,
) -> Entry | Refused:
    """Return the entry of a file by its name, at `url` or else below `base`."""
    if url is None and base is None:
        return Refused(where=where, reason=f"'{_part(name)}': {NO_BASE}")
    if url is None:
        url = address_of(base or "", name)
    try:
        check_url(url)
    except UsageError as error:
        return Refused(where=where, reason=error.message)
    return Entry(url=url, path=shown(name), size=size, checksum=checksum, where=where)
