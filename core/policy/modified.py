"""When the server says that the file last changed, if that can be true."""

from __future__ import annotations

from core.policy.dates import http_date

_EARLIEST = 86_400.0
_AHEAD = 86_400.0
"""Seconds that a server's clock may run before this machine's."""


def modified_at(last_modified: str | None, *, now: float) -> float | None:
    """Return the time in a Last-Modified field in seconds since the epoch, None for nonsense.

    `now` is in the same seconds. A field that is no date, lies in the future or in the first day of
    1970 (a clock or a build that has no time) says nothing about the file, and a file should not
    carry such a date (RFC 9110 section 8.8.2.1).
    """
    if (date := http_date(last_modified)) is None:
        return None
    seconds = date.timestamp()
    return seconds if _EARLIEST < seconds <= now + _AHEAD else None
