"""What winch has stored, told that it lies elsewhere by now: changed, with its seals made anew.

Only where a seal is right: what a power cut has damaged stays as damaged as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec

from core.adapters.state import journal, tables

Change = Callable[[bytes], bytes]


def reseal(path: Path, change: Change) -> None:
    """Change a file of the state directory: a document, its journal, or a resume record."""
    content = path.read_bytes()
    if ".journal" in path.name:
        path.write_bytes(_journal(content, change))
        return
    try:
        parts = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except msgspec.DecodeError:
        return
    if "record" in parts:
        path.write_bytes(_record(content, bytes(parts["record"]), change))
    elif "meta" in parts:
        path.write_bytes(_document(content, parts, change))
    else:
        path.write_bytes(change(content))


def _record(content: bytes, body: bytes, change: Change) -> bytes:
    changed, seal = change(body), hashlib.blake2b(body, digest_size=16).hexdigest().encode()
    if seal not in content:
        return content
    new = hashlib.blake2b(changed, digest_size=16).hexdigest().encode()
    return content.replace(body, changed).replace(seal, new)


def _document(content: bytes, parts: dict[str, msgspec.Raw], change: Change) -> bytes:
    head = msgspec.json.decode(parts.pop("meta"), type=tables.MetaTable[tables.Meta]).first
    before, after = tables.digest_of(head), tables.digest_of(head)
    for name, table in parts.items():
        start = b"," + msgspec.json.encode(name) + b":"
        before.update(start + bytes(table))
        after.update(start + change(bytes(table)))
    if before.hexdigest() != head.checksum:
        return content
    return change(content).replace(before.hexdigest().encode(), after.hexdigest().encode())


def _journal(content: bytes, change: Change) -> bytes:
    changed, position = b"", 0
    begins: dict[int, int] = {}
    for end, line in journal._lines(content, 0):
        if line is None:
            changed += content[position:end]
        else:
            # The first line of an append stands where the append says that it begins.
            begin = begins.setdefault(line.at, len(changed) + line.at - position)
            record = msgspec.Raw(change(bytes(line.record)))
            changed += journal._encoded(journal._head(line), begin, line.table, line.id, record)
        position = end
    return changed
