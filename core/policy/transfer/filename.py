"""What to call a file: the server's or the URL's suggestion made safe, and a free one beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from core.domain.bounds import MAX_URL
from core.domain.names import EXTENSION, FALLBACK, safe_name
from core.domain.stores import is_store, split_store
from core.domain.text import valid

_ENDINGS = {
    "gzip": (".gz", ".tgz", ".svgz", ".gzip"),
    "br": (".br",),
    "zstd": (".zst", ".tzst"),
    "deflate": (".deflate",),
    "compress": (".Z", ".taz"),
}
"""How names end that tell of a content coding; the first one is given to those that do not."""
_SAME = {"x-gzip": "gzip", "x-compress": "compress"}

_EXTENDED = re.compile(r"""(?i)(?:^|;)\s*filename\*\s*=\s*"?([\w-]+)'[^']*'([^;"]+)""")
_PLAIN = re.compile(r"""(?i)(?:^|;)\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))""")

_PLAIN_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?::\d{1,5})?(/[A-Za-z0-9._/+-]*)")

# Those of RFC 8187; Python knows a hundred more, some of which take their time or no text.
_CHARSETS = frozenset({"utf-8", "iso-8859-1"})


def suggest(*, disposition: str | None, url: str) -> str:
    """Return a safe name from Content-Disposition, else from the URL's last path segment.

    filename* goes before filename (RFC 6266 section 4.3, RFC 8187). What is percent-encoded and no
    UTF-8 is Latin-1.
    """
    named = _from_disposition(disposition[:MAX_URL]) if disposition else None
    if named is None or safe_name(named) == FALLBACK:
        # Asked of each of very many downloads, and most have nothing that is to be decoded.
        plain = _PLAIN_URL.fullmatch(url)
        named = plain[1] if plain else _path(url)
    name = safe_name(named)
    # In a home directory `.profile` is a program that runs at the next login.
    return "_" + name if name.startswith(".") else name


def coding_of(field: str) -> str | None:
    """Return the codings that a Content-Encoding names (RFC 9110 section 8.4), None for plain.

    What is no coding of the whole file is passed over: `identity`, `utf-8`, `aws-chunked`.
    """
    if not field:
        return None
    words = [word.strip().lower() for word in field[:200].split(",")]
    known = [_SAME.get(word, word) for word in words]
    return ", ".join(word for word in known if word in _ENDINGS) or None


def coded(name: str, coding: str | None) -> str:
    """Return a name that tells how the file's bytes are coded."""
    for word in coding.split(", ") if coding else ():
        endings = _ENDINGS.get(word, ())
        if endings and not name.lower().endswith(tuple(e.lower() for e in endings)):
            name = safe_name(name + endings[0])
    return name


def alternatives(name: str) -> Iterator[str]:
    """Yield `name`, then `name (1)`, `name (2)`, …, each before its extension."""
    yield name
    match = EXTENSION.search(name)
    stem, extension = (name[: match.start()], match[0]) if match and match.start() else (name, "")
    number = 0
    while True:
        number += 1
        yield f"{stem} ({number}){extension}"


def _path(url: str) -> str:
    if is_store(url):
        return split_store(url).key
    return valid(unquote(urlsplit(url).path, errors="surrogateescape"))


def _from_disposition(field: str) -> str | None:
    if (match := _EXTENDED.search(field)) is not None and match[1].lower() in _CHARSETS:
        with suppress(UnicodeDecodeError):
            return unquote_to_bytes(match[2].strip()).decode(match[1])
    if (match := _PLAIN.search(field)) is None:
        return None
    if match[1] is not None:
        return re.sub(r"\\(.)", r"\1", match[1])
    return match[2]
