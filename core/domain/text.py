"""Text from outside made valid: what cannot be encoded can be neither stored, sent nor shown.

Python reads bytes that are no UTF-8 from the system (file names, arguments, the environment) into
lone surrogates (PEP 383), and the HTTP library does the same with header fields. No JSON holds such
text, so it ends where it comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.domain.value import Value, field_names, replace

_LARGEST = 2**63 - 1


def valid(text: str) -> str:
    """Return text that can be encoded: as UTF-8 where its bytes are, else as Latin-1.

    That is what browsers make of a header field. A surrogate that stands for no byte becomes
    U+FFFD.
    """
    if _encodes(text):
        return text
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return raw.decode("latin-1")


def octets_of(text: str) -> str:
    """Return a text whose characters are the bytes that `text` came from, one by one.

    It is for what has to go back as it came, such as a validator: valid text, and no byte of it is
    forgotten. `from_octets` is its inverse.
    """
    return text if text.isascii() else text.encode("utf-8", "surrogateescape").decode("latin-1")


def from_octets(text: str) -> str:
    """Return the text that stands for these bytes where it is sent: UTF-8 with surrogates.

    What holds characters beyond Latin-1 was stored by an older winch, and as itself.
    """
    try:
        return text.encode("latin-1").decode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text


def mended(value: Any) -> Any:
    """Return a value that can be encoded: text made valid, a number beyond 64 bits the largest.

    It goes through values, mappings, lists and tuples, and is the same where nothing had to be
    done.
    """
    if isinstance(value, str):
        return value if _encodes(value) else valid(value)
    if isinstance(value, int):
        return value if -_LARGEST <= value <= _LARGEST else _LARGEST
    if isinstance(value, Mapping):
        pairs = {mended(key): mended(item) for key, item in value.items()}
        is_same = len(pairs) == len(value) and all(
            key in value and value[key] is item for key, item in pairs.items()
        )
        return value if is_same else pairs
    if isinstance(value, list | tuple):
        items = [mended(item) for item in value]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        return type(value)(items)
    if isinstance(value, Value):
        changed = {}
        for name in field_names(value):
            old = getattr(value, name)
            if (new := mended(old)) is not old:
                changed[name] = new
        return replace(value, **changed) if changed else value
    return value


def _encodes(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
