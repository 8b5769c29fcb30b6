"""Take secrets out of what is logged or shown: userinfo, signatures, tokens, authorization.

Whoever answers decides what stands in the text, so everything here takes time in proportion to its
length and looks at no more than is shown of it. Rather one word too many than one too few: what is
shown is for the eye, the real address stays where it is needed.
"""

from __future__ import annotations

import re
from urllib.parse import SplitResult, urlsplit, urlunsplit

from core.domain.bounds import MAX_SHOWN, MAX_URL
from core.domain.stores import is_store, redact_store

_TELLTALE = re.compile(
    r"(?i)token|secret|sig|pass|key|auth|jwt|hmac|md5|credential|session|code|policy"
)
_SECRET_FIELD = re.compile(r"(?i)cookie|auth|token|secret|sig|key|pass|session|credential|jwt|csrf")
_ADDRESSES = frozenset({"location", "content-location", "refresh"})

# No pattern here can begin again inside of what it has just looked through.
_PARAMETERS = re.compile(r"([&;])")
_NAME = re.compile(r"(?<![\w-])([\w-]++)=")
_VALUE = re.compile(r"[^\s;,&\"<>]+")
_WORDS = re.compile(r"([\s'\"<>]+)")
_SCHEME = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-"
_PLACES = re.compile(r"(?i)((?:/|%2f){2,}|[/?#&\\\s])")
_AUTHORITY = re.compile(r"(?i)(?:/|%2f){2,}")
_AT = re.compile(r"(?i)@|%40")
_END = re.compile(r"[/?#&;,\s]")


def redact_header(name: str, value: str) -> str:
    """Return the value of a header field that may be shown, `…` where the field is a secret.

    A long value is cut.
    """
    if _SECRET_FIELD.search(name):
        return "…"
    value = _cut(value, MAX_SHOWN)
    if name.lower() in _ADDRESSES:
        value = redact_url(value)
    return _without_assignments(redact_text(value))


def redact_text(text: str) -> str:
    """Return a text that may be shown: every URL in it without its secrets."""
    if "://" not in text:
        return text
    return "".join(_without_secrets(word) if "://" in word else word for word in _WORDS.split(text))


# Most addresses hold nothing: no userinfo, parameters or fragment.
_NOTHING_TO_HIDE = re.compile(r"https?://[^\s/@?#;\x00-\x20]+/[^\s@?#;\x00-\x20]*")


def redact_url(url: str) -> str:
    """Return a URL that may be shown: no userinfo, no fragment, no signature or token in its query.

    Text that does not parse as a URL loses everything up to its last `@`; one that is longer than
    URLs can be is cut.
    """
    url = _cut(url, MAX_URL)
    if _NOTHING_TO_HIDE.fullmatch(url):
        return url
    if is_store(url):
        return redact_store(url)
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.rpartition("@")[2]
    pieces = _PARAMETERS.split(parts.query)
    query = _without_userinfo("".join(map(_parameter, pieces)))
    netloc = parts.netloc.rpartition("@")[2]
    path = _without_userinfo(parts.path)
    return urlunsplit(SplitResult(parts.scheme, netloc, path, query, ""))


def _parameter(piece: str) -> str:
    name, equals, _ = piece.partition("=")
    return f"{name}=…" if equals and _TELLTALE.search(name) else piece


def _without_userinfo(text: str) -> str:
    """Return a path or a query in which other addresses may stand, encoded or not."""
    if _AT.search(text) is None:
        return text
    pieces = _PLACES.split(text)
    for index in range(2, len(pieces), 2):
        if _AUTHORITY.fullmatch(pieces[index - 1]):
            *logins, host = _AT.split(pieces[index])
            # `token=a@b` is no login, and `b` belongs to the token, as may what follows.
            names = [name for login in logins for name in _NAME.findall(login)]
            telling = next(filter(_TELLTALE.search, names), None)
            pieces[index] = host if telling is None else f"{telling}=…"
    return "".join(pieces)


def _without_secrets(word: str) -> str:
    """Return a word that holds a URL, with what stands around it."""
    start = 0
    while (at := word.find("://", start)) >= 0:
        head = word[start:at]
        scheme = head[len(head.rstrip(_SCHEME)) :].lstrip("0123456789+.-")
        if scheme:
            begin = at - len(scheme)
            return word[:begin] + redact_url(word[begin:])
        start = at + 3
    return word


def _without_assignments(text: str) -> str:
    """Return a text without the values of `token=…` and its like."""
    kept: list[str] = []
    done = 0
    for match in _NAME.finditer(text):
        if match.start() < done or _TELLTALE.search(match[1]) is None:
            continue
        if (value := _VALUE.match(text, match.end())) is not None:
            kept += (text[done : match.end()], "…")
            done = value.end()
    return "".join((*kept, text[done:]))


def _cut(text: str, most: int) -> str:
    """Return a text that is not longer, with no half of a word at its end: it may be a secret's."""
    if len(text) <= most:
        return text
    ends = [match.end() for match in _END.finditer(text, 0, most)]
    return text[: ends[-1] if ends else 0] + "…"
