"""A message as pieces of one line, each made only when it is sent.

The answer about a hundred thousand downloads is a line of 60 MB, and the client that asked for it
may take an hour to read it, or never read it. Until then it costs one piece.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from core.domain.text import mended

PIECE = 64 * 1024
"""Bytes of a piece, about."""
_FEW = 100
"""Items of a list that are not worth a look at each of them."""

_encoder = msgspec.json.Encoder()


def line_of(**fields: object) -> Iterator[bytes]:
    """Give the pieces of a line with an object of these fields, newline included.

    Text that is not valid Unicode is made valid: one record that cannot be sent as it is must not
    take the list of all the others away.
    """
    buffer = bytearray()
    for _ in _object(fields.items(), buffer):
        if len(buffer) >= PIECE:
            yield bytes(buffer)
            buffer.clear()
    buffer += b"\n"
    yield bytes(buffer)


def weight_of(result: object) -> int:
    """Return about how many items are held by whoever has yet to send this."""
    if isinstance(result, str) or not isinstance(result, Sequence | Mapping | msgspec.Struct):
        return 0
    if isinstance(result, Sequence | Mapping):
        return len(result)
    values = (getattr(result, name) for name in result.__struct_fields__)
    return sum(len(v) for v in values if isinstance(v, list | tuple | Mapping))


def _object(items: Iterable[tuple[str, object]], buffer: bytearray) -> Iterator[None]:
    """Write an object; gives control whenever the buffer may be handed on."""
    mark = b"{"
    for name, value in items:
        buffer += mark
        _put(name, buffer)
        buffer += b":"
        yield from _value(value, buffer)
        mark = b","
        yield
    buffer += b"}" if mark == b"," else b"{}"


def _list(items: Iterable[object], buffer: bytearray) -> Iterator[None]:
    mark = b"["
    for item in items:
        buffer += mark
        _put(item, buffer)
        mark = b","
        yield
    buffer += b"]" if mark == b"," else b"[]"


def _value(value: object, buffer: bytearray) -> Iterator[None]:
    if isinstance(value, msgspec.Struct) and _is_plain(value):
        fields = [(name, getattr(value, name)) for name in value.__struct_fields__]
        if any(_is_long(field) for _, field in fields):
            yield from _object(fields, buffer)
            return
    elif _is_long(value):
        if isinstance(value, Mapping):
            yield from _object(value.items(), buffer)
            return
        if isinstance(value, Sequence):
            yield from _list(value, buffer)
            return
    _put(value, buffer)


def _is_long(value: object) -> bool:
    """Tell whether a value is to be sent item by item: it is long, or makes them as they go."""
    if isinstance(value, list | tuple | dict):
        return len(value) > _FEW
    return isinstance(value, Sequence | Mapping) and not isinstance(value, str | bytes)


def _is_plain(value: msgspec.Struct) -> bool:
    """Tell whether a value is written as an object of all its fields by their names."""
    config = value.__struct_config__
    special = config.array_like or config.omit_defaults or config.tag is not None
    return not special and value.__struct_encode_fields__ == value.__struct_fields__


def _put(value: object, buffer: bytearray) -> None:
    before = len(buffer)
    try:
        _encoder.encode_into(value, buffer, -1)
    except ValueError:
        del buffer[before:]
        _encoder.encode_into(mended(value), buffer, -1)
