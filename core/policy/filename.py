"""What to call a file: the server's or the URL's suggestion made safe, and a free name beside it.

A name from outside is hostile until shown otherwise: it may climb out of the directory, hide its
extension, start an option or be too long to store.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, unquote_to_bytes, urlsplit

FALLBACK = "download"
LIMIT = 240
"""Bytes of a name, so that ` (999)` and `.part` still fit into the usual 255."""

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?")
_EXTENDED = re.compile(r"""(?i)(?:^|;)\s*filename\*\s*=\s*"?([\w-]+)'[^']*'([^;"]+)""")
_PLAIN = re.compile(r"""(?i)(?:^|;)\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))""")
_EXTENSION = re.compile(r"(?:\.tar)?\.[A-Za-z0-9_+-]{1,16}$")


def suggest(*, disposition: str | None, url: str) -> str:
    """Return a safe name from Content-Disposition, else from the URL's last path segment.

    filename* goes before filename (RFC 6266 section 4.3, RFC 8187).
    """
    named = _from_disposition(disposition) if disposition else None
    if named is None or safe_name(named) == FALLBACK:
        named = unquote(urlsplit(url).path)
    name = safe_name(named)
    # In a home directory `.profile` is a program that runs at the next login.
    return "_" + name if name.startswith(".") else name


def safe_name(text: str) -> str:
    """Return the last path segment of `text` as a name that is safe to create and to type."""
    name = text.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = name.encode("utf-8", "replace").decode("utf-8", "replace")
    name = _UNSAFE.sub("", name).strip().rstrip(". ")
    if name[:1] in ("-", "~"):
        name = "_" + name
    if _RESERVED.fullmatch(name):
        name = "_" + name
    return _shorten(name) or FALLBACK


def alternatives(name: str) -> Iterator[str]:
    """Yield `name`, then `name (1)`, `name (2)`, …, each before its extension."""
    yield name
    match = _EXTENSION.search(name)
    stem, extension = (name[: match.start()], match[0]) if match and match.start() else (name, "")
    number = 0
    while True:
        number += 1
        yield f"{stem} ({number}){extension}"


def _from_disposition(field: str) -> str | None:
    if (match := _EXTENDED.search(field)) is not None:
        try:
            return unquote_to_bytes(match[2].strip()).decode(match[1])
        except (LookupError, UnicodeDecodeError):
            pass
    if (match := _PLAIN.search(field)) is None:
        return None
    if match[1] is not None:
        return re.sub(r"\\(.)", r"\1", match[1])
    return match[2]


def _shorten(name: str) -> str:
    if len(name.encode()) <= LIMIT:
        return name
    match = _EXTENSION.search(name)
    extension = match[0] if match else ""
    room = LIMIT - len(extension.encode())
    stem = name[: len(name) - len(extension)].encode()[:room].decode("utf-8", "ignore")
    return stem.rstrip(". ") + extension
