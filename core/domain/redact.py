"""Take secrets out of what is logged or shown: userinfo, signatures, tokens, authorization."""

from __future__ import annotations

import re
from urllib.parse import urlsplit, urlunsplit

_TELLTALE = r"token|secret|sig|pass|key|auth|jwt|hmac|md5|credential|session|code|policy"
_SECRET_PARAMETER = re.compile(rf"(?i)(^|[&;])([^&;=]*(?:{_TELLTALE})[^&;=]*)=[^&;]*")
_USERINFO = re.compile(r"(?i)((?:[a-z][a-z0-9+.-]*:|%3a)?(?://|%2f%2f))[^/@?#&\\s]*@")


_ADDRESSES = frozenset({"location", "content-location", "refresh"})
_SECRET_FIELD = re.compile(r"(?i)cookie|auth|token|secret|sig|key|pass|session|credential|jwt|csrf")
_SECRET_PART = re.compile(rf"(?i)([\w-]*(?:{_TELLTALE})[\w-]*=)[^\s;,&\"<>]+")
_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://[^\s'\"<>]+")


def redact_header(name: str, value: str) -> str:
    """Return the value of a header field that may be shown, `…` where the field is a secret."""
    if _SECRET_FIELD.search(name):
        return "…"
    if name.lower() in _ADDRESSES:
        value = redact_url(value)
    value = _URL.sub(lambda found: redact_url(found[0]), value)
    return _SECRET_PART.sub(r"\1…", value)


def redact_url(url: str) -> str:
    """Return a URL that may be shown: no userinfo, no fragment, no signature or token in its query.

    Rather one parameter too many than one too few: what is shown is for the eye, the real address
    stays where it is needed. Text that does not parse as a URL loses everything up to its last `@`.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.rpartition("@")[2]
    netloc = parts.netloc.rpartition("@")[2]
    query = _USERINFO.sub(r"\1", _SECRET_PARAMETER.sub(r"\1\2=…", parts.query))
    return urlunsplit((parts.scheme, netloc, _USERINFO.sub(r"\1", parts.path), query, ""))
