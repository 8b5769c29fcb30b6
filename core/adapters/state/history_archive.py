"""Old history: one gzip file of JSON lines for each month, readable by `zcat`.

Every batch that joins a file is a gzip member of its own, with a checksum of its own: damage costs
what lies behind it and nothing before.
"""

from __future__ import annotations

import gzip
import logging
import os
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from heapq import nlargest
from pathlib import Path
from typing import BinaryIO

import msgspec

from core.adapters.files.atomic_file import open_file, set_aside, sync_directory, write_atomically
from core.adapters.state.records import encode
from core.domain.history import HistoryEntry

log = logging.getLogger(__name__)

MOST_BYTES = 50 * 1024 * 1024
"""What all archives together may take; above that the oldest goes."""

_NAME = re.compile(r"history-(\d{4}-\d{2})\.jsonl\.gz")
# Made before there is a thread that reads (see resume_data.py).
_READ_ENTRY = msgspec.json.Decoder(HistoryEntry)
_CHUNK = 256 * 1024
_SLACK = 1000  # entries that are held beyond what is asked for, before they are sorted out


@dataclass(slots=True)
class ArchivedEntries:
    """What a search found: entries by number, and the names of archives that are damaged."""

    entries: dict[int, HistoryEntry] = field(default_factory=dict)
    damaged: list[str] = field(default_factory=list)

    def keep_newest(self, count: int) -> None:
        """Forget all but that many of the entries."""
        self.entries = {number: self.entries[number] for number in nlargest(count, self.entries)}


class HistoryArchive:
    """The files history-YYYY-MM.jsonl.gz of a state directory. Its methods block.

    One thread at a time may change them; searches may run beside that.
    """

    def __init__(self, directory: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._directory = directory
        self._most_bytes = most_bytes
        self._sound: set[Path] = set()

    def files(self) -> list[Path]:
        """Return the archives, the oldest month first; raises OSError."""
        try:
            paths = list(self._directory.iterdir())
        except FileNotFoundError:
            return []
        return sorted(path for path in paths if _NAME.fullmatch(path.name))

    def append(self, batch: Iterable[HistoryEntry]) -> None:
        """Add entries to the archives of the months (UTC) in which they ended.

        On return they survive a power cut. What was damaged of such an archive is set aside. Raises
        OSError, StateError.
        """
        months: defaultdict[str, list[bytes]] = defaultdict(list)
        for entry in batch:
            months[_month(entry.ended_at)].append(encode(entry))
        for month, lines in months.items():
            path = self._directory / f"history-{month}.jsonl.gz"
            member = gzip.compress(b"\n".join([*lines, b""]), mtime=0)
            write_atomically(path, _Joined(self._sound_part(path), member))
            self._sound.add(path)
        self.limit_size()

    def limit_size(self) -> None:
        """Remove the oldest archives until all together are small enough; raises OSError.

        The newest stays: it may be the one that was written just now.
        """
        files = self.files()
        sizes = {path: path.stat().st_size for path in files}
        for path in files[:-1]:
            if sum(sizes.values()) <= self._most_bytes:
                return
            path.unlink(missing_ok=True)
            log.info("removed %s: the archives had outgrown %d bytes", path.name, self._most_bytes)
            del sizes[path]

    def each(self, damaged: list[str], *, since: datetime | None = None) -> Iterator[HistoryEntry]:
        """Yield all entries of the months since a time, as they were added, one at a time.

        An entry may come twice. What cannot be read is left out, and the file named in `damaged`.
        """
        try:
            files = self.files()
        except OSError as error:
            log.warning("the archives of the history cannot be read: %s", error)
            damaged.append(self._directory.name)
            return
        for path in files:
            if since is None or _NAME.sub(r"\1", path.name) >= _month(since):
                yield from _read(path, damaged)

    def search(
        self,
        admits: Callable[[HistoryEntry], bool],
        *,
        since: datetime | None = None,
        limit: int | None = None,
    ) -> ArchivedEntries:
        """Return entries that are admitted, of those that ended since a time.

        With `limit`, the newest so many are among them, and few others. What cannot be read is
        left out, and the file named.
        """
        found = ArchivedEntries()
        for entry in self.each(found.damaged, since=since):
            if admits(entry):
                found.entries[entry.number] = entry
            if limit is not None and len(found.entries) > 2 * limit + _SLACK:
                found.keep_newest(limit)
        return found

    def clear(self) -> set[int]:
        """Remove every archive, also what was set aside, and return the numbers that were there.

        Raises OSError.
        """
        numbers = {entry.number for entry in self.each([])}
        for path in [*self.files(), *self._directory.glob("history*.damaged-*")]:
            path.unlink(missing_ok=True)
        if self._directory.is_dir():
            sync_directory(self._directory)
        self._sound.clear()
        return numbers

    def _sound_part(self, path: Path) -> tuple[Path, int]:
        """Return where what can be read of an archive is, and how many bytes from its begin.

        It is looked through once, then known.
        """
        end = 0
        try:
            with open_file(path) as file:
                if path in self._sound:
                    return path, os.fstat(file.fileno()).st_size
                for member_end, _ in _members(file):
                    end = member_end
        except FileNotFoundError:
            return path, 0
        except _DamagedError as reason:
            aside = set_aside(path)
            log.warning("%s is damaged (%s); kept as %s", path.name, reason, aside.name)
            return aside, end
        return path, end


class _Joined:
    """The first bytes of a file and what follows them, piece by piece: it may be of any length."""

    def __init__(self, part: tuple[Path, int], following: bytes) -> None:
        self._path, self._length = part
        self._following = following

    def __iter__(self) -> Iterator[bytes]:
        left = self._length
        if left:
            with open_file(self._path) as file:
                while left and (piece := file.read(min(left, _CHUNK))):
                    left -= len(piece)
                    yield piece
        yield self._following


class _DamagedError(Exception):
    """Why an archive cannot be read any further."""


def _read(path: Path, damaged: list[str]) -> Iterator[HistoryEntry]:
    """Yield the entries of an archive that can be read; name it in `damaged` if not all can."""
    is_whole = True
    try:
        with open_file(path) as file:
            for _, text in _members(file):
                for line in text.splitlines():
                    try:
                        yield _READ_ENTRY.decode(line)
                    except (msgspec.MsgspecError, ValueError):
                        is_whole = False
    except FileNotFoundError:
        return  # it was cleared, or outgrown, a moment ago
    except (OSError, _DamagedError) as reason:
        log.warning("%s: %s", path.name, reason)
        is_whole = False
    if not is_whole:
        damaged.append(path.name)


def _members(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield each gzip member's end and its text, once its checksum is known to be right."""
    at, read = 0, file.read(_CHUNK)
    while read:
        inflater = zlib.decompressobj(wbits=31)
        text = bytearray()
        while not inflater.eof:
            if not read:
                raise _DamagedError("it ends too early")
            try:
                text += inflater.decompress(read)
            except zlib.error as error:
                raise _DamagedError(str(error)) from error
            at += len(read) - len(inflater.unused_data)
            read = inflater.unused_data or file.read(_CHUNK)
        yield at, bytes(text)


def _month(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m")
