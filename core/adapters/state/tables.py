"""Tables of records as the text of a TinyDB database, with a checksum over all of it.

In the file every table that a `Format` numbers has TinyDB's integer ids, 1 to n, and each of its
records its own `id` inside. The table `meta` comes last, since it holds the checksum of the rest,
and the rest is encoded while it is written, so that a long list never stands in memory as text.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from core.adapters.state.journal import META, Change
from core.adapters.state.records import Migration, encode, migrate
from core.domain.garbage import making_lasting
from core.domain.value import Value, field

log = logging.getLogger(__name__)

_BATCH = 256  # records that are encoded at once: so long may the other threads have to wait

Tables = dict[str, dict[str, Any]]
"""Records by table and id."""


class DamagedError(Exception):
    """Why a file cannot be believed, to follow its name in a sentence."""


class NewerError(Exception):
    """It was written by a newer winch; the argument is its schema."""


class Format(Value, frozen=True, kw_only=True):
    """What a document holds.

    `title` follows "the" in sentences for the person. `tables` are the types of the records of each
    table; what msgspec cannot read as that type is damaged. `numbered` are the tables whose records
    say their `id` themselves. `sharing` makes, for a table, what each of its records goes through
    when it was read, to have parts in common with those before. `migrations[0]` leads from schema 1
    to 2, and so on: their number decides the schema that is written. `covered` names, for old
    schemas whose checksum was that of one table alone, this table.
    """

    title: str
    tables: Mapping[str, Any]
    numbered: frozenset[str] = frozenset()
    sharing: Mapping[str, Callable[[], Callable[[Any], Any]]] = field(default_factory=dict)
    migrations: tuple[Migration, ...] = ()
    covered: Mapping[int, str] = field(default_factory=dict)

    @property
    def schema(self) -> int:
        """The version that is written; older ones are migrated, newer ones refused."""
        return 1 + len(self.migrations)

    def empty(self) -> Tables:
        """Return its tables without a record."""
        return {name: {} for name in self.tables}


class _Version(msgspec.Struct):
    schema: Annotated[int, msgspec.Meta(ge=1)]


class _Meta(_Version, omit_defaults=True):
    generation: int
    checksum: str
    saved_at: datetime | None = None


M = TypeVar("M")


class _MetaTable(msgspec.Struct, Generic[M]):
    """The table `meta`; TinyDB calls its first document `1`."""

    first: M = msgspec.field(name="1")


class TablesText:
    """The text of a generation, in chunks, which are encoded each time that it is gone through.

    `size` is how many bytes these were.
    """

    def __init__(
        self,
        layout: Format,
        tables: Mapping[str, Mapping[str, Any]],
        *,
        generation: int,
        saved_at: datetime | None,
    ) -> None:
        self._format = layout
        self._tables = tables
        self._meta = _Meta(
            schema=layout.schema, generation=generation, checksum="", saved_at=saved_at
        )
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks."""
        self.size = 0
        meta = self._meta
        digest = _digest(meta)
        separator = b"{"
        for name, table in self._tables.items():
            yield self._counted(separator)
            ids = map(str, itertools.count(1)) if name in self._format.numbered else table.keys()
            records = zip(ids, table.values(), strict=False)
            digest.update(b",")
            for chunk in itertools.chain([msgspec.json.encode(name), b":"], _encoded(records)):
                digest.update(chunk)
                yield self._counted(chunk)
            separator = b",\n"
        sealed = msgspec.structs.replace(meta, checksum=digest.hexdigest())
        yield self._counted(separator)
        yield self._counted(msgspec.json.encode({META: _MetaTable(first=sealed)})[1:] + b"\n")

    def _counted(self, chunk: bytes) -> bytes:
        self.size += len(chunk)
        return chunk


@dataclass(slots=True)
class Stored:
    """A generation as it was found on disk, its records still the text that they were stored as."""

    meta: msgspec.Raw
    schema: int
    generation: int
    saved_at: datetime | None
    tables: dict[str, dict[str, msgspec.Raw]]


def parse(layout: Format, text: bytes) -> Stored:
    """Return what a text says, in the shape of its schema; raises DamagedError, NewerError."""
    try:
        raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
        head = raw.pop(META)
        schema = msgspec.json.decode(head, type=_MetaTable[_Version]).first.schema
        if schema > layout.schema:
            raise NewerError(schema)
        meta = msgspec.json.decode(head, type=_MetaTable[_Meta]).first
        if schema in layout.covered:
            body = bytes(raw[layout.covered[schema]])
            checksum = hashlib.blake2b(body, digest_size=16).hexdigest()
        else:
            digest = _digest(meta)
            for name, table in raw.items():
                for chunk in (b",", msgspec.json.encode(name), b":", table):
                    digest.update(chunk)
            checksum = digest.hexdigest()
        if checksum != meta.checksum:
            raise DamagedError("does not match its checksum")
        decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
        known = layout.tables if schema == layout.schema else raw
        tables = {name: decoder.decode(raw[name]) for name in known}
    except LookupError as error:
        raise DamagedError(f"is another program's: it has no {error}") from error
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"cannot be parsed ({error})") from error
    return Stored(head, schema, meta.generation, meta.saved_at, tables)


def migrated(layout: Format, stored: Stored, changes: Iterable[Change]) -> Stored:
    """Return a generation of an older schema, and the changes made to it then, as one of today's.

    Raises DamagedError.
    """
    log.info("the %s is of schema %d, now %d", layout.title, stored.schema, layout.schema)
    document: dict[str, dict[str, Any]] = {META: msgspec.json.decode(stored.meta)}
    try:
        for name, table in stored.tables.items():
            records = ((id_, msgspec.json.decode(text)) for id_, text in table.items())
            document[name] = {_own_id(layout, name, id_, record): record for id_, record in records}
        for name, id_, text in changes:
            document[name].pop(id_, None)
            if text is not None:
                document[name][id_] = msgspec.json.decode(text)
        document = migrate(document, stored.schema, layout.migrations)
        tables = {
            name: {id_: msgspec.Raw(encode(record)) for id_, record in document[name].items()}
            for name in layout.tables
        }
        saved_at = document[META]["1"].get("saved_at")
        stored.saved_at = msgspec.convert(saved_at, datetime | None)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        raise DamagedError(f"cannot be brought to this winch's schema ({error!r})") from error
    stored.tables = tables
    stored.schema = layout.schema
    return stored


def decoded(layout: Format, stored: Stored) -> Tables:
    """Return the records of a generation; raises DamagedError."""
    tables = layout.empty()
    try:
        with making_lasting():
            # One by one: a call for all of them would keep every other thread waiting for so long.
            for name, kind in layout.tables.items():
                decoder = msgspec.json.Decoder(kind)
                table = tables[name]
                share = layout.sharing.get(name, lambda: _as_it_is)()
                for id_, text in stored.tables[name].items():
                    record = share(decoder.decode(text))
                    table[record.id if name in layout.numbered else id_] = record
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"cannot be parsed ({error})") from error
    return tables


def apply(layout: Format, tables: Tables, changes: Iterable[Change]) -> bool:
    """Make changes to tables, up to one that cannot be read: then the answer is False."""
    decoders = {name: msgspec.json.Decoder(kind) for name, kind in layout.tables.items()}
    try:
        for name, id_, text in changes:
            if text is None:
                tables[name].pop(id_, None)
            else:
                tables[name][id_] = decoders[name].decode(text)
    except (LookupError, ValueError, RecursionError):
        return False
    return True


def _as_it_is(record: Any) -> Any:
    return record


def _own_id(layout: Format, name: str, id_: str, record: Any) -> str:
    return str(record["id"]) if name in layout.numbered else id_


def _encoded(records: Iterator[tuple[str, Any]]) -> Iterator[bytes]:
    separator = b"{"
    while batch := dict(itertools.islice(records, _BATCH)):
        try:
            text = msgspec.json.encode(batch)
        except ValueError:  # text of one that is no Unicode
            text = msgspec.json.encode({i: msgspec.Raw(encode(r)) for i, r in batch.items()})
        yield separator
        yield text[1:-1]
        separator = b",\n"
    yield b"{}" if separator == b"{" else b"}"


def _digest(meta: _Meta) -> hashlib.blake2b:
    saved_at = f",{meta.saved_at.isoformat()}" if meta.saved_at is not None else ""
    head = f"{meta.schema},{meta.generation}{saved_at}"
    return hashlib.blake2b(head.encode(), digest_size=16)
