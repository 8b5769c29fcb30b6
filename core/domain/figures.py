"""What a service measures of itself: what it did since it started, and what it holds right now.

Counters only grow and begin at 0 with the service, so that whoever reads them twice knows what
happened in between; everything else is as it is at the moment. Bytes and seconds throughout.
Nothing here names a URL or a host: a file with these figures is for others to read.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from datetime import datetime
from itertools import pairwise
from threading import Lock

from core.domain.value import Value, field

BOUNDS = (
    *(0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
)
"""Seconds up to which durations are counted together; one more count has all that took longer."""
MOST_COSTS = 100
"""Downloads whose cost is told, those that cost most."""
MOST_DISKS = 16
"""File systems whose room is told."""


class Durations(Value, frozen=True, kw_only=True):
    """How long something took, each time since the start.

    `counts` are how often it took no longer than each of `bounds` and longer than the one before;
    the last of them is of what took longer than all. `total` and `longest` are seconds.
    """

    bounds: tuple[float, ...] = BOUNDS
    counts: tuple[int, ...] = (0,) * (len(BOUNDS) + 1)
    total: float = 0.0
    longest: float = 0.0

    @property
    def count(self) -> int:
        """How often it was measured."""
        return sum(self.counts)

    def quantile(self, share: float) -> float | None:
        """Return about how many seconds that share of them took at the most; None of nothing.

        Between two bounds they are taken to be spread evenly, which is as near as these are.
        """
        left = share * self.count
        if not self.count:
            return None
        edges = (0.0, *self.bounds, max(self.longest, self.bounds[-1]))
        for count, (low, high) in zip(self.counts, pairwise(edges), strict=True):
            if count and left <= count:
                return min(low + (high - low) * left / count, self.longest)
            left -= count
        return self.longest

    def since(self, before: Durations) -> Durations:
        """Return those that came after `before`; the longest of them is known to its bound only."""
        if before.bounds != self.bounds or before.count > self.count:
            return self
        counts = tuple(now - then for now, then in zip(self.counts, before.counts, strict=True))
        found = [i for i, count in enumerate(counts) if count]
        edges = (*self.bounds, self.longest)
        longest = min(edges[found[-1]], self.longest) if found else 0.0
        return Durations(
            bounds=self.bounds, counts=counts, total=self.total - before.total, longest=longest
        )


class DurationCounter:
    """Counts durations, from whichever thread they come."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._total = self._longest = 0.0
        self._lock = Lock()

    def add(self, seconds: float) -> None:
        with self._lock:
            self._counts[bisect_left(BOUNDS, seconds)] += 1
            self._total += seconds
            self._longest = max(self._longest, seconds)

    @property
    def durations(self) -> Durations:
        """What was counted so far."""
        with self._lock:
            return Durations(counts=tuple(self._counts), total=self._total, longest=self._longest)


class DiskFigures(Value, frozen=True, kw_only=True):
    """A file system that downloads go to: where it is mounted, its size and what is free of it."""

    path: str
    size: int
    free: int


class ClientFigures(Value, frozen=True, kw_only=True):
    """Who asks the service: clients and their connections now, requests and refusals since."""

    clients: int = 0
    connections: int = 0
    requests: int = 0
    errors: int = 0


class ProcessFigures(Value, frozen=True, kw_only=True):
    """What the process takes of the machine; None where the system does not tell.

    `memory` is what lies in RAM now, `peak_memory` the most that ever did. `cpu` is seconds of all
    threads together, `loop_cpu` those of the one that everything but disks and digests waits for.
    """

    cpu: float
    loop_cpu: float
    memory: int | None
    peak_memory: int
    descriptors: int | None
    most_descriptors: int | None
    threads: int


class DownloadCost(Value, frozen=True, kw_only=True):
    """What a download that runs has cost since its attempt began, in seconds of CPU.

    `threads` is measured: what writing and hashing it took, each in a thread that did nothing else
    then. `loop` is a share: of what the one thread took that serves all connections, requests and
    screens, as much as the download had of all bytes that came meanwhile. So a download over TLS,
    or one in very small pieces, costs more than this says, and its neighbours less.
    """

    id: str
    name: str
    threads: float
    loop: float
    received: int
    rate: float
    connections: int

    @property
    def cpu(self) -> float:
        """Both together."""
        return self.threads + self.loop


class Figures(Value, frozen=True, kw_only=True):
    """Everything that is measured.

    `counts` are downloads by state. `received` are bytes of bodies that came from servers, and
    `fetched_twice` those of them that were here already, or that have to come again, by reason:
    `resume` and `seam` are compared with what is here before and behind a stretch, `compared` is
    what a longer file begins with, `restart` what was dropped as another version or as unproved,
    and `damaged` what came with a wrong digest. `ended` are attempts by how they ended, `failures`
    those that failed for good and `retries` those that were tried again, both by error code.
    `restarts` counts how often a file had to begin anew.

    `queues` are what waits, by where: for a `thread`, to be `written`, for its `checkpoint`, for
    the `journal`, the most `events` that a slow client is behind, `hooks` for their turn.
    `state_writes` are writes of
    winch's own files, by which. `lag` is how late the loop came to what was due, `syncs` how long
    the disks took to say that something is safe.
    """

    at: datetime
    version: str
    started_at: datetime
    counts: Mapping[str, int]
    rate: float = 0.0
    limit: int | None = None
    connections: int = 0
    received: int = 0
    fetched_twice: Mapping[str, int] = field(default_factory=dict)
    ended: Mapping[str, int] = field(default_factory=dict)
    failures: Mapping[str, int] = field(default_factory=dict)
    retries: Mapping[str, int] = field(default_factory=dict)
    restarts: int = 0
    disks: tuple[DiskFigures, ...] = ()
    lag: Durations = field(default_factory=Durations)
    syncs: Durations = field(default_factory=Durations)
    state_writes: Mapping[str, int] = field(default_factory=dict)
    queues: Mapping[str, int] = field(default_factory=dict)
    clients: ClientFigures = field(default_factory=ClientFigures)
    process: ProcessFigures
    costs: tuple[DownloadCost, ...] = ()


class ChangesSince(Value, frozen=True, kw_only=True):
    """What has changed since a revision, for a follower that was away: which, not how.

    `life` names this life of the service: revisions of another one mean nothing here. Unless
    `is_known`, it cannot be told what has changed, as the revision is of another life or so much
    has changed since; then nothing else is said. What is named has the revision of its last change,
    the oldest of them first.
    """

    life: str
    revision: int
    is_known: bool
    changed: Mapping[str, int] = field(default_factory=dict)
    removed: Mapping[str, int] = field(default_factory=dict)
    collections: Mapping[str, int] = field(default_factory=dict)
    collections_removed: Mapping[str, int] = field(default_factory=dict)
