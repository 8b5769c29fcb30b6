"""Whether a failed download is tried again, and when.

Exponential with full jitter, so that a thousand clients of one server that came back do not meet
again; a Retry-After of the server goes before, capped, because a server may ask for a year. Who
waits as the server asks uses up no attempt: that ends by its age, and asks the more rarely the
longer it takes.
"""

from __future__ import annotations

import math

from core.domain.errors import HttpStatusError, UnknownHostError, WinchError
from core.domain.models import Download
from core.domain.settings import RetrySettings
from core.domain.value import Value

REFILL_BYTES = 1024 * 1024
"""Bytes that make good one failure."""
SHORTEST_ORDER = 1.0
"""Seconds of a Retry-After from which on it says more than "again"."""
_RARER = 60
"""After an hour of waiting as the server asks, a minute is the least wait."""
UNKNOWN_FOR = 20.0
"""Seconds after which a host that nobody knows is given up: a name service may stumble."""


class RetryAfter(Value, frozen=True):
    """Try again in so many seconds; `asked` tells that the server wants it so."""

    seconds: float
    asked: bool = False

    @property
    def when(self) -> str:
        """The same in words."""
        when = f"in {self.seconds:.0f} s" if self.seconds >= 1 else "at once"
        return f"{when}, as the server asks" if self.asked else when


class GiveUp(Value, frozen=True):
    """Do not try again by yourself; `age` is since when the server has put it off, in seconds."""

    age: float | None = None


class RetryBudget:
    """The failures of one download, weighed against what arrived between them.

    Every `REFILL_BYTES`, or every hundredth of the file where that is less, makes good one failure.
    So a bad line comes to its end, and a server that cuts after every byte is given up. `since` is
    when the first failure was that no byte has come since, in seconds of the caller's clock.
    """

    def __init__(self, *, done: int = 0, since: float | None = None) -> None:
        self._spent = 0.0
        self._most = done
        self.since = since

    def record_failure(
        self, done: int, total: int | None, now: float = 0.0, *, weighs: bool = True
    ) -> int:
        """Take in a failure and return how many weigh now, at least 1 where this one does.

        `done` is what is there of `total` bytes. What had been there before and is fetched anew
        makes nothing good.
        """
        each = REFILL_BYTES if total is None else max(1, min(REFILL_BYTES, total // 100))
        gained = max(0, done - self._most)
        self._most += gained
        self._spent = max(0.0, self._spent - gained / each) + weighs
        if gained or self.since is None:
            self.since = now
        return math.ceil(self._spent)


def decide_retry(
    settings: RetrySettings,
    error: WinchError,
    failures: int,
    *,
    retries: int | None,
    jitter: float,
    age: float = 0.0,
    waits_for_host: bool = False,
) -> RetryAfter | GiveUp:
    """Return what to do after a failure, with `failures` of them weighing (1: the first).

    `retries` None takes the setting; `jitter` is a random number from 0 up to 1; `age` is how many
    seconds ago this row of failures began. A name that no host has is given up soon, unless the
    person `waits_for_host`.
    """
    if isinstance(error, UnknownHostError):
        if waits_for_host:
            return RetryAfter(min(settings.cap, 2.0 ** min(failures, 32)))
        if age >= UNKNOWN_FOR:
            return GiveUp()
    most = settings.attempts if retries is None else retries
    if not error.retryable or most == 0:
        return GiveUp()
    if (asked := ordered_wait(error)) is not None:
        limit = settings.give_up_after_seconds
        if limit is not None and age >= limit:
            return GiveUp(age)
        wait = max(min(asked, settings.retry_after_cap), min(settings.cap, age / _RARER))
        return RetryAfter(wait, asked=wait == asked)
    if failures > most:
        return GiveUp()
    if isinstance(error, HttpStatusError) and error.retry_after is not None:
        return RetryAfter(min(error.retry_after, settings.retry_after_cap), asked=True)
    if isinstance(error, UnknownHostError):
        return RetryAfter(min(settings.cap, UNKNOWN_FOR / 4))
    ceiling = min(settings.cap, settings.base * 2.0 ** min(failures - 1, 32))
    return RetryAfter(ceiling * jitter)


def ordered_wait(error: WinchError) -> float | None:
    """Return the seconds that a server orders its client to wait; None where it does not."""
    if not isinstance(error, HttpStatusError) or not error.retryable:
        return None
    asked = error.retry_after
    return asked if asked is not None and asked >= SHORTEST_ORDER else None


class RetryPolicy:
    """Decides for all downloads, with a budget for each.

    `now` is seconds of a clock that goes on while the machine sleeps and is never set.
    """

    def __init__(self, settings: RetrySettings) -> None:
        self.settings = settings
        self._budgets: dict[str, RetryBudget] = {}

    @property
    def longest_wait(self) -> float:
        """The most seconds that any wait lasts."""
        return max(self.settings.cap, self.settings.retry_after_cap)

    def forget(self, download_id: str) -> None:
        """Give a download a clean record."""
        self._budgets.pop(download_id, None)

    def restore(self, download_id: str, *, done: int, since: float) -> None:
        """Go on with a row of failures that began before the last end."""
        self._budgets[download_id] = RetryBudget(done=done, since=since)

    def age(self, download_id: str, now: float) -> float:
        """Return how many seconds ago the present row of failures began."""
        budget = self._budgets.get(download_id)
        return 0.0 if budget is None or budget.since is None else now - budget.since

    def decide(
        self, download: Download, error: WinchError, *, done: int, jitter: float, now: float
    ) -> RetryAfter | GiveUp:
        """Return what to do after a failure with `done` bytes there; see `decide_retry`."""
        budget = self._budgets.setdefault(download.id, RetryBudget())
        weighing = budget.record_failure(
            done, download.total_bytes, now, weighs=ordered_wait(error) is None
        )
        return decide_retry(
            self.settings,
            error,
            weighing,
            retries=download.request.retries,
            jitter=jitter,
            age=self.age(download.id, now),
            waits_for_host=download.request.wait_for_host,
        )
