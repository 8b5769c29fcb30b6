"""Tables of records as the text of a TinyDB database, with a checksum over all of it.

In the file every table that a `Format` numbers has TinyDB's integer ids, 1 to n, and each of its
records its own `id` inside. A line has some records, or the begin or the end of a table:

    {
    "downloads":{
    "1":{"id":"0f3c…",…},"2":…,
    "257":…
    },
    "commits":{},
    "meta":{"1":{"schema":3,"generation":12,"checksum":"6bf1…","saved_at":"2026-03-01T12:00:00Z"}}}

The table `meta` comes last, since it holds the checksum of the rest: that is encoded while it is
written, and decoded while it is read (`reading.py`), so that a long list never stands in memory as
text.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

import msgspec

from core.adapters.state.journal import META
from core.adapters.state.records import Migration, encode
from core.domain.value import Value, field

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

    def __post_init__(self) -> None:
        # Before there is a thread that reads (see resume_data.py).
        for kind in self.tables.values():
            msgspec.json.Decoder(kind)

    @property
    def schema(self) -> int:
        """The version that is written; older ones are migrated, newer ones refused."""
        return 1 + len(self.migrations)

    def empty(self) -> Tables:
        """Return its tables without a record."""
        return {name: {} for name in self.tables}


class Version(msgspec.Struct):
    """What `meta` says in every schema."""

    schema: Annotated[int, msgspec.Meta(ge=1)]


class Meta(Version, omit_defaults=True):
    """What `meta` says, the time of the last change in it as far as somebody wrote that down."""

    generation: int
    checksum: str
    saved_at: datetime | None = None


M = TypeVar("M")


class MetaTable(msgspec.Struct, Generic[M]):
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
        self._meta = Meta(
            schema=layout.schema, generation=generation, checksum="", saved_at=saved_at
        )
        self.size = 0

    def __iter__(self) -> Iterator[bytes]:
        """Yield the chunks."""
        self.size = 0
        digest = digest_of(self._meta)
        yield self._counted(b"{\n")
        for name, table in self._tables.items():
            ids = map(str, itertools.count(1)) if name in self._format.numbered else table.keys()
            records = zip(ids, table.values(), strict=False)
            digest.update(b",")
            for chunk in itertools.chain([msgspec.json.encode(name), b":"], _encoded(records)):
                digest.update(chunk)
                yield self._counted(chunk)
            yield self._counted(b",\n")
        sealed = msgspec.structs.replace(self._meta, checksum=digest.hexdigest())
        end = msgspec.json.encode(MetaTable(first=sealed))
        yield self._counted(b'"%b":%b}\n' % (META.encode(), end))

    def _counted(self, chunk: bytes) -> bytes:
        self.size += len(chunk)
        return chunk


def _encoded(records: Iterator[tuple[str, Any]]) -> Iterator[bytes]:
    separator = b"{\n"
    while batch := dict(itertools.islice(records, _BATCH)):
        try:
            text = msgspec.json.encode(batch)
        except ValueError:  # text of one that is no Unicode
            text = msgspec.json.encode({i: msgspec.Raw(encode(r)) for i, r in batch.items()})
        yield separator
        yield text[1:-1]
        separator = b",\n"
    yield b"{}" if separator == b"{\n" else b"\n}"


def digest_of(meta: Meta) -> hashlib.blake2b:
    """Return the begin of a checksum: what `meta` itself says is under it too."""
    saved_at = f",{meta.saved_at.isoformat()}" if meta.saved_at is not None else ""
    head = f"{meta.schema},{meta.generation}{saved_at}"
    return hashlib.blake2b(head.encode(), digest_size=16)
