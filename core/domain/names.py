"""File names that are safe to create and to type, whoever suggested them.

A name from outside is hostile until shown otherwise: it may climb out of the directory, hide its
extension, start an option or be too long to store.
"""

from __future__ import annotations

import re

FALLBACK = "download"
MAX_NAME_BYTES = 240
"""Bytes of a name, so that ` (999)` and `.part` still fit into the usual 255."""
EXTENSION = re.compile(r"(?:\.tar)?\.[A-Za-z0-9_+-]{1,16}$")

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?")


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


def is_unsafe(text: str) -> bool:
    """Tell whether a text holds controls, or characters that cannot be seen or turn others."""
    return _UNSAFE.search(text) is not None


def one_line(text: str) -> str:
    """Return a text with a space for each control, and for what cannot be seen or turns others."""
    return _UNSAFE.sub(" ", text)


def _shorten(name: str) -> str:
    if len(name.encode()) <= MAX_NAME_BYTES:
        return name
    match = EXTENSION.search(name)
    extension = match[0] if match else ""
    room = MAX_NAME_BYTES - len(extension.encode())
    stem = name[: len(name) - len(extension)].encode()[:room].decode("utf-8", "ignore")
    return stem.rstrip(". ") + extension
