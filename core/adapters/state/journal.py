"""The journal of a document: what was changed since a generation, one line for each change.

A line is a JSON array: the checksum of what follows it, the schema of the record, the generation
that the change is on top of, the offset at which its append begins, the table, the id, and the
record, or null where it was removed:

    ["6bf1f1b6a9c2d3e4",3,12,40960,"downloads","0f3c…",{"id":"0f3c…",…}]
    ["0d4e5f6071829304",3,12,40960,"meta","1",{"saved_at":"2026-03-01T12:00:00Z"}]

All changes that wait are one append: one write, one sync. The line of `meta` ends it, and without
that line none of it counts, since nobody was told that it is on disk.

What cannot be read is damage, of which somebody has to be told, or what a kill or a power cut left
of the last write, which nobody was promised and which is dropped in silence. It is damage where
lines of a later append follow, as that begins only after the one before was synced (so each line
says where its append begins), and where the line has its end and no zero byte: a write that was
torn ends too soon, and has zeros for the blocks that are missing. What comes before the damage in
the same append counts where something later proves that this was acknowledged. So that the blocks
of two attempts at the same place can never mix, what is behind the last whole append is cut off,
and that synced, before the next write.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import msgspec

from core.adapters.files.atomic_file import (
    patiently,
    sync_data,
    sync_directory,
    sync_file,
)
from core.adapters.state.records import encode

META = "meta"
"""The table of what is said about the others; no document has one of its own by that name."""
_SUM = 16  # hexadecimal digits
_CHUNK = 256 * 1024

Changes = Mapping[tuple[str, str], object]
"""What becomes of records, by table and id; None removes one."""


Change = tuple[str, str, msgspec.Raw | None]
"""Table, id and the text of the record, None for one that was removed."""


class Saved(msgspec.Struct, frozen=True):
    """The end of an append: the wall time at which it was made."""

    saved_at: datetime | None = None


class _Line(msgspec.Struct, array_like=True, frozen=True, gc=False):
    checksum: str
    schema: int
    generation: int
    at: int
    table: str
    id: str
    record: msgspec.Raw


class Head(NamedTuple):
    """What all lines of a journal say: their schema, and the generation that they are on top of."""

    schema: int
    generation: int


@dataclass(slots=True)
class Replay:
    """What of a journal counts: the changes, in their order.

    `length` is how many bytes that is, `saved_at` the time of the last append of them. `is_torn`
    tells that there are more bytes, `is_damaged` that these are no torn last append. `unproved` is
    what comes before the damage in the same append, of which nobody knows if it was acknowledged.
    """

    head: Head
    changes: list[Change] = field(default_factory=list)
    length: int = 0
    saved_at: datetime | None = None
    is_torn: bool = False
    is_damaged: bool = False
    unproved: list[Change] = field(default_factory=list)


def replay(text: bytes) -> Replay | None:
    """Return what a journal holds; None where it has not one line that can be believed."""
    found: Replay | None = None
    batch: list[Change] = []
    position = begin = 0
    for end, line in _lines(text, 0):
        if line is None or line.at != begin or (found and _head(line) != found.head):
            break
        found = found or Replay(_head(line))
        position = end
        if line.table == META:
            found.changes += batch
            found.saved_at = msgspec.json.decode(line.record, type=Saved).saved_at
            found.length = begin = end
            batch = []
        else:
            record = None if bytes(line.record) == b"null" else line.record
            batch.append((line.table, line.id, record))
    head = found.head if found else None
    is_damaged, is_proved, start = False, False, position
    for end, line in _lines(text, position):
        if line is not None:
            head = head or _head(line)
            is_proved |= line.at > begin
        else:
            is_damaged |= was_written(text[start:end])
        start = end
    if (is_damaged or is_proved) and head is not None:
        found = found or Replay(head)
        found.is_damaged = True
        (found.changes if is_proved else found.unproved).extend(batch)
    if found is not None:
        found.is_torn = found.length < len(text)
    return found


def was_written(text: bytes) -> bool:
    """Tell whether a line that cannot be believed is on disk to its end: it was not torn."""
    whole = text.split(b"\n")[:-1]
    return any(b"\0" not in line and _decoded(line + b"\n") is None for line in whole)


def head_of(line: bytes) -> Head | None:
    """Return of which schema and generation a line is, None where it cannot be believed."""
    found = _decoded(line)
    return _head(found) if found is not None else None


def _head(line: _Line) -> Head:
    return Head(line.schema, line.generation)


def _lines(text: bytes, position: int) -> Iterator[tuple[int, _Line | None]]:
    """Yield each line's end and what it says, None where that cannot be believed."""
    while position < len(text):
        end = text.find(b"\n", position) + 1 or len(text)
        yield end, _decoded(text[position:end])
        position = end


def _decoded(line: bytes) -> _Line | None:
    if line[:2] != b'["' or not line.endswith(b"\n"):
        return None
    if line[2 : 2 + _SUM] != _checksum(line[_SUM + 4 :]):
        return None
    with contextlib.suppress(ValueError):
        return _DECODER.decode(line)
    return None


_DECODER = msgspec.json.Decoder(_Line)


def _encoded(head: Head, at: int, table: str, id_: str, record: object) -> bytes:
    names = msgspec.json.encode([table, id_])[1:-1]
    rest = b"%d,%d,%d,%b,%b]\n" % (*head, at, names, encode(record))
    return b'["%b",%b' % (_checksum(rest), rest)


def _checksum(rest: bytes) -> bytes:
    return hashlib.blake2b(rest, digest_size=_SUM // 2).hexdigest().encode()


class Journal:
    """The journal of one generation, which grows. Its methods block.

    Its file is opened for each append: whoever renames it meanwhile tells by `path`, and whoever
    takes it away is noticed. `length` is how many bytes of it count.
    """

    def __init__(self, path: Path, head: Head, *, length: int = 0) -> None:
        self.path = path
        self.generation = head.generation
        self._head = head
        self.length = length
        self._has_rest = True  # perhaps: whoever wrote it may have been killed
        self._has_name = False  # likewise, on the medium

    def append(self, changes: Changes, saved_at: datetime) -> bool:
        """Add changes; on return they survive a power cut.

        Returns False, and has done nothing, where the file is not the one that it was. Raises
        OSError; then none of the changes counts.
        """
        length = self.length
        if (descriptor := self._open()) is None:
            return False
        try:
            if not self._fence(descriptor):
                return False
            self._has_rest = True
            for chunk in self._chunks(changes, saved_at):
                _write(descriptor, chunk)
                length += len(chunk)
            sync_data(descriptor)
            if not self._has_name:
                sync_directory(self.path.parent)
        except OSError:
            # Best at once: nobody is told that it is on disk, so it should not be.
            with contextlib.suppress(OSError):
                os.ftruncate(descriptor, self.length)
            raise
        finally:
            os.close(descriptor)
        self.length, self._has_rest, self._has_name = length, False, True
        return True

    def end(self) -> bool:
        """Cut off what does not count, before another journal goes on; see `append`."""
        if (descriptor := self._open()) is None:
            return False
        try:
            return self._fence(descriptor)
        finally:
            os.close(descriptor)

    def _chunks(self, changes: Changes, saved_at: datetime) -> Iterator[bytes]:
        """Yield the lines of an append, many at a time, and seldom all of very many."""
        lines: list[bytes] = []
        size = 0
        for (table, id_), record in (*changes.items(), ((META, "1"), Saved(saved_at))):
            lines.append(_encoded(self._head, self.length, table, id_, record))
            size += len(lines[-1])
            if size >= _CHUNK or table == META:
                yield b"".join(lines)
                lines.clear()
                size = 0

    def _open(self) -> int | None:
        """Open the file; None where it is gone, or a link to another one."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        if self.length == 0:
            flags |= os.O_CREAT
        try:
            return patiently(os.open, self.path, flags, 0o600)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ELOOP):
                raise
            return None

    def _fence(self, descriptor: int) -> bool:
        """Make sure that the next byte goes behind those that count; False where they are gone."""
        size = os.fstat(descriptor).st_size
        if size < self.length:
            return False
        if self._has_rest and size:
            os.ftruncate(descriptor, self.length)
            sync_file(descriptor)
        self._has_rest = False
        return True


def _write(descriptor: int, text: bytes) -> None:
    rest = memoryview(text)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
