"""Which waiting downloads run now: higher priority first, then the order of the queue.

Kept sorted, so that an assignment looks at the downloads it starts and not at the whole queue.
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from dataclasses import dataclass

from core.domain.models import Download

_Entry = tuple[tuple[int, float], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """What to start and stop now, and when to ask again (monotonic seconds, None: on a change)."""

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    wake_at: float | None = None


class Scheduler:
    """The waiting and the running, as far as starting and stopping goes."""

    def __init__(self) -> None:
        self._ready: list[_Entry] = []
        self._delayed: list[tuple[float, str]] = []
        self._waiting: dict[str, tuple[_Entry, float]] = {}
        self._running: dict[str, _Entry] = {}

    def __len__(self) -> int:
        """Return how many downloads wait or run."""
        return len(self._waiting) + len(self._running)

    def wait(self, download: Download, *, not_before: float = 0.0) -> None:
        """Let a download wait for its turn, which does not come before a monotonic time."""
        self.forget(download.id)
        entry = (download.sort_key, download.id)
        self._waiting[download.id] = (entry, not_before)
        if not_before:
            heapq.heappush(self._delayed, (not_before, download.id))
        else:
            insort(self._ready, entry)

    def reorder(self, download: Download) -> None:
        """Take over a changed place in the queue."""
        if (waiting := self._waiting.get(download.id)) is not None:
            self.wait(download, not_before=waiting[1])
        elif download.id in self._running:
            self._running[download.id] = (download.sort_key, download.id)

    def forget(self, id: str) -> None:  # noqa: A002
        """Drop a download that neither waits nor runs any more."""
        self._running.pop(id, None)
        if (waiting := self._waiting.pop(id, None)) is not None and not waiting[1]:
            del self._ready[bisect_left(self._ready, waiting[0])]

    def assign(self, *, active: int, now: float) -> Assignment:
        """Fill up to `active` running downloads; over a lowered limit the last ones stop."""
        self._end_delays(now)
        start: list[str] = []
        while len(self._running) < active and self._ready:
            entry = self._ready.pop(0)
            del self._waiting[entry[1]]
            self._running[entry[1]] = entry
            start.append(entry[1])
        excess = max(0, len(self._running) - active)
        stop = [entry[1] for entry in heapq.nlargest(excess, self._running.values())]
        return Assignment(
            start=tuple(start),
            stop=tuple(stop),
            wake_at=self._delayed[0][0] if self._delayed else None,
        )

    def _end_delays(self, now: float) -> None:
        while self._delayed:
            due, id_ = self._delayed[0]
            waiting = self._waiting.get(id_)
            if waiting is not None and waiting[1] == due:
                if due > now:
                    return
                self._waiting[id_] = (waiting[0], 0.0)
                insort(self._ready, waiting[0])
            heapq.heappop(self._delayed)
