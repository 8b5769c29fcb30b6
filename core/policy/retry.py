"""Whether a failed download is tried again, and when.

Exponential with full jitter, so that a thousand clients of one server that came back do not meet
again; a Retry-After of the server goes before, capped, because a server may ask for a year.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from core.domain.errors import HttpStatusError, WinchError
from core.domain.models import Download
from core.domain.settings import RetrySettings

REFILL = 1024 * 1024
"""Bytes that make good one failure."""


@dataclass(frozen=True, slots=True)
class RetryAfter:
    """Try again in so many seconds; `asked` tells that the server wants it so."""

    seconds: float
    asked: bool = False

    @property
    def when(self) -> str:
        """The same in words."""
        when = f"in {self.seconds:.0f} s" if self.seconds >= 1 else "at once"
        return f"{when}, as the server asks" if self.asked else when


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
            wait = min(error.retry_after, settings.retry_after_cap)
            return RetryAfter(wait, asked=wait == error.retry_after)
        ceiling = min(settings.cap, settings.base * 2.0 ** min(failures - 1, 32))
        return RetryAfter(ceiling * jitter)


class Retries:
    """The policy for all downloads, with a budget for each."""

    def __init__(self, settings: RetrySettings) -> None:
        self.configure(settings)
        self._budgets: dict[str, RetryBudget] = {}

    def configure(self, settings: RetrySettings) -> None:
        """Let other rules hold."""
        self._policy = RetryPolicy(settings)

    def forget(self, id: str) -> None:  # noqa: A002
        """Give a download a clean record."""
        self._budgets.pop(id, None)

    def decide(
        self, download: Download, error: WinchError, *, done: int, jitter: float
    ) -> RetryAfter | GiveUp:
        """Return what to do after a failure with `done` bytes there; see `RetryPolicy.decide`."""
        budget = self._budgets.setdefault(download.id, RetryBudget())
        weighing = budget.failed(done, download.total_bytes)
        retries = download.request.retries
        return self._policy.decide(error, weighing, retries=retries, jitter=jitter)


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
