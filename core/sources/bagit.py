"""Bags: directories of files with lists of what is in them, and where the rest is (RFC 8493).

`fetch.txt` says where files are that the bag lacks, `manifest-ALGORITHM.txt` what each file must
have; files that only a manifest names are beside it. Every manifest lists the same files, so that
of the strongest algorithm is read. The manifests themselves are part of a bag: where it is on a
server, they are fetched with it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack

from core.domain.bounds import MAX_URL, cut, number
from core.domain.entries import Entry, Refused
from core.domain.errors import ErrorCode, UsageError, WinchError
from core.domain.models import Checksum
from core.sources.base import Fetcher
from core.sources.byte_lines import LONGEST, byte_lines, shown, text_of
from core.sources.relative import address_of
from core.sources.sums import entry

MOST_TEXT = 1024**3
"""Bytes of a manifest or a fetch.txt."""
MOST_HELD = 256 * 1024**2
"""Bytes of memory for what fetch.txt says, until the manifest has said the rest of it."""

TAG_FILE = re.compile(r"(?:bagit|fetch|(?:tag)?manifest-[a-z0-9-]{1,16})\.txt", re.IGNORECASE)
FETCH_LINE = re.compile(r"(\S+)[ \t]+([0-9]+|-)[ \t]+(.+)", re.DOTALL)
_MANIFEST_LINE = re.compile(r"([0-9A-Fa-f]{32,128})[ \t]+\*?(.+)", re.DOTALL)
_ALGORITHMS = ("sha512", "sha384", "sha256", "sha224", "sha1", "md5")
_ENCODED = re.compile(r"%(0A|0D|25)", re.IGNORECASE)
_NOT_THERE = frozenset({ErrorCode.NOT_FOUND, ErrorCode.USAGE, ErrorCode.DESTINATION})
_COST = 200
"""Bytes that a line in memory takes beside its text."""


async def read_bag(
    directory: str, fetcher: Fetcher, base: str | None
) -> AsyncGenerator[Entry | Refused]:
    """Yield the files of the bag whose tag files are in `directory`, a URL or a path ending in /.

    Files that fetch.txt does not name are below `base`. Raises WinchError where it has no manifest.
    """
    remote = "://" in directory
    held = _Fetched()
    async with AsyncExitStack() as stack:
        chunks = await _open(stack, fetcher, f"{directory}fetch.txt")
        if chunks is not None:
            async for refused in held.read(chunks):
                yield refused
    for algorithm in _ALGORITHMS:
        name = f"manifest-{algorithm}.txt"
        async with AsyncExitStack() as stack:
            chunks = await _open(stack, fetcher, directory + name)
            if chunks is None:
                continue
            async for item in _payload(chunks, algorithm, name, base, held):
                yield item
        break
    else:
        raise UsageError(
            f"there is no manifest of a bag in {cut(directory, 200)}",
            hint="name the directory that has manifest-sha512.txt or another one",
        )
    for refused in held.left():
        yield refused
    if remote and base is not None:
        async for item in _tag_files(directory, fetcher, base, algorithm):
            yield item


async def _open(
    stack: AsyncExitStack, fetcher: Fetcher, address: str
) -> AsyncIterator[bytes] | None:
    """Open one of a bag's files; None where it has none of that name."""
    try:
        document = await stack.enter_async_context(fetcher.open(address, most=MOST_TEXT))
    except WinchError as error:
        if error.code in _NOT_THERE:
            return None
        raise
    return None if document is None else document.chunks()


async def _payload(
    chunks: AsyncIterator[bytes], algorithm: str, name: str, base: str | None, held: _Fetched
) -> AsyncIterator[Entry | Refused]:
    async for place, line in _lines(chunks, name):
        if isinstance(line, Refused):
            yield line
            continue
        try:
            checksum, path = _sum(line, algorithm)
        except ValueError as error:
            yield Refused(where=place, reason=str(error))
            continue
        url, size = held.take(path)
        yield entry(path, where=place, base=base, url=url, checksum=checksum, size=size)


async def _tag_files(
    directory: str, fetcher: Fetcher, base: str, algorithm: str
) -> AsyncIterator[Entry | Refused]:
    """Yield what is no payload: as the manifest of these files has it, or what each bag has."""
    for strongest in _ALGORITHMS:
        name = f"tagmanifest-{strongest}.txt"
        async with AsyncExitStack() as stack:
            if (chunks := await _open(stack, fetcher, directory + name)) is None:
                continue
            async for item in _payload(chunks, strongest, name, base, _Fetched()):
                yield item
        yield Entry(url=address_of(base, name), path=name, where=name)
        return
    for name in ("bagit.txt", f"manifest-{algorithm}.txt"):
        yield Entry(url=address_of(base, name), path=name, where=name)


class _Fetched:
    """What fetch.txt says, by path, until the manifest names that path too."""

    def __init__(self) -> None:
        self._lines: dict[bytes, bytes] = {}
        self._held = 0

    async def read(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[Refused]:
        """Take in a fetch.txt; yields what of it cannot be meant, and what is too much of it."""
        async for place, line in _lines(chunks, "fetch.txt"):
            if isinstance(line, Refused):
                yield line
                continue
            match = FETCH_LINE.fullmatch(line)
            if match is None or len(match[1]) > MAX_URL:
                reason = f"'{shown(cut(line, 80))}' is no line of a fetch.txt"
                yield Refused(where=place, reason=reason)
                continue
            path = _path(match[3])
            if not path.startswith("data/"):
                reason = f"'{shown(cut(path, 80))}' is not below data/, as what is fetched must be"
                yield Refused(where=place, reason=reason)
                continue
            key, value = _bytes(path), _bytes(f"{place}\t{match[2]}\t{match[1]}")
            if self._held + len(key) + len(value) + _COST > MOST_HELD:
                yield Refused(where=place, reason="fetch.txt has more lines than are remembered")
            elif key in self._lines:
                yield Refused(where=place, reason=f"'{shown(cut(path, 80))}' is there twice")
            else:
                self._held += len(key) + len(value) + _COST
                self._lines[key] = value

    def take(self, path: str) -> tuple[str | None, int | None]:
        """Return where a file is and how long it is, as far as fetch.txt says."""
        if (line := self._lines.pop(_bytes(path), None)) is None:
            return None, None
        _, size, url = text_of(line).split("\t")
        return shown(url), number(size)

    def left(self) -> list[Refused]:
        """Return the files that no manifest names."""
        return [
            Refused(
                where=text_of(line).partition("\t")[0],
                reason=f"no manifest says what '{shown(cut(text_of(path), 80))}' must be",
            )
            for path, line in self._lines.items()
        ]


async def _lines(
    chunks: AsyncIterator[bytes], name: str
) -> AsyncIterator[tuple[str, str | Refused]]:
    """Yield the lines that are not empty, with their places."""
    async for batch in byte_lines(chunks):
        for number_, raw in batch:
            place = f"{name}, line {number_}"
            if raw is None:
                reason = f"the line is longer than {LONGEST:,} bytes"
                yield place, Refused(where=place, reason=reason)
            elif raw.strip():
                yield place, text_of(raw)


def _sum(line: str, algorithm: str) -> tuple[Checksum, str]:
    """Read a line of a manifest; raises ValueError with the reason why it is none."""
    match = _MANIFEST_LINE.fullmatch(line)
    if match is None:
        raise ValueError(f"'{shown(cut(line, 80))}' is no line of a manifest")
    try:
        return Checksum.parse(f"{algorithm}:{match[1]}"), _path(match[2])
    except UsageError as error:
        raise ValueError(error.message) from None


def _path(text: str) -> str:
    """Return the path that a line writes: only line ends and % itself are encoded in it."""
    decoded = _ENCODED.sub(lambda match: chr(int(match[1], 16)), text)
    return decoded.removeprefix("./")


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
