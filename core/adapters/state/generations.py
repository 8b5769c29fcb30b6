"""A TinyDB document on disk as generations: the new one replaces the file, the one before is kept.

TinyDB's own storage rewrites its file in place, and a kill in between leaves neither the old
content nor the new one. This one replaces the file atomically, keeps the generation before as
`<name>.bak`, and decides at the start which of the two may be believed. What it writes, plain
TinyDB reads.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from tinydb.storages import Storage

from core.adapters.files.atomic_file import (
    NotAFileError,
    read_state,
    set_aside,
    write_atomically,
)
from core.adapters.state.records import Migration, migrate
from core.domain.errors import StateError

log = logging.getLogger(__name__)

_BATCH = 256  # records that are encoded at once: so long may the other threads have to wait

T = TypeVar("T")
Tables = Mapping[str, Mapping[str, msgspec.Raw]]
"""Records by table and id, each still the JSON text that it was stored as."""

Changes = Mapping[tuple[str, str], msgspec.Raw | None]
"""What becomes of records, by table and id; None removes one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format(Generic[T]):
    """What a document holds.

    `title` follows "the" in sentences for the person. `decode` is called in a thread and makes of
    the tables, all of which are there, what `Document.load` returns; a ValueError (msgspec's are)
    means that this generation cannot be believed. `migrations[0]` leads from schema 1 to 2, and so
    on: their number decides the schema that is written. `covered` names, for old schemas whose
    checksum was that of one table alone, this table.
    """

    title: str
    tables: tuple[str, ...]
    decode: Callable[[Tables], T]
    migrations: tuple[Migration, ...] = ()
    covered: Mapping[int, str] = field(default_factory=dict)

    @property
    def schema(self) -> int:
        """The version that is written; older ones are migrated, newer ones refused."""
        return 1 + len(self.migrations)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded(Generic[T]):
    """What was found at the start.

    `notices` are sentences for the person. `is_whole` is False when the newest generation was not
    readable: then `content` may lack records, and nothing that looks orphaned may be removed.
    """

    content: T
    notices: tuple[str, ...] = ()
    is_whole: bool = True


class _Version(msgspec.Struct):
    schema: Annotated[int, msgspec.Meta(ge=1)]


class _Meta(_Version):
    generation: int
    checksum: str


M = TypeVar("M")


class _MetaTable(msgspec.Struct, Generic[M]):
    """The table `meta`; TinyDB calls its first document `1`."""

    first: M = msgspec.field(name="1")


class _DamagedError(Exception):
    """Why a file cannot be believed, to follow its name in a sentence."""


class GenerationStorage(Storage, Generic[T]):
    """TinyDB storage in which every write is a new generation and the one before is kept.

    Called from one thread at a time. Records stay as encoded fragments, so that a write puts
    together what is there instead of encoding everything again.
    """

    def __init__(self, path: Path, layout: Format[T]) -> None:
        self.path = path
        self._format = layout
        self._backup = path.with_name(f"{path.name}.bak")
        self._generation = 0
        self._tables: dict[str, dict[str, msgspec.Raw]] | None = None

    def read(self) -> dict[str, dict[str, Any]]:
        """Return the tables as they were last loaded or written; raises StateError."""
        if self._tables is None:
            self.load()
        return dict(self._tables or {})

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Make these tables the next generation on disk; raises OSError, and the last one stays."""
        self._generation += 1
        schema = self._format.schema
        body: list[bytes] = []
        for name, table in data.items():
            body += (b",", msgspec.json.encode(name), b":", *_encode(table))
        checksum = _checksum(schema, self._generation, body)
        meta = _Meta(schema=schema, generation=self._generation, checksum=checksum)
        head = msgspec.json.encode(_MetaTable(first=meta))
        write_atomically(self.path, [b'{"meta":', head, *body, b"}\n"], backup=self._backup)
        self._tables = data

    def apply(self, changes: Changes) -> None:
        """Replace records, or remove those that are None, in one write of the document.

        Raises OSError, and StateError where the document has first to be read; the same changes
        have to be applied again then.
        """
        tables = self.read()
        for (name, id_), encoded in changes.items():
            if encoded is None:
                tables[name].pop(id_, None)
            else:
                tables[name][id_] = encoded
        self.write(tables)

    def load(self) -> Loaded[T]:
        """Read the newest generation that can be believed and set aside what cannot be.

        Raises StateError; a document of a newer winch is then untouched.
        """
        title = self._format.title
        damaged: dict[Path, str] = {}
        found: Loaded[T] | None = None
        for path in (self.path, self._backup):
            try:
                found = self._load_one(path)
            except _DamagedError as reason:
                damaged[path] = str(reason)
            if found is not None:
                break
        # Only now: a backup from a newer winch must have left everything in its place.
        notices = [
            f"{path.name} {reason}; it was kept as {set_aside(path).name}."
            for path, reason in damaged.items()
        ]
        if found is None:
            self._tables = {name: {} for name in self._format.tables}
            if damaged:
                notices.append(f"No readable {title} is left.")
            content = self._format.decode(self._tables)
            return Loaded(content=content, notices=tuple(notices), is_whole=not damaged)
        if path == self.path:
            return found
        missing = "" if self.path in damaged else f"{self.path.name} is missing. "
        notices.append(
            f"{missing}The {title} was read from {path.name}, the generation before:"
            " the last changes may be missing."
        )
        return replace(found, notices=tuple(notices), is_whole=False)

    def _load_one(self, path: Path) -> Loaded[T] | None:
        try:
            if (text := read_state(path)) is None:
                return None
            generation, tables = self._parse(path, text)
            content = self._format.decode(tables)
        except NotAFileError as error:
            raise _DamagedError(str(error)) from error
        except LookupError as error:
            raise _DamagedError(f"is another program's: it has no {error}") from error
        except (ValueError, RecursionError) as error:
            raise _DamagedError(f"cannot be parsed ({error})") from error
        self._generation = generation
        self._tables = tables
        return Loaded(content=content)

    def _parse(self, path: Path, text: bytes) -> tuple[int, dict[str, dict[str, msgspec.Raw]]]:
        raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        head = raw.pop("meta")
        schema = msgspec.json.decode(head, type=_MetaTable[_Version]).first.schema
        if schema > self._format.schema:
            raise StateError(
                f"{path} was written by a newer winch (schema {schema}, this one knows"
                f" {self._format.schema})",
                hint="update winch, or give it another state directory with WINCH_HOME",
            )
        meta = msgspec.json.decode(head, type=_MetaTable[_Meta]).first
        if schema in self._format.covered:
            checksum = _digest([bytes(raw[self._format.covered[schema]])])
        else:
            body = ((b",", msgspec.json.encode(name), b":", table) for name, table in raw.items())
            checksum = _checksum(schema, meta.generation, itertools.chain.from_iterable(body))
        if checksum != meta.checksum:
            raise _DamagedError("does not match its checksum")
        if schema < self._format.schema:
            return meta.generation, self._migrate(schema, msgspec.json.decode(text))
        decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
        return meta.generation, {name: decoder.decode(raw[name]) for name in self._format.tables}

    def _migrate(self, schema: int, document: dict[str, Any]) -> dict[str, dict[str, msgspec.Raw]]:
        log.info("%s is of schema %d, now %d", self.path.name, schema, self._format.schema)
        document = migrate(document, schema, self._format.migrations)
        encode = msgspec.json.encode
        return {
            name: {id_: msgspec.Raw(encode(record)) for id_, record in document[name].items()}
            for name in self._format.tables
        }


def _encode(table: Mapping[str, msgspec.Raw]) -> Iterator[bytes]:
    records = iter(table.items())
    separator = b"{"
    while batch := dict(itertools.islice(records, _BATCH)):
        yield separator
        yield msgspec.json.encode(batch)[1:-1]
        separator = b","
    yield b"}" if table else b"{}"


def _checksum(schema: int, generation: int, body: Iterable[bytes]) -> str:
    return _digest([b"%d,%d" % (schema, generation), *body])


def _digest(chunks: Iterable[bytes | msgspec.Raw]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest()
