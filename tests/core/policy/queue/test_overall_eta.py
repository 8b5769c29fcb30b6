"""How long everything together takes: queues are run in a model whose end is known, and what was
said on the way is held against the truth.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.policy.queue.overall_eta import Backlog, Lane, RecentDownloads, RunningDownload, time_left
from core.policy.transfer.eta import EtaEstimator
from core.policy.transfer.rate import RateWindow

STEP = 0.1
NEAR = 0.25
MOST = 0.9
"""How near to the truth an estimate has to be, and of how many of the moments."""
SETTLING = 2.0
"""Seconds at the beginning and at the end of which nothing is asked."""
MB = 1_000_000


@dataclass
class File:
    """A file of a model: what it takes to connect, and the rate that its server gives."""

    size: int
    rate: float
    host: str = "a"
    connecting: float = 0.0
    is_sized: bool = True
    got: float = 0.0
    pace: EtaEstimator = field(default_factory=lambda: EtaEstimator(0.0))
    began: float = 0.0
    waits: float = 0.0

    def begin(self, now: float) -> None:
        self.pace, self.began, self.waits = EtaEstimator(now), now, self.connecting

    def running(self, now: float) -> RunningDownload:
        left = self.size - round(self.got)
        return RunningDownload(self.host, left, self.pace.estimate(now, left), self.pace.rate(now))


def shared_out(files: list[File], limit: float | None) -> list[float]:
    """Return the rates of files that move: each its own, or a fair share of a limit."""
    rates = [file.rate for file in files]
    if limit is None or sum(rates) <= limit:
        return rates
    given_, left = [0.0] * len(files), limit
    for count, index in enumerate(sorted(range(len(files)), key=rates.__getitem__)):
        given_[index] = min(rates[index], left / (len(files) - count))
        left -= given_[index]
    return given_


def estimates(
    files: list[File], slots: int, limit: float | None = None
) -> Iterator[tuple[float, float | None]]:
    """Run a queue, and yield after each step the time and what is said of the time left."""
    files = [replace(file) for file in files]
    queue, active, recent, now = list(files), list[File](), RecentDownloads(), 0.0
    total = RateWindow(now)
    while queue or active:
        while queue and len(active) < slots:
            active.append(queue.pop(0))
            active[-1].begin(now)
        now += STEP
        moving = [file for file in active if file.waits <= 0]
        for file, rate in zip(moving, shared_out(moving, limit), strict=True):
            count = min(rate * STEP, file.size - file.got)
            file.got += count
            file.pace.add(now, round(count))
            total.add(now, round(count))
        for file in active:
            file.waits -= STEP
        for file in [file for file in active if file.got >= file.size]:
            active.remove(file)
            seconds = now - file.began
            downloading = max(seconds - file.connecting, STEP)
            recent.note(file.host, now, count=file.size, downloading=downloading)
            recent.note_whole(file.size, seconds - downloading)
        backlog, known = Backlog(), Backlog()
        for file in queue:
            backlog.count(file.size if file.is_sized else None, 1)
        for file in files:
            if file.is_sized or file not in queue:
                known.count(file.size, 1)
        running = [file.running(now) for file in active]
        yield (
            now,
            time_left(
                running,
                backlog.jobs(recent.size or known.median()),
                lanes=one_lane(slots, running),
                limit=limit,
                rate=total.rate(now),
                per_byte=recent.seconds_per_byte(
                    now, running, lambda host: sum(file.host == host for file in queue)
                ),
                overhead=recent.overhead,
            ),
        )


def one_lane(slots: int, running: Sequence[RunningDownload]) -> list[Lane]:
    return [Lane(slots, frozenset(range(len(running))), 1.0)]


def share_of_near(files: list[File], slots: int, limit: float | None = None) -> float:
    told = list(estimates(files, slots, limit))
    end = told[-1][0]
    asked = [(end - at, eta) for at, eta in told if SETTLING < at < end - SETTLING]
    near = [eta is not None and abs(eta - left) <= NEAR * left for left, eta in asked]
    return sum(near) / len(near) if near else 1.0


def many(count: int, size: int, rate: float, seed: int = 0, **more: object) -> list[File]:
    """Return files whose sizes and rates are a third more or less than these."""
    chance = random.Random(seed)
    return [
        File(round(size * chance.uniform(0.7, 1.3)), rate * chance.uniform(0.8, 1.2), **more)  # type: ignore[arg-type]
        for _ in range(count)
    ]


QUEUES = {
    "alike": (many(40, 20 * MB, 5 * MB), 4, None),
    "one huge slow one and many small fast ones": (
        [File(60 * MB, MB), *many(60, 20 * MB, 10 * MB)], 4, None,
    ),
    "one slow one that ends, and fast ones": (
        [File(20 * MB, MB), *many(150, 20 * MB, 10 * MB)], 4, None,
    ),
    "small files that take longer to ask for than to fetch": (
        many(200, MB, 20 * MB, connecting=0.4), 4, None,
    ),
    "under a limit for all": (many(30, 20 * MB, 5 * MB), 4, 8 * MB),
    "one large one alone at last, under a limit for all": (
        [File(400 * MB, 20 * MB), *many(20, 10 * MB, 20 * MB)], 4, 10 * MB,
    ),
    "one that cannot use its share of a limit": (
        [File(60 * MB, MB), *many(40, 10 * MB, 20 * MB)], 4, 10 * MB,
    ),
    "lengths that nobody knows": (
        many(60, 20 * MB, 5 * MB, is_sized=False), 4, None,
    ),
    "lengths that nobody knows beside a huge one": (
        [File(150 * MB, 3 * MB), *many(60, 20 * MB, 5 * MB, is_sized=False)], 4, None,
    ),
    "few large ones": (many(6, 200 * MB, 10 * MB), 4, None),
    "small ones first": (
        sorted(many(60, 20 * MB, 5 * MB) + many(6, 300 * MB, 5 * MB), key=lambda f: f.size),
        4, None,
    ),
    "a fast host and a slow one": (
        [f for pair in zip(
            many(30, 20 * MB, 10 * MB, host="a"), many(30, 20 * MB, 2 * MB, host="b"), strict=True
        ) for f in pair], 4, None,
    ),
    "one at a time": (many(20, 20 * MB, 5 * MB), 1, None),
}  # fmt: skip


@pytest.mark.parametrize("name", QUEUES)
def test_what_is_said_is_near_to_the_truth(name: str) -> None:
    files, slots, limit = QUEUES[name]
    assert share_of_near(files, slots, limit) >= MOST


def test_a_slow_one_that_has_ended_is_forgotten_at_once() -> None:
    slow, fast = File(20 * MB, 0.5 * MB), File(420 * MB, 10 * MB)
    told = dict(estimates([slow, fast], 2))
    end = max(told)
    ended = next(at for at in told if at > slow.size / slow.rate)
    eta = told[ended]
    assert eta is not None
    assert eta == pytest.approx(end - ended, abs=1.0)


running_ones = st.lists(
    st.builds(
        RunningDownload,
        st.sampled_from("ab"),
        st.none() | st.integers(0, 10**13),
        st.none() | st.floats(0, 1e7),
    ),
    max_size=8,
)
sizes = st.none() | st.integers(0, 10**13)


@given(
    running_ones,
    st.lists(sizes, max_size=30),
    st.integers(1, 8),
    st.none() | st.floats(1, 1e9),
    st.none() | st.floats(1e-12, 1e3),
)
def test_no_one_is_done_before_those_that_run(
    running: list[RunningDownload],
    waiting: list[int | None],
    slots: int,
    limit: float | None,
    per_byte: float | None,
) -> None:
    backlog = Backlog()
    for size in waiting:
        backlog.count(size, 1)
    jobs = backlog.jobs(1000.0)
    lanes = one_lane(slots, running)
    eta = time_left(running, jobs, lanes=lanes, limit=limit, per_byte=per_byte)
    if eta is None:
        assert per_byte is None
        return
    assert eta >= 0
    if limit is None:
        assert eta >= max((each.eta or 0.0 for each in running), default=0.0)
        more = [*jobs, (1e6, 1)]
        later = time_left(running, sorted(more), lanes=lanes, limit=None, per_byte=per_byte)
        assert later is None or later >= eta * (1 - 1e-9)


@given(st.lists(st.tuples(sizes, st.booleans())))
def test_a_backlog_is_what_is_in_it(entries: list[tuple[int | None, bool]]) -> None:
    backlog, kept = Backlog(), Backlog()
    for size, _ in entries:
        backlog.count(size, 1)
    for size, stays in entries:
        if stays:
            kept.count(size, 1)
        else:
            backlog.count(size, -1)
    assert backlog.jobs(7.0) == kept.jobs(7.0)
    assert backlog.median() == kept.median()
    count = sum(n for _, n in backlog.jobs(7.0))
    assert count == sum(stays for _, stays in entries)


def test_a_long_queue_is_no_more_work_than_a_short_one() -> None:
    def jobs(count: int) -> int:
        backlog, chance = Backlog(), random.Random(1)
        for _ in range(count):
            backlog.count(chance.randrange(1, 10**10), 1)
        return len(backlog.jobs(None))

    # Downloads of about one size are one job, however many they are.
    assert jobs(100_000) <= 2 * jobs(1000)


def test_a_place_beside_those_that_somebody_waits_for_is_nobody_elses() -> None:
    # Eight run, four where nobody waits: 22 more of 4 s take only the other four places.
    running = [RunningDownload("a", 400, 4.0, 100.0)] * 8
    lanes = [Lane(4, frozenset(range(4)), 1.0)]
    told = time_left(running, [(400.0, 22)], lanes=lanes, per_byte=0.01)
    assert told == pytest.approx(4.0 + 22 * 4.0 / 4, abs=2.0)


def test_two_lanes_go_on_beside_each_other() -> None:
    running = [RunningDownload("a", 100, 1.0, 100.0)] * 8
    lanes = [Lane(4, frozenset(range(4)), 0.9), Lane(4, frozenset(range(4, 8)), 0.1)]
    told = time_left(running, [(100.0, 400)], lanes=lanes, per_byte=0.01)
    assert told == pytest.approx(1.0 + 90.0, abs=1.0)


@given(st.floats(0, 100), st.floats(0, 100))
def test_it_counts_down_while_one_waits_for_its_time(delay: float, gone: float) -> None:
    gone = min(gone, delay)
    lanes = [Lane(4, frozenset({0}), 1.0)]

    def told(at: float) -> float | None:
        running = [RunningDownload("a", 1000 - round(at), 10 - at / 100, 100.0)]
        jobs = [(1000.0, 1)]
        return time_left(running, jobs, lanes=lanes, per_byte=0.01, delayed=(delay - at, 1000.0))

    first, later = told(0.0), told(gone)
    assert first is not None
    assert later is not None
    assert first - later == pytest.approx(gone)
