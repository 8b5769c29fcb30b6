"""Dates in header fields (RFC 9110 section 5.6.7)."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_LONGEST = 64


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
