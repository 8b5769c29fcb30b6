"""The server a URL names: with its port, as limits count it, and without, as people sort by it.

Of an object store it is the bucket. By urlsplit only where a URL is not plain: it takes too long
for every one of very many downloads.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import urlsplit

# What nearly every URL looks like; the standard library judges the rest.
_PLAIN = re.compile(r"(?a)(?:https?|s3|gs|az)://(?:[\w.~%:@-]*@)??([\w.:-]++)(?:[/?#]|\Z)")
_HOST = re.compile(r"(?:[^?#]*@)?(\[[^\]?#]*\]|[^:?#]*)")


def site_of(url: str) -> str:
    """Return host and port as they stand in the URL, in small letters and without login.

    Empty where there is none, or none that can be meant.
    """
    if (plain := _PLAIN.match(url)) is not None:
        return plain[1].lower()
    try:
        return urlsplit(url).netloc.rpartition("@")[2].lower()
    except ValueError:
        return ""


def host_of(url: str) -> str:
    """Return the host in small letters, without login and port; empty where there is none."""
    parts = url.split("/", 3)
    return _host(parts[2]) if len(parts) > 2 and not parts[1] else ""


# A queue has few hosts: they are looked up, and their rows share one string.
@lru_cache(maxsize=4096)
def _host(authority: str) -> str:
    match = _HOST.match(authority)
    return match[1].strip("[]").lower() if match else ""
