"""The lines of a list, as its bytes come: numbered, bounded, and text, or named where they are not.

Nothing but the line that has begun is held, and of that no more than a line may have.
"""

from __future__ import annotations

from collections.abc import Iterator

from core.domain.entries import Refused
from core.domain.errors import UsageError

LONGEST = 64 * 1024
"""Bytes of a line: a URL, a dozen mirrors and a few headers are a tenth of that."""
MOST_LINES = 10_000_000

_BOM = b"\xef\xbb\xbf"
_FOREIGN = {
    b"\x1f\x8b": ("is compressed with gzip", "zcat FILE | winch add -i -"),
    b"\xff\xfe": ("is UTF-16", "iconv -f UTF-16 -t UTF-8 FILE | winch add -i -"),
    b"\xfe\xff": ("is UTF-16", "iconv -f UTF-16 -t UTF-8 FILE | winch add -i -"),
    b"PK\x03\x04": ("is a ZIP archive or a spreadsheet", "save it as CSV"),
}
"""How files begin that are no text, with what they are and what to do about it."""
_TELLING = 8
"""Bytes that are kept of a line that is too long."""


class Lines:
    """Cuts chunks of any size into lines."""

    def __init__(self) -> None:
        self._rest = b""
        self._is_too_long = False
        self._count = 0

    def feed(self, chunk: bytes) -> Iterator[tuple[int, str | Refused]]:
        """Yield the number of each line that ends in this chunk, from 1, and what it holds.

        Raises UsageError for what is no text at all, and for more lines than anybody means.
        """
        lines = chunk.split(b"\n")
        lines[0] = self._rest + lines[0]
        self._rest = lines.pop()
        for line in lines:
            yield self._take(line)
        if len(self._rest) > LONGEST:
            self._rest, self._is_too_long = self._rest[:_TELLING], True

    def end(self) -> Iterator[tuple[int, str | Refused]]:
        """Yield the last line, if the list does not end with a line break."""
        if self._rest or self._is_too_long:
            line, self._rest = self._rest, b""
            yield self._take(line)

    def _take(self, line: bytes) -> tuple[int, str | Refused]:
        self._count = number = self._count + 1
        if number == 1:
            line = line.removeprefix(_BOM)
            for sign, (what, hint) in _FOREIGN.items():
                if line.startswith(sign):
                    raise UsageError(f"this {what}, and no list of URLs", hint=hint)
        elif number > MOST_LINES:
            raise UsageError(f"a list has at most {MOST_LINES:,} lines", hint="split it")
        if self._is_too_long or len(line) > LONGEST:
            self._is_too_long = False
            return number, refused(number, f"this is longer than {LONGEST >> 10} KiB")
        try:
            text = line.removesuffix(b"\r").decode()
        except UnicodeDecodeError:
            return number, refused(number, "this is not UTF-8 text")
        if "\0" in text:
            return number, refused(number, "this holds a NUL, and is no text")
        return number, text


def refused(number: int, reason: str | UsageError) -> Refused:
    """Return the refusal of what a line names."""
    if isinstance(reason, UsageError):
        reason = f"{reason.message}; {reason.hint}" if reason.hint else reason.message
    return Refused(where=f"line {number}", reason=reason)
