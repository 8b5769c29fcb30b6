"""When a download that failed is tried again: what the policies decide, by the clocks there are.

Delays go by the monotonic clock. What is told and stored of them is wall time, so that the next
daemon can go on with them.
"""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta

from core.adapters.system.clock import Clock
from core.domain.errors import ErrorInfo, HttpStatusError, WinchError
from core.domain.hosts import site_of
from core.domain.models import Download, WaitReason
from core.domain.settings import RetrySettings
from core.domain.units import rough_duration
from core.domain.value import Value, replace
from core.engine.downloads.index import SHORT
from core.engine.downloads.list import DownloadList
from core.policy.queue.host_rest import HostRests
from core.policy.queue.retry import RetryAfter, RetryPolicy, ordered_wait
from core.policy.transfer.host_budget import SOONEST, HostBudget

log = logging.getLogger(__name__)

CROWDED = 2.0
"""Seconds after which one asks again, at the latest, whose host refused it and serves others."""
_INNOCENT = 3
"""How often a refusal is taken for the host's having enough to do, before it is the file's own."""
_DELAYED = (WaitReason.RETRY, WaitReason.NOT_ADMITTED)
"""Reasons to wait with which `retry_at` is the download's own; an embedded engine left it alone."""


class PlannedRetry(Value, frozen=True):
    """It is tried again, not before a monotonic time; `fields` are what is told of it till then."""

    not_before: float
    when: str
    fields: dict[str, object]


class RetryPlanner:
    """Plans for the downloads of the list. `rests` are the hosts that want to be left alone."""

    def __init__(
        self, settings: RetrySettings, downloads: DownloadList, clock: Clock, hosts: HostBudget
    ) -> None:
        self._downloads = downloads
        self._clock = clock
        self._hosts = hosts
        self._policy = RetryPolicy(settings)
        self._crowded: Counter[str] = Counter()
        self.rests = HostRests()

    def configure(self, settings: RetrySettings) -> None:
        self._policy.settings = settings

    def forget(self, download_id: str) -> None:
        """Give a download a clean record."""
        self._policy.forget(download_id)
        self._crowded.pop(download_id, None)

    def plan(self, download: Download, error: WinchError) -> PlannedRetry | ErrorInfo:
        """Return when it is tried again after an error, or what is left of that if it is not."""
        return self._crowded_out(download, error) or self._after_failure(download, error)

    def _after_failure(self, download: Download, error: WinchError) -> PlannedRetry | ErrorInfo:
        id_, clock = download.id, self._clock
        done = self._downloads.progress_of(id_).bytes_downloaded
        jitter = random.random()  # noqa: S311 (spreads load, keeps no secret)
        decision = self._policy.decide(
            download, error, done=done, jitter=jitter, now=clock.boottime()
        )
        about = {"download": id_}
        log.info("%s: %s (%s)", id_[:SHORT], error.message, error.code, extra=about)
        if not isinstance(decision, RetryAfter):
            return error.info() if decision.age is None else _put_off(error, decision.age)
        now = clock.monotonic()
        if (asked := ordered_wait(error)) is not None:
            self.rests.ask(site_of(download.request.url), min(asked, decision.seconds), now)
        fields: dict[str, object] = {
            "wait_reason": WaitReason.RETRY,
            "retry_at": clock.now() + timedelta(seconds=decision.seconds),
            "retry_count": download.retry_count + 1,
            "failing_since": self._failing_since(id_),
            "error": error.info(),
        }
        return PlannedRetry(now + decision.seconds, decision.when, fields)

    def _crowded_out(self, download: Download, error: WinchError) -> PlannedRetry | None:
        """Return when one is tried again that its host refused while it serves others.

        That is no failure: it waits for its host, and no retry is used up, unless it was refused
        too often for that. It asks soon, because its asking is what makes the others give up a
        connection.
        """
        hosts, host = self._hosts, site_of(download.request.url)
        if not isinstance(error, HttpStatusError) or error.status not in (429, 503):
            return None
        if ordered_wait(error) is not None or not hosts.is_serving(host):
            return None
        self._crowded[download.id] += 1
        if self._crowded[download.id] > _INNOCENT:
            return None
        now = self._clock.monotonic()
        if error.status == 429:  # a 503 may be of this file alone, and its host has room for others
            hosts.refused(host, download.id, now, borne=0)
        delay = min(max(SOONEST, hosts.more_in(host, now) or 0.0), CROWDED)
        fields: dict[str, object] = {
            "wait_reason": WaitReason.HOST_LIMIT,
            "retry_at": self._clock.now() + timedelta(seconds=delay),
            "error": error.info(),
        }
        return PlannedRetry(now + delay, RetryAfter(delay).when, fields)

    def restore(self, download: Download) -> float:
        """Go on with what an earlier engine told of a download, and return the seconds it waits.

        A wall clock that was set meanwhile makes nobody wait for longer than any wait may last.
        """
        now = self._clock.now()
        if download.failing_since is not None:
            age = max(0.0, (now - download.failing_since).total_seconds())
            done = self._downloads.progress_of(download.id).bytes_downloaded
            self._policy.restore(download.id, done=done, since=self._clock.boottime() - age)
        if download.retry_at is None or download.wait_reason not in _DELAYED:
            return 0.0
        left = (download.retry_at - now).total_seconds()
        return max(0.0, min(left, self._policy.longest_wait))

    def clock_jumped(self, delays: dict[str, float], slept: float) -> None:
        """Say anew when delays end, which are given as monotonic times by id."""
        self.rests.hasten(slept)
        now, wall = self._clock.monotonic(), self._clock.now()
        for id_, due in delays.items():
            if (download := self._downloads[id_]).retry_at is not None:
                left = timedelta(seconds=max(0.0, due - now))
                since = self._failing_since(id_)
                self._downloads.update(download, retry_at=wall + left, failing_since=since)

    def tell_host_full(self, crowded: Mapping[str, str]) -> None:
        """Say that downloads wait for their host, and until when if it wants to be left alone.

        The hosts are given by the ids of the downloads.
        """
        now, wall = self._clock.monotonic(), self._clock.now()
        peace = {host: self.rests.left(host, now) for host in set(crowded.values())}
        for id_, host in crowded.items():
            download, left = self._downloads[id_], peace[host]
            is_told = (download.retry_at is None) == (left is None)
            if download.wait_reason is not WaitReason.HOST_LIMIT or not is_told:
                at = None if left is None else wall + timedelta(seconds=left)
                self._downloads.update(download, wait_reason=WaitReason.HOST_LIMIT, retry_at=at)

    def _failing_since(self, download_id: str) -> datetime:
        age = self._policy.age(download_id, self._clock.boottime())
        return self._clock.now() - timedelta(seconds=age)


def _put_off(error: WinchError, age: float) -> ErrorInfo:
    """Return what is left of an error after the server has put a download off for too long."""
    return replace(
        error.info(),
        message=f"{error.message}, and has put it off for {rough_duration(age)}",
        hint="`winch retry` tries again; give_up_after in [retry] of config.toml is the patience",
    )
