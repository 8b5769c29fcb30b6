"""What was: every attempt at a download, and the figures that many of them add up to.

An attempt begins when a download starts to run and ends when it stops running, however it ends;
a download that needed two retries has three. Sizes are bytes, rates bytes/s, durations seconds by
the monotonic clock; times of day are for showing only, the order is that of `number`.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from core.domain.errors import ErrorCode
from core.domain.value import Value, field

LIVE_FILE = "history.json"
"""Where the newest attempts are; see `History.damaged`."""


class AttemptEnd(StrEnum):
    COMPLETED = "completed"
    FAILED = "failed"
    RETRIED = "retried"
    """It failed, and another attempt follows by itself."""
    STOPPED = "stopped"
    """Somebody paused or cancelled it, something had to wait, or winch ended in good order."""
    INTERRUPTED = "interrupted"
    """winch was killed, or the machine went down, while it ran."""


FAILURES = frozenset({AttemptEnd.FAILED, AttemptEnd.RETRIED})
"""Ends with a reason of their own, whether or not another attempt follows."""


class PhaseTimes(Value, frozen=True, kw_only=True, gc=False):
    """Seconds that an attempt spent in each phase."""

    connecting: float = 0.0
    downloading: float = 0.0
    verifying: float = 0.0
    finalizing: float = 0.0

    @property
    def whole(self) -> float:
        """Seconds in all."""
        return self.connecting + self.downloading + self.verifying + self.finalizing


class AttemptFigures(Value, frozen=True, kw_only=True, gc=False):
    """What is measured of an attempt; the rates and `bytes` are as those of `HistoryEntry`."""

    started_at: datetime
    bytes: int = 0
    phases: PhaseTimes = field(default_factory=PhaseTimes)
    average_rate: float | None = None
    peak_rate: float | None = None
    retries: int = 0
    connections: int = 0
    served_best: int | None = None
    verdict: str | None = None


class HistoryEntry(Value, frozen=True, kw_only=True, gc=False):
    """One attempt. `bytes` are those it brought in, `total_bytes` the size of the file.

    `number` grows with every entry of a state directory and orders them whatever the clock did.
    `url` has no secrets; `retries` are those that came before this attempt, `connections` the most
    that were seen at once (0: nobody looked), `added_at` when the download entered the list (None
    in what a winch before 0.2 wrote down), `served_best` how many connections its host served best
    (None: that was not found out). The rates leave out
    the time before the first byte, but where what came took less than a quarter of a second: then
    the whole attempt counts, up to that.
    """

    number: int
    download: str
    url: str
    host: str
    name: str
    directory: str
    group: str | None
    started_at: datetime
    ended_at: datetime
    end: AttemptEnd
    bytes: int = 0
    total_bytes: int | None = None
    phases: PhaseTimes = field(default_factory=PhaseTimes)
    average_rate: float | None = None
    peak_rate: float | None = None
    retries: int = 0
    connections: int = 0
    verdict: str | None = None
    error_code: ErrorCode | None = None
    error_message: str | None = None
    added_at: datetime | None = None
    served_best: int | None = None

    @property
    def success(self) -> bool:
        """Whether the file was whole after this attempt."""
        return self.end is AttemptEnd.COMPLETED


class HistoryQuery(Value, frozen=True, kw_only=True, gc=False):
    """Which attempts to return, the newest first: at most `limit` of those begun after `since`.

    `text` has to be in the name, the URL, the host or the group, whatever the case of its letters.
    With `failed`, only those that failed, also where another attempt followed; with `download`
    (a whole id) only those at one download.
    """

    limit: int | None = 100
    since: datetime | None = None
    text: str = ""
    failed: bool = False
    download: str | None = None

    def admits(self, entry: HistoryEntry) -> bool:
        """Tell whether an attempt is one of those that are asked for."""
        if self.since is not None and entry.started_at < self.since:
            return False
        if self.failed and entry.end not in FAILURES:
            return False
        if self.download not in (None, entry.download):
            return False
        places = (entry.name, entry.url, entry.host, entry.group or "")
        text = self.text.casefold()
        return not text or any(text in place.casefold() for place in places)


class History(Value, frozen=True, kw_only=True, gc=False):
    """The answer to a query. `damaged` names the files that could not be read whole."""

    entries: tuple[HistoryEntry, ...] = ()
    damaged: tuple[str, ...] = ()


class Trend(Value, frozen=True, kw_only=True, gc=False):
    """A figure of a period beside the same of the period before; None where there is none."""

    now: float | None
    before: float | None


_UNKNOWN = Trend(now=None, before=None)


class PhaseTrends(Value, frozen=True, kw_only=True, gc=False):
    """Average seconds per completed download in each phase."""

    connecting: Trend
    downloading: Trend
    verifying: Trend
    finalizing: Trend


class FailureCount(Value, frozen=True, kw_only=True, gc=False):
    """How often attempts at a host failed for one reason, and the last of their messages.

    Attempts that were followed by a retry count too.
    """

    code: ErrorCode
    host: str
    count: int
    message: str


class HostFigures(Value, frozen=True, kw_only=True, gc=False):
    """What one host did in a period."""

    host: str
    completed: int
    failed: int
    bytes: int
    average_rate: float | None
    best_rate: float | None


class DayFigures(Value, frozen=True, kw_only=True, gc=False):
    """One day: what came in, and what the daemon used for it (`peak_memory` in bytes).

    `day` is `YYYY-MM-DD` in local time. Resource figures are None where no daemon noted any.
    """

    day: str
    completed: int = 0
    failed: int = 0
    bytes: int = 0
    cpu_seconds: float | None = None
    peak_memory: int | None = None


class Busiest(Value, frozen=True, kw_only=True, gc=False):
    """The stretch of the week that brought most: local hours of a weekday (0 is Monday).

    `until` is the hour at whose beginning it ends, 24 at midnight.
    """

    weekday: int
    since: int
    until: int
    bytes: int


class Statistics(Value, frozen=True, kw_only=True, gc=False):
    """The figures of the last `days` days: of today and the local days before it.

    Trends compare them with as many days before those. `success_rate` is completed / (completed +
    failed); a retry is not a failure, it is counted in `retried`. `total_time` is the mean of the
    seconds from the moment a download was added until it was whole, `attempt_time` of those that
    the last attempt at it took. `hours` are bytes by the local hour of the day in which they came,
    24 of them, `week` the same for each weekday from Monday on; `busiest` is what stands out of
    that, None where nothing came. `recent` are the newest attempts that no other followed by
    itself.
    """

    days: int
    attempts: int
    completed: int
    failed: int
    retried: int
    success_rate: Trend
    total_bytes: Trend
    average_rate: Trend
    best_rate: float | None
    phases: PhaseTrends
    failures: tuple[FailureCount, ...]
    hosts: tuple[HostFigures, ...]
    hours: tuple[int, ...]
    daily: tuple[DayFigures, ...]
    recent: tuple[HistoryEntry, ...]
    total_time: Trend = _UNKNOWN
    attempt_time: Trend = _UNKNOWN
    week: tuple[tuple[int, ...], ...] = ()
    busiest: Busiest | None = None
