"""Whether a failed download is tried again, and when.

Exponential with full jitter, so that a thousand clients of one server that came back do not meet
again; a Retry-After of the server goes before, capped, because a server may ask for a year.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from core.domain.errors import HttpStatusError, WinchError
from core.domain.settings import RetrySettings

REFILL = 1024 * 1024
"""Bytes that make good one failure."""


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Do not try again by yourself."""


class RetryBudget:
    """The failures of one download, weighed against what arrived between them.

    Every `REFILL` bytes, or every hundredth of the file where that is less, makes good one failure.
    So a bad line comes to its end, and a server that cuts after every byte is given up.
    """

    def __init__(self) -> None:
        self._spent = 0.0
        self._most = 0

    def failed(self, done: int, total: int | None) -> int:
        """Take in a failure and return how many weigh now, at least 1.

        `done` is what is there of `total` bytes. What had been there before and is fetched anew
        makes nothing good.
        """
        each = REFILL if total is None else max(1, min(REFILL, total // 100))
        gained = max(0, done - self._most)
        self._most += gained
        self._spent = max(0.0, self._spent - gained / each) + 1
        return math.ceil(self._spent)


class RetryPolicy:
    """Decides by the cause of an error and the failures that weigh in the budget."""

    def __init__(self, settings: RetrySettings) -> None:
        self._settings = settings

    def decide(
        self, error: WinchError, failures: int, *, retries: int | None, jitter: float
    ) -> RetryAfter | GiveUp:
        """Return what to do after a failure, with `failures` of them weighing (1: the first).

        `retries` None takes the setting; `jitter` is a random number from 0 up to 1.
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
