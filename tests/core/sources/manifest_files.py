"""A fetcher over texts in memory, for manifests: no disk, no network, chunks of any size."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager

from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import NotFoundError
from core.domain.models import Validator
from core.sources.manifests import ManifestSource


class Text:
    """A document that comes in chunks of `size` bytes."""

    def __init__(self, url: str, chunks: Iterator[bytes]) -> None:
        self.url = url
        self.media_type = "text/plain"
        self.headers: Mapping[str, str] = {}
        self.validator = Validator()
        self._chunks = chunks

    async def chunks(self) -> AsyncIterator[bytes]:
        for chunk in self._chunks:
            yield chunk


class Texts:
    """What can be opened, by address; what is not there is not found."""

    def __init__(self, texts: Mapping[str, bytes], size: int = 1000) -> None:
        self._texts = texts
        self._size = size
        self.opened: list[str] = []

    @asynccontextmanager
    async def open(
        self, address: str, *, most: int, known: Validator | None = None
    ) -> AsyncIterator[Text | None]:
        assert known is None
        assert most > 0
        self.opened.append(address)
        if (text := self._texts.get(address)) is None:
            raise NotFoundError("nothing is there", status=404)
        size = self._size
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        yield Text(address, iter(pieces))


async def read(
    text: bytes | Mapping[str, bytes],
    address: str = "https://h/set/MANIFEST",
    *,
    size: int = 1000,
    **spec: str | dict[str, str],
) -> list[Entry | Refused]:
    """Return all that the manifest at an address names."""
    texts = {address: text} if isinstance(text, bytes) else text
    asked = SourceSpec(kind="manifest", address=address, **spec)  # type: ignore[arg-type]
    return [item async for item in ManifestSource().expand(asked, Texts(texts, size))]


def entries(items: list[Entry | Refused]) -> list[Entry]:
    """Return the entries, of which nothing may have been refused."""
    assert not [item for item in items if isinstance(item, Refused)]
    return [item for item in items if isinstance(item, Entry)]


def refused(items: list[Entry | Refused]) -> list[Refused]:
    """Return what was refused."""
    return [item for item in items if isinstance(item, Refused)]
