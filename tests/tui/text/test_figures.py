"""The figures in words and as JSON: of the time between two looks, and never of more."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.domain.figures import (
    DiskFigures,
    DownloadCost,
    DurationCounter,
    Figures,
    ProcessFigures,
)
from core.domain.value import replace
from tui.text.figures import Interval, figures_record, status_lines, top_lines, top_record

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROCESS = ProcessFigures(
    cpu=10.0,
    loop_cpu=6.0,
    memory=2**26,
    peak_memory=2**27,
    descriptors=40,
    most_descriptors=1024,
    threads=5,
)
BEFORE = Figures(at=NOON, version="1", started_at=NOON, counts={}, process=PROCESS)


def _cost(id_: str, *, threads: float, loop: float) -> DownloadCost:
    return DownloadCost(
        id=id_, name="a\x1b[31m", threads=threads, loop=loop, received=5, rate=7.0, connections=2
    )


def _later(**fields: object) -> Figures:
    process = replace(PROCESS, cpu=11.0, loop_cpu=6.5)
    return replace(BEFORE, at=NOON + timedelta(seconds=2), process=process, **fields)


def test_a_share_is_of_the_time_between_two_looks() -> None:
    then = replace(BEFORE, costs=(_cost("a", threads=1.0, loop=1.0),))
    now = _later(costs=(_cost("a", threads=1.5, loop=1.1), _cost("b", threads=1.0, loop=0.0)))
    interval = Interval(then, now)
    assert (interval.seconds, interval.cpu, interval.loop) == (2.0, 0.5, 0.25)
    assert [(s.cost.id, s.threads, round(s.loop, 3)) for s in interval.shares] == [
        ("b", 0.5, 0.0),
        ("a", 0.25, 0.05),
    ]


def test_another_attempt_and_another_service_count_from_their_beginning() -> None:
    then = replace(BEFORE, costs=(_cost("a", threads=9.0, loop=9.0),))
    (share,) = Interval(then, _later(costs=(_cost("a", threads=1.0, loop=0.0),))).shares
    assert share.threads == 0.5
    other = Interval(then, replace(_later(), started_at=NOON + timedelta(seconds=1)))
    assert other.cpu == 5.5


def test_only_what_was_measured_in_between_is_told() -> None:
    counter = DurationCounter()
    counter.add(5.0)
    then = replace(BEFORE, syncs=counter.durations)
    counter.add(0.001)
    record = top_record(Interval(then, _later(syncs=counter.durations)))
    assert record["interval"]["fsync"]["count"] == 1  # type: ignore[index]
    assert record["interval"]["fsync"]["longest"] <= 0.001  # type: ignore[index]
    assert record["fsync"]["longest"] == 5.0  # type: ignore[index]


def test_nothing_foreign_reaches_the_terminal() -> None:
    figures = _later(
        costs=(_cost("a", threads=1.0, loop=0.0),),
        disks=(DiskFigures(path="/mnt/\x1b[2J", size=10, free=5),),
    )
    lines = [*top_lines(Interval(BEFORE, figures)), *status_lines(figures)]
    assert not any("\x1b" in line for line in lines)
    assert any("a�[31m" in line for line in lines)


def test_what_nobody_has_measured_is_null() -> None:
    record = figures_record(BEFORE)
    assert record["loop_lag"] == {
        "count": 0,
        "total": 0.0,
        "median": None,
        "p99": None,
        "longest": None,
    }
    assert top_lines(Interval(BEFORE, _later()))[-1] == "no download runs"
