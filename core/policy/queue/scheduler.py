"""Which waiting downloads run now: higher priority first, then the order of the queue.

A host that has as many downloads as it gets connections holds up its own downloads only: others
pass by. Kept sorted, so that an assignment looks at what it starts and not at the whole queue.

The queue is one lane. A call that somebody waits for has another one: as many of its downloads run
as may be active, beside those of the queue, and nobody stops for them.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeVar

from core.domain.models import Download
from core.domain.value import Value
from core.policy.queue.line import Entry, Line

_SHOWN = 100
"""Downloads of one host that are said to wait for it; what is behind them waits for them."""

_BEHIND = 2**40
"""Added to the rank of those that are behind every priority."""

_Keeps = Callable[[str], bool]
_Key = TypeVar("_Key")
_QUEUE = 0


class Assignment(Value, frozen=True, kw_only=True):
    """What to start and stop now, and when to ask again (monotonic seconds, None: on a change).

    `host_full` could start if their hosts had connections left: the first of each such host.
    """

    start: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    host_full: tuple[str, ...] = ()
    wake_at: float | None = None


class LaneLoad(Value, frozen=True):
    """Who runs on a lane, and how many wait for a place on it, those with a delay included."""

    running: frozenset[str]
    waiting: int


class Scheduler:
    """The waiting and the running, as far as starting and stopping goes."""

    def __init__(self) -> None:
        self._ready: dict[int, dict[str, Line]] = {}
        self._lanes: dict[str, int] = {}
        self._last_lane = _QUEUE
        self._delayed: list[tuple[float, str]] = []
        self._latest: list[tuple[float, str]] = []
        """The delays once more, negative: the longest first."""
        self._in_lane: Counter[int] = Counter()
        """How many wait on each lane."""
        self._waiting: dict[str, Entry] = {}
        self._running: dict[str, Entry] = {}
        self._used: Counter[str] = Counter()
        """How many run of each host, and on each lane: no assignment counts them anew."""
        self._taken: Counter[int] = Counter()
        self._not_before: dict[str, float] = {}
        """Until when those wait that have a delay."""
        self._behind: dict[str, float] = {}
        """Until when those that let others pass are behind them."""
        self._forced: set[str] = set()
        self._favoured: set[str] = set()
        """What was forced last."""
        self._stopping: set[str] = set()

    def __len__(self) -> int:
        """Return how many downloads wait or run."""
        return len(self._waiting) + len(self._running)

    def host_of(self, download_id: str) -> str:
        """Return the host that a waiting download waits for."""
        return self._waiting[download_id].host

    def waiting_for(self, host: str) -> int:
        """Return how many of a host could start if there were room."""
        return sum(len(hosts.get(host, ())) for hosts in self._ready.values())

    def lanes(self) -> list[LaneLoad]:
        """Return every lane on which anybody waits or runs; costs nothing of the queue's length."""
        running: defaultdict[int, set[str]] = defaultdict(set)
        for each in self._running.values():
            running[each.lane].add(each.id)
        return [
            LaneLoad(frozenset(running.get(lane, ())), self._in_lane[lane])
            for lane in running.keys() | self._in_lane.keys()
        ]

    def longest_delay(self) -> tuple[str, float] | None:
        """Return who waits longest for its time, and until when; None where nobody does."""
        while self._latest:
            due, id_ = -self._latest[0][0], self._latest[0][1]
            if self._not_before.get(id_) == due:
                return id_, due
            heapq.heappop(self._latest)
        return None

    def wait(self, download: Download, *, host: str = "", not_before: float = 0.0) -> None:
        """Let a download wait for its turn, which does not come before a monotonic time."""
        self.forget(download.id)
        lane = self._lanes.get(download.id, _QUEUE)
        self._waiting[download.id] = entry = self._entry(download, host, lane)
        self._in_lane[lane] += 1
        if not_before:
            self._not_before[download.id] = not_before
            heapq.heappush(self._delayed, (not_before, download.id))
            heapq.heappush(self._latest, (-not_before, download.id))
        else:
            self._make_ready(entry)

    def expedite(self, ids: Iterable[str]) -> None:
        """Give downloads a lane of their own together, until each leaves it.

        What runs goes on where it is.
        """
        self._last_lane += 1
        for id_ in ids:
            self._lanes[id_] = self._last_lane
            if (waiting := self._waiting.get(id_)) is not None:
                is_ready = id_ not in self._not_before
                if is_ready:
                    self._take_out(waiting)
                _count_down(self._in_lane, waiting.lane)
                self._waiting[id_] = waiting = waiting._replace(lane=self._last_lane)
                self._in_lane[self._last_lane] += 1
                if is_ready:
                    self._make_ready(waiting)

    def leave(self, download_id: str) -> None:
        """Let a download wait in the queue again, from its next wait on."""
        self._lanes.pop(download_id, None)
        self._behind.pop(download_id, None)

    def let_pass(self, download_id: str, *, until: float) -> None:
        """Let a running download wait behind all others of its lane, from its next wait on.

        It starts when nobody else could. After the monotonic time `until` others that let somebody
        pass have to let it pass.
        """
        self._behind[download_id] = until

    def is_in_the_way(
        self,
        download_id: str,
        *,
        active: int,
        now: float,
        per_host: Callable[[str], int],
    ) -> bool:
        """Tell whether a download that waits could run in the place of a running one."""
        own = self._running.get(download_id)
        if own is None or download_id in self._stopping:
            return False
        if self._taken[own.lane] < active:
            return False  # there is room beside it
        return any(
            any(self._behind.get(entry.id, 0.0) <= now for entry in line)
            for host, line in self._ready.get(own.lane, {}).items()
            if self._used[host] - (host == own.host) < per_host(host)
        )

    def force(self, download_id: str) -> bool:
        """Let a waiting download start with the next assignment, beyond every limit.

        False where it is not among those that wait for their turn.
        """
        if download_id not in self._waiting:
            return False
        self._behind.pop(download_id, None)
        self._forced.add(download_id)
        return True

    def hasten(self, seconds: float) -> dict[str, float]:
        """Bring every delay forward and return when each ends, as monotonic times, by id."""
        # 0 would say that there is no delay.
        delays = {id_: (due - seconds) or -1.0 for id_, due in self._not_before.items()}
        self._not_before = dict(delays)
        self._delayed = [(due, id_) for id_, due in delays.items()]
        heapq.heapify(self._delayed)
        self._latest = [(-due, id_) for id_, due in delays.items()]
        heapq.heapify(self._latest)
        return delays

    def reorder(self, download: Download) -> None:
        """Take over a changed place in the queue."""
        if (waiting := self._waiting.get(download.id)) is not None:
            forced = download.id in self._forced
            not_before = self._not_before.get(download.id, 0.0)
            self.wait(download, host=waiting.host, not_before=not_before)
            if forced:
                self.force(download.id)
        elif (running := self._running.get(download.id)) is not None:
            entry = self._entry(download, running.host, running.lane)
            self._running[download.id] = entry

    def forget(self, download_id: str) -> None:
        """Drop a download that neither waits nor runs any more."""
        if (running := self._running.pop(download_id, None)) is not None:
            _count_down(self._used, running.host)
            _count_down(self._taken, running.lane)
        self._forced.discard(download_id)
        self._favoured.discard(download_id)
        self._stopping.discard(download_id)
        if download_id in self._waiting:
            self._end_wait(download_id)

    def assign(
        self,
        *,
        active: int,
        now: float,
        per_host: Callable[[str], int],
        resting: Callable[[str], int],
        keeps: _Keeps,
    ) -> Assignment:
        """Fill each lane up to `active` running downloads; over a lowered limit the last ones stop.

        `per_host` returns how many downloads of a host may run, `resting` the same for those that
        nobody waits for; `keeps` whether one is to be left alone to its end, because it would lose
        what it has: so long more may run than `active`. What is to stop is named once and is then
        as good as gone, though it runs until it is forgotten.
        """
        self._end_delays(now)
        start = [self._begin(id_) for id_ in sorted(self._forced)]
        self._favoured = self._forced or self._favoured
        self._forced = set()
        host_full: list[str] = []
        # The queue comes last: at a host with little room, those are first that somebody waits for.
        for lane in sorted(self._ready, reverse=True):
            limit = partial(_lesser, per_host, resting) if lane == _QUEUE else per_host
            started, full = self._fill(lane, active, limit)
            start += started
            host_full += full
        stop = self._excess(active, keeps, spared=self._stopping.union(start))
        self._stopping.update(stop)
        return Assignment(
            start=tuple(start),
            stop=tuple(stop),
            host_full=tuple(host_full),
            wake_at=self._delayed[0][0] if self._delayed else None,
        )

    def _fill(
        self, lane: int, active: int, limit: Callable[[str], int]
    ) -> tuple[list[str], list[str]]:
        """Return what of a lane starts, and what does not because its host is full."""
        ready, used = self._ready[lane], self._used
        room = active - self._taken[lane]
        if room <= 0:
            return [], []
        heads = [line.first for host, line in ready.items() if used[host] < limit(host)]
        heapq.heapify(heads)
        start: list[str] = []
        while room > len(start) and heads:
            entry = heapq.heappop(heads)
            host = entry.host
            start.append(self._begin(entry.id))
            if host in ready and used[host] < limit(host):
                heapq.heappush(heads, ready[host].first)
        host_full = [
            entry.id
            for host, line in ready.items()
            if room > len(start) and used[host] >= limit(host)
            for entry in line.head(_SHOWN)
        ]
        return start, host_full

    def _excess(self, active: int, keeps: _Keeps, *, spared: set[str]) -> list[str]:
        """Return which of the running ones are to stop."""
        if len(self._running) <= active:
            return []
        running: defaultdict[int, list[Entry]] = defaultdict(list)
        for each in self._running.values():
            running[each.lane].append(each)
        return [
            id_
            for those in running.values()
            if len(those) > active
            for id_ in self._excess_of(those, active, keeps, spared)
        ]

    def _excess_of(
        self, running: Sequence[Entry], active: int, keeps: _Keeps, spared: set[str]
    ) -> list[str]:
        ids = {each.id for each in running}
        excess = len(ids - self._stopping) - active
        if excess <= 0:
            return []
        kept = {id_ for id_ in ids if keeps(id_)}
        # What was forced does not make room for those that could not make room for it.
        spared = spared.union(kept, self._favoured if kept else ())
        others = [each for each in running if each.id not in spared]
        return [entry.id for entry in heapq.nlargest(excess, others)]

    def _entry(self, download: Download, host: str, lane: int) -> Entry:
        rank, order = download.sort_key
        if download.id in self._behind:
            rank += _BEHIND
        return Entry(rank, order, download.id, host, lane)

    def _begin(self, download_id: str) -> str:
        self._running[download_id] = entry = self._end_wait(download_id)
        self._used[entry.host] += 1
        self._taken[entry.lane] += 1
        return download_id

    def _end_wait(self, download_id: str) -> Entry:
        waiting = self._waiting.pop(download_id)
        _count_down(self._in_lane, waiting.lane)
        if self._not_before.pop(download_id, None) is None:
            self._take_out(waiting)
        return waiting

    def _make_ready(self, waiting: Entry) -> None:
        ready = self._ready.setdefault(waiting.lane, {})
        line = ready.get(waiting.host)
        if line is None:
            line = ready[waiting.host] = Line()
        line.add(waiting)

    def _take_out(self, waiting: Entry) -> None:
        ready = self._ready[waiting.lane]
        line = ready[waiting.host]
        line.remove(waiting)
        if not line:
            del ready[waiting.host]
        if not ready:
            del self._ready[waiting.lane]

    def _end_delays(self, now: float) -> None:
        while self._delayed:
            due, id_ = self._delayed[0]
            if self._not_before.get(id_) == due:
                if due > now:
                    return
                del self._not_before[id_]
                self._make_ready(self._waiting[id_])
            heapq.heappop(self._delayed)


def _count_down(counts: Counter[_Key], key: _Key) -> None:
    """Take one off; what there is none of is no longer counted."""
    counts[key] -= 1
    if not counts[key]:
        del counts[key]


def _lesser(one: Callable[[str], int], other: Callable[[str], int], host: str) -> int:
    return min(one(host), other(host))
