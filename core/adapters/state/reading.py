"""A generation read from its file: line by line, as it was written, so that it never is all text.

What an older winch wrote, in one line, is read as a whole and brought to the schema of today.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from os import SEEK_END
from types import GenericAlias
from typing import Any, BinaryIO

import msgspec

from core.adapters.state.journal import META, Change, Head
from core.adapters.state.records import encode, migrate
from core.adapters.state.tables import (
    DamagedError,
    Format,
    Meta,
    MetaTable,
    NewerError,
    Tables,
    Version,
    digest_of,
)
from core.domain.garbage import making_lasting

log = logging.getLogger(__name__)

_LONGEST_META = 4096  # bytes, by far
# Made before there is a thread that reads (see resume_data.py).
_READ_META = msgspec.json.Decoder(MetaTable[Meta])
_READ_VERSION = msgspec.json.Decoder(MetaTable[Version])


@dataclass(slots=True, kw_only=True)
class Generation:
    """What a generation holds, and the schema in which it was written.

    `is_current` tells that this is today's, and that it is written as this winch does.
    """

    number: int
    saved_at: datetime | None
    tables: Tables
    size: int
    schema: int
    is_current: bool


def read(layout: Format, file: BinaryIO, changes: Callable[[Head], Iterable[Change]]) -> Generation:
    """Return what a file holds.

    `changes` returns what was changed since a generation in its own schema, for an older one: that
    has to be done before it is brought to today's. Raises DamagedError, NewerError, OSError.
    """
    size = file.seek(0, SEEK_END)
    try:
        with making_lasting():
            if (meta := _meta_at_the_end(file, size)) is None or meta.schema != layout.schema:
                file.seek(0)
                return _parse(layout, file.read(), changes)
            file.seek(0)
            tables = _read_lines(layout, meta, file)
    except LookupError as error:
        raise DamagedError(f"is another program's: it has no {error}") from error
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedError(f"cannot be parsed ({error})") from error
    return Generation(
        number=meta.generation,
        saved_at=meta.saved_at,
        tables=tables,
        size=size,
        schema=meta.schema,
        is_current=True,
    )


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


def _meta_at_the_end(file: BinaryIO, size: int) -> Meta | None:
    """Return what the last line says, None where it is not one of this winch's."""
    file.seek(max(0, size - _LONGEST_META))
    before, _, line = file.read().rpartition(b'\n"meta":')
    try:
        return _READ_META.decode(line.rstrip()[:-1]).first if before else None
    except msgspec.MsgspecError:
        return None


def _read_lines(layout: Format, meta: Meta, file: BinaryIO) -> Tables:
    tables, digest = layout.empty(), digest_of(meta)
    lines = iter(file)
    if next(lines) != b"{\n":
        raise DamagedError("cannot be parsed (it does not begin as it ends)")
    for line in lines:
        name = msgspec.json.decode(line[: line.index(b":")], type=str)
        if name == META:
            break
        if line.endswith(b"{},\n"):
            digest.update(b"," + line[:-2])
            continue
        digest.update(b"," + line)
        tables[name].update(_records(layout, name, lines, digest))
    if digest.hexdigest() != meta.checksum:
        raise DamagedError("does not match its checksum")
    return tables


def _records(
    layout: Format, name: str, lines: Iterator[bytes], digest: hashlib.blake2b
) -> Iterator[tuple[str, Any]]:
    # Some at once: a call for all of them would keep every other thread waiting for so long.
    decoder = msgspec.json.Decoder(GenericAlias(dict, (str, layout.tables[name])))
    share = layout.sharing.get(name, lambda: _as_it_is)()
    for line in lines:
        if line.startswith(b"}"):
            digest.update(b"}")
            return
        digest.update(line)
        for id_, found in decoder.decode(b"{" + line.rstrip(b",\n") + b"}").items():
            record = share(found)
            yield (record.id if name in layout.numbered else id_), record


def _as_it_is(record: Any) -> Any:
    return record


def _parse(layout: Format, text: bytes, changes: Callable[[Head], Iterable[Change]]) -> Generation:
    """Read a text of another schema, or one that no winch of this schema has written."""
    raw = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    head = raw[META]
    schema = _READ_VERSION.decode(head).first.schema
    if schema > layout.schema:
        raise NewerError(schema)
    meta = _READ_META.decode(head).first
    del raw[META]
    if schema in layout.covered:
        body = bytes(raw[layout.covered[schema]])
        checksum = hashlib.blake2b(body, digest_size=16).hexdigest()
    else:
        digest = digest_of(meta)
        for name, table in raw.items():
            for chunk in (b",", msgspec.json.encode(name), b":", table):
                digest.update(chunk)
        checksum = digest.hexdigest()
    if checksum != meta.checksum:
        raise DamagedError("does not match its checksum")
    if schema < layout.schema:
        log.info("the %s is of schema %d, now %d", layout.title, schema, layout.schema)
    document = _changed(layout, msgspec.json.decode(text), changes(Head(schema, meta.generation)))
    document = migrate(document, schema, layout.migrations)
    tables = layout.empty()
    for name, kind in layout.tables.items():
        decoder = msgspec.json.Decoder(kind)
        for id_, record in document[name].items():
            tables[name][id_] = decoder.decode(encode(record))
    return Generation(
        number=meta.generation,
        saved_at=msgspec.convert(document[META]["1"].get("saved_at"), datetime | None),
        tables=tables,
        size=len(text),
        schema=schema,
        is_current=False,
    )


def _changed(
    layout: Format, document: dict[str, dict[str, Any]], changes: Iterable[Change]
) -> dict[str, dict[str, Any]]:
    """Return a document by the ids of its records, after changes."""
    for name in layout.numbered & document.keys():
        document[name] = {record["id"]: record for record in document[name].values()}
    for name, id_, text in changes:
        if text is None:
            document[name].pop(id_, None)
        else:
            document[name][id_] = msgspec.json.decode(text)
    return document
