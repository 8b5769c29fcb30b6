"""What the pages of an index are while they are read: where they lie, and what each names."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from core.domain.bounds import cut
from core.domain.entries import Entry, Refused
from core.domain.errors import ErrorCode, UsageError
from core.domain.redact import redact_url
from core.domain.value import Value
from core.sources.base import Document

T = TypeVar("T")

PIECE: Final = 16 * 1024
"""Bytes that are parsed before others have their turn."""
_PORTION: Final = 200


class Start(Value, frozen=True):
    """What belongs to a source: what is below the address `scope`.

    `prefix` is how the keys of a store begin that belong to it, None of what is no store.
    """

    scope: str
    prefix: str | None = None


class Mark(Value, frozen=True, gc=False):
    """What tells the names that a directory lists from others, whatever their order.

    `noted` holds their sizes and dates as well, None where one of them has neither.
    """

    names: bytes
    noted: bytes | None


class Page(Value, frozen=True, gc=False):
    """A page to read: `depth` counts those that lead to it, with itself; `key` is its place.

    `marks` tell what the directories above it list, by their places. One that `continues` another
    lists more of the same.
    """

    url: str
    key: bytes
    depth: int = 1
    marks: tuple[tuple[bytes, Mark], ...] = ()
    continues: bool = False


@dataclass(slots=True)
class Found:
    """What one page names, before anybody looks at what others named: files by their places.

    `mark` is None of a page that lists nothing below itself.
    """

    files: list[tuple[bytes, Entry]] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    mark: Mark | None = None


class Begun:
    """A document of which the first bytes were looked at."""

    def __init__(self, document: Document) -> None:
        self.url = document.url
        self.media_type = document.media_type
        self.headers = document.headers
        self.validator = document.validator
        self._rest = document.chunks()
        self._first = b""

    async def peek(self) -> bytes:
        """Return its first bytes."""
        async for chunk in self._rest:
            self._first = chunk
            break
        return self._first

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yield all of its bytes; raises WinchError."""
        yield self._first
        async for chunk in self._rest:
            yield chunk


async def in_portions(items: Iterable[T]) -> AsyncIterator[T]:
    """Yield items, and let others have their turn in between."""
    for number, item in enumerate(items, start=1):
        yield item
        if number % _PORTION == 0:
            await asyncio.sleep(0)


def refusal(where: str, reason: str, code: str = ErrorCode.USAGE) -> Refused:
    """Return what is said of a page, or of what it names, that is not fetched."""
    return Refused(where=cut(redact_url(where), 500), reason=reason, code=str(code))


def no_page(document: Document) -> UsageError:
    """Return the error for an address at which there is no page that lists files."""
    return UsageError(
        f"{redact_url(document.url)} is no page that lists files, it is"
        f" {cut(document.media_type, 80) or 'of a type that the server does not tell'}",
        hint="to download that file itself, leave -r out",
    )
