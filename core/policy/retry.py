"""Whether a failed download is tried again, and when.

Exponential with full jitter, so that a thousand clients of one server that came back do not meet
again; a Retry-After of the server goes before, capped, because a server may ask for a year.
"""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from core.domain.errors import HttpStatusError, WinchError
from core.domain.settings import RetrySettings


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try again by yourself."""


class RetryPolicy:
    """Decides by the cause of an error and the number of failures in a row."""

    def __init__(self, settings: RetrySettings) -> None:
        self._settings = settings

    def decide(
        self, error: WinchError, failures: int, *, retries: int | None, jitter: float
    ) -> RetryAfter | GiveUp:
        """Return what to do after the `failures`-th failure in a row (1 is the first).

        A failure after bytes had arrived starts the row anew. `retries` None takes the setting;
        `jitter` is a random number from 0 up to 1.
        """
        settings = self._settings
        if not error.retryable or failures > (settings.attempts if retries is None else retries):
            return GiveUp()
        if isinstance(error, HttpStatusError) and error.retry_after is not None:
            return RetryAfter(min(error.retry_after, settings.retry_after_cap))
        ceiling = min(settings.cap, settings.base * 2.0 ** min(failures - 1, 32))
        return RetryAfter(ceiling * jitter)


def parse_retry_after(field: str | None, now: float) -> float | None:
    """Return the wait in seconds that a Retry-After asks for; both forms (RFC 9110 section 10.2.3).

    A date in the past is 0, nonsense is None. `now` is the wall time in seconds since the epoch.
    """
    if field is None:
        return None
    field = field.strip()
    if field.isascii() and field.isdigit():
        return float(field[:12])
    try:
        return max(0.0, parsedate_to_datetime(field).timestamp() - now)
    except (ValueError, TypeError, OverflowError):
        return None
