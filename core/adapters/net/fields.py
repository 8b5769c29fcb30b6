"""Header fields between bytes on the wire and text, none of them lost (RFC 9110 section 5).

The library drops or refuses bytes that are not UTF-8; a validator has to go back as it came.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from core.domain.text import octets_of, valid

_VALIDATORS: Final = frozenset({"etag", "last-modified"})
_FORBIDDEN: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def serialize(status_line: str, headers: Mapping[str, str]) -> bytes:
    """Return the head of a request, each surrogate of PEP 383 as the byte that it stands for.

    Raises ValueError for a control character.
    """
    lines = [status_line, *(f"{name}: {value}" for name, value in headers.items())]
    if _FORBIDDEN.search("".join(lines)):
        raise ValueError("a control character in a header")
    return "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")


def received(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the fields of an answer as valid text, names in lower case and repeats joined.

    Of validators each character is a byte (see `core.domain.text`).
    """
    fields: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        text = value
        # Nearly all of it is ASCII, and this is done for each small file.
        if not (key.isascii() and value.isascii()):
            key = valid(key)
            text = octets_of(value) if key in _VALIDATORS else valid(value)
        fields[key] = f"{fields[key]}, {text}" if key in fields else text
    return fields
