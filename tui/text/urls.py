"""The part of a URL by which the list is searched and sorted."""

from __future__ import annotations

import re
from functools import lru_cache

_SITE = re.compile(r"(?:[^?#]*@)?([^?#]*)")
_HOST = re.compile(r"(?:[^?#]*@)?(\[[^\]?#]*\]|[^:?#]*)")


def host_of(url: str) -> str:
    """Return the host in small letters, without login and port; empty where there is none.

    Not by urlsplit, which takes too long for every row of a long queue.
    """
    return _host(_authority(url))


def site_of(url: str) -> str:
    """Return host and port as they stand in the URL, in small letters and without login."""
    return _site(_authority(url))


def _authority(url: str) -> str:
    parts = url.split("/", 3)
    return parts[2] if len(parts) > 2 and not parts[1] else ""


# A queue has few hosts: they are looked up, and their rows share one string.
@lru_cache(maxsize=4096)
def _host(authority: str) -> str:
    match = _HOST.match(authority)
    return match[1].strip("[]").lower() if match else ""


@lru_cache(maxsize=4096)
def _site(authority: str) -> str:
    match = _SITE.match(authority)
    return match[1].lower() if match else ""
