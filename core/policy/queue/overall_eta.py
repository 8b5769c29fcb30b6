"""How long everything together will still take: the rest of the queue, run in the mind.

What runs goes on at its own rate, and each place that it leaves is taken by what waits, at the
rate that downloads have had lately. All bytes over one mean rate would remember a slow download
long after it has ended, and would not see that a large one may outlast the rest.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Sequence
from statistics import fmean, median

from core.domain.value import Value
from core.policy.transfer.eta import STALL_SECONDS

FRESH = 120.0
"""Seconds for which an ended download tells how fast the next ones will be."""
_SAMPLES = 32
_HOSTS = 64
_ENOUGH = 3
_OTHER = 2.0
"""How many times as fast or slow as before all must be that a host is taken for another one."""
_AT_LIMIT = 0.85
_FAIR = 0.5
_ROUNDS = 2
_HUGE = 10
_CRAWL = 4


class RunningDownload(Value, frozen=True):
    """A download that runs: the bytes it lacks, the seconds it needs, its bytes/s right now.

    None is not known yet.
    """

    host: str
    left: int | None
    eta: float | None
    rate: float | None = None

    @property
    def mean_rate(self) -> float | None:
        """Bytes/s at which it will go on."""
        return self.left / self.eta if self.left and self.eta else None


class Lane(Value, frozen=True):
    """Places that are filled from one queue: `taken` are indices of what runs on them now.

    `share` is how much of all that waits waits for these.
    """

    slots: int
    taken: frozenset[int]
    share: float


class Backlog:
    """What waits, by how much of it there is: small sums, however long the queue is."""

    def __init__(self) -> None:
        self.unsized = 0
        self._sizes: dict[int, list[int]] = {}
        """By class of size how many there are, and their bytes."""

    def count(self, left: int | None, sign: int) -> None:
        """Put a download that lacks `left` bytes in (1) or take it out (-1)."""
        if left is None:
            self.unsized += sign
            return
        # A quarter of a doubling: the largest of them is known well enough.
        bits = max(left.bit_length() - 3, 0)
        key = bits << 3 | left >> bits
        found = self._sizes.get(key)
        if found is None:
            self._sizes[key] = [sign, sign * left]
            return
        found[0] += sign
        found[1] += sign * left
        if not found[0]:
            del self._sizes[key]

    def jobs(self, unsized: float | None) -> list[tuple[float, int]]:
        """Return sizes and how many there are of each, the smallest first, as the queue goes.

        What nobody knows the length of is taken for `unsized` bytes, or left out.
        """
        jobs = [(size / count, count) for count, size in self._sizes.values()]
        if unsized is not None and self.unsized:
            jobs.append((unsized, self.unsized))
        return sorted(jobs)

    def median(self) -> float | None:
        """Return the size in the middle; None of none."""
        jobs = self.jobs(None)
        below, middle = 0, sum(count for _, count in jobs) / 2
        for size, count in jobs:
            below += count
            if below >= middle:
                return size
        return None


class RecentDownloads:
    """How fast downloads were lately, host by host, and what each takes beside its bytes."""

    def __init__(self) -> None:
        self._hosts: OrderedDict[str, deque[tuple[float, float]]] = OrderedDict()
        self._overhead: deque[float] = deque(maxlen=_SAMPLES)
        self._sizes: deque[int] = deque(maxlen=_SAMPLES)
        self._latest = -FRESH

    def note(self, host: str, now: float, *, count: int, downloading: float) -> None:
        """Learn from an attempt that brought `count` bytes in so many seconds."""
        if count <= 0 or downloading <= 0:
            return
        self._latest = now
        self._hosts.setdefault(host, deque(maxlen=_SAMPLES)).append((now, count / downloading))
        self._hosts.move_to_end(host)
        if len(self._hosts) > _HOSTS:
            self._hosts.popitem(last=False)

    def note_whole(self, size: int | None, overhead: float) -> None:
        """Learn the size of a whole file, and the seconds that it took beside its bytes."""
        self._overhead.append(overhead)
        if size is not None:
            self._sizes.append(size)

    @property
    def overhead(self) -> float:
        """Seconds that a download takes beside its bytes."""
        return median(self._overhead) if self._overhead else 0.0

    @property
    def size(self) -> float | None:
        """What a file has whose length nobody knows; None before a few have ended."""
        if len(self._sizes) < _ENOUGH:
            return None
        middle = median(self._sizes)
        return fmean(size for size in self._sizes if size <= _HUGE * middle)

    def is_moving(self, now: float, running: Sequence[RunningDownload]) -> bool:
        """Tell whether bytes come, or came a moment ago: between two small files none do."""
        return now - self._latest < STALL_SECONDS or any(each.eta is not None for each in running)

    def seconds_per_byte(
        self, now: float, running: Sequence[RunningDownload], waiting: Callable[[str], int]
    ) -> float | None:
        """Return what a byte of those that wait will take, None where nothing is known.

        `waiting` tells how many wait for a host: what a slow one has to bring takes its time.
        """
        present: defaultdict[str, list[float]] = defaultdict(list)
        for each in running:
            if each.mean_rate:
                present[each.host].append(each.mean_rate)
        hosts = self._hosts.keys() | present.keys()
        rates = {host: self._rate(host, now, present.get(host, [])) for host in hosts}
        known = {host: rate for host, rate in rates.items() if rate}
        if not known:
            return None
        weights = {host: waiting(host) for host in known}
        whole = sum(weights.values())
        if not whole:
            return 1 / median(known.values())
        return sum(weights[host] / rate for host, rate in known.items()) / whole

    def _rate(self, host: str, now: float, present: list[float]) -> float | None:
        """Return what a download of a host gets; those that ended lately know it best."""
        ended = list(self._hosts.get(host, ()))
        fresh = [rate for at, rate in ended if now - at < FRESH]
        if len(fresh) < _ENOUGH and present:
            return _usual([*fresh, *present])
        if not fresh:
            return _usual([rate for _, rate in ended]) if ended else None
        usual = _usual(fresh)
        if len(present) > 1 and (max(present) * _OTHER < usual or usual * _OTHER < min(present)):
            # Not one of them is as it was: the line is another one.
            return _usual(present)
        return usual


def _usual(rates: Sequence[float]) -> float:
    """Return the rate at which as many bytes take as long, but for a few that crawl."""
    slowest = median(rates) / _CRAWL
    kept = [rate for rate in rates if rate >= slowest]
    # Not statistics.harmonic_mean: it reckons in fractions, and this is asked four times a second.
    return len(kept) / sum(1 / rate for rate in kept)


def time_left(
    running: Sequence[RunningDownload],
    jobs: Sequence[tuple[float, int]],
    *,
    lanes: Sequence[Lane],
    per_byte: float | None,
    overhead: float = 0.0,
    limit: float | None = None,
    rate: float = 0.0,
    delayed: tuple[float, float] | None = None,
) -> float | None:
    """Return seconds until all is done, None where too little is known to say.

    `jobs` are sizes and numbers of what waits, in the order of its turns; of those that the lanes
    let run at once, each gets a byte in `per_byte` seconds, and takes `overhead` seconds beside.
    What leaves a lane on which nobody waits leaves its place empty. `delayed` are the seconds for
    which the last of those that wait for their time does so, and its size: it cannot end before.
    `limit` (bytes/s) holds for all together, whose `rate` over the last seconds tells if it binds.
    """
    if per_byte is None and (jobs or any(each.eta is None for each in running)):
        return None
    per_byte = per_byte or 0.0
    ends = [
        each.eta if each.eta is not None else overhead + (each.left or 0) * per_byte
        for each in running
    ]
    last = max(ends, default=0.0)
    if delayed is not None:
        last = max(last, delayed[0] + overhead + delayed[1] * per_byte)
    if limit is not None and rate >= _AT_LIMIT * limit:
        return max(last if delayed else 0.0, _under_limit(running, ends, jobs, limit))
    for lane in lanes:
        if lane.share and jobs:
            here = sorted(ends[index] for index in lane.taken)
            # Over a limit that was lowered, the first that end make no room.
            here = here[max(len(here) - lane.slots, 0) :]
            free = [0.0] * (max(lane.slots, 1) - len(here)) + here
            waiting = [(overhead + size * per_byte, count * lane.share) for size, count in jobs]
            last = max(last, overhead + jobs[-1][0] * per_byte, _last_end(free, waiting))
    return last


def _under_limit(
    running: Sequence[RunningDownload],
    ends: Sequence[float],
    jobs: Sequence[tuple[float, int]],
    limit: float,
) -> float:
    """Return how long it takes where a limit for all is what holds them up.

    What one of them leaves is the others' then, but for those that could not use their share.
    """
    left = sum(each.left or 0 for each in running) + sum(size * count for size, count in jobs)
    share = _FAIR * limit / max(len(running), 1)
    pairs = zip(running, ends, strict=True)
    return max([left / limit, *(end for each, end in pairs if 0 < (each.rate or 0.0) < share)])


def _last_end(free: list[float], waiting: Sequence[tuple[float, float]]) -> float:
    """Return when the last of the waiting ends, on places that come free at these times.

    All but the last few are poured in as if they could be divided at will; only the last ones
    decide how unevenly it ends.
    """
    if not waiting:
        return max(free, default=0.0)
    last: list[float] = []
    poured = 0.0
    for seconds, count in reversed(waiting):
        taken = min(int(count), _ROUNDS * len(free) - len(last))
        last += [seconds] * taken
        poured += seconds * (count - taken)
    free = _poured(free, poured)
    heapq.heapify(free)
    for seconds in reversed(last):
        heapq.heapreplace(free, free[0] + seconds)
    return max(free)


def _poured(free: list[float], seconds: float) -> list[float]:
    """Return when the places come free if so much work is shared out, always to the first one."""
    free = sorted(free)
    for count, (here, above) in enumerate(zip(free, [*free[1:], float("inf")], strict=True), 1):
        room = (above - here) * count
        if seconds <= room:
            return [here + seconds / count] * count + free[count:]
        seconds -= room
    return free
