"""What the dates in header fields say (RFC 9110 section 5.6.7), and which of them can be true."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

_LONGEST = 64
"""Characters of a field that may be a date."""
_EARLIEST = 86_400.0
"""Seconds since the epoch before which a clock or a build had no time."""
_AHEAD = 86_400.0
"""Seconds that a server's clock may run before this machine's."""


# Many files were last changed at one time, and mail's parser is slow.
@lru_cache(maxsize=128)
def http_date(field: str | None) -> datetime | None:
    """Return the time that a field names, None for nonsense.

    A date without a zone is in UTC: HTTP knows no other. All forms that mail knows are taken.
    """
    if field is None or len(field) > _LONGEST:
        return None
    try:
        date = parsedate_to_datetime(field)
        date = date if date.tzinfo else date.replace(tzinfo=UTC)
        date.timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return date


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


def parse_retry_after(field: str | None, now: float) -> float | None:
    """Return the wait in seconds that a Retry-After asks for; both forms (RFC 9110 section 10.2.3).

    A date in the past is 0, nonsense is None. `now` is the wall time in seconds since the epoch.
    """
    if field is None:
        return None
    field = field.strip()
    if field.isascii() and field.isdigit():
        return float(field[:12])
    date = http_date(field)
    return None if date is None else max(0.0, date.timestamp() - now)
