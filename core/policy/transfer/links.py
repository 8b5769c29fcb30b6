"""Where else a file is, as the head of an answer says: mirrors, and a document about it (RFC 6249).

`Link: <URL>; rel=duplicate; pri=1; geo=de` names a mirror, `rel=describedby` a Metalink document.
A field that cannot be read says nothing from there on (RFC 8288 leaves open what it would mean).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urljoin, urlsplit

from core.domain.bounds import MAX_URL, number
from core.domain.checks import check_url
from core.domain.errors import UsageError
from core.policy.transfer.redirects import is_same_origin

MOST_MIRRORS = 16
"""Mirrors that are taken from one answer, the preferred ones."""
MEDIA_TYPES = frozenset({"application/metalink4+xml", "application/metalink+xml"})

_LONGEST = 64 * 1024
_MOST_LINKS = 200
_LAST = 1_000_000
"""The priority of a mirror that has none: behind all that have (RFC 6249 section 3.1)."""

_TARGET = re.compile(r"[ \t,]*+<([^<>]*)>[ \t]*+")
_PARAMETER = re.compile(
    r";[ \t]*+(?:([!#$%&'*+.^_`|~0-9A-Za-z-]++)[ \t]*+"
    r"(?:=[ \t]*+(?:\"((?:[^\"\\]|\\.)*+)\"|([^ \t;,\"]*+)))?+)?+[ \t]*+"
)
_QUOTED_PAIR = re.compile(r"\\(.)")


def links(field: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Yield the targets of a Link field with their parameters (RFC 8288 section 3).

    Names are in lower case; of a parameter that is there twice the first one counts.
    """
    field, at = field[:_LONGEST], 0
    for _ in range(_MOST_LINKS):
        if (target := _TARGET.match(field, at)) is None:
            return
        at = target.end()
        parameters: dict[str, str] = {}
        while (match := _PARAMETER.match(field, at)) is not None:
            at = match.end()
            if match[1] is not None:
                value = match[3] if match[2] is None else _QUOTED_PAIR.sub(r"\1", match[2])
                parameters.setdefault(match[1].lower(), value or "")
        if at < len(field) and field[at] != ",":
            return
        yield target[1], parameters


def duplicates(field: str, url: str) -> list[str]:
    """Return the mirrors that an answer of `url` names, the preferred ones first.

    Only what may be asked without being told by a person: http and https, no login in the address,
    and no way from https to http, where everybody could see what is fetched.
    """
    found: list[tuple[int, str]] = []
    for target, parameters in links(field):
        if "duplicate" not in parameters.get("rel", "").lower().split():
            continue
        priority = number(parameters.get("pri", ""))
        if (mirror := _usable(target, url)) is not None and mirror != url:
            found.append((_LAST if priority is None else priority, mirror))
    found.sort(key=lambda each: each[0])
    return list(dict.fromkeys(mirror for _, mirror in found))[:MOST_MIRRORS]


def description(field: str, url: str) -> str | None:
    """Return where a Metalink document about the file is, None where an answer names none.

    Only one of the same origin or over https: what it says is believed.
    """
    for target, parameters in links(field):
        if "describedby" not in parameters.get("rel", "").lower().split():
            continue
        if parameters.get("type", "").strip().lower() not in MEDIA_TYPES:
            continue
        found = _usable(target, url)
        if found is not None and (found.startswith("https://") or is_same_origin(found, url)):
            return found
    return None


def _usable(target: str, url: str) -> str | None:
    """Return an address in full, None for one that is not asked."""
    if len(target) > MAX_URL:
        return None
    try:
        found = urljoin(url, target.strip()).partition("#")[0]
        check_url(found)
        parts, asked = urlsplit(found), urlsplit(url)
    except (ValueError, UsageError):
        return None
    if parts.scheme not in ("http", "https") or "@" in parts.netloc:
        return None
    return None if asked.scheme == "https" and parts.scheme == "http" else found
