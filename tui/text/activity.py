"""When bytes came in: by the hour, the weekday and the day or month, as lines for any width.

Pure. A part of the report on a period; the commands name weekdays as it does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from functools import partial

from core.domain.history import Busiest, DayFigures, Statistics
from core.domain.models import Status
from tui.text import charts, fmt
from tui.text.cells import Cell, ColumnSpec, Content, Line, Role, titled
from tui.text.vocabulary import STATES

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_HEIGHT = 4
_WEEKDAY = 4
"""Cells of the name of a weekday."""
_MOST_DAYS = 31
"""Days that have a line each; of more, each month has one."""


def hours(statistics: Statistics, width: int, *, ascii_only: bool = False) -> list[Line]:
    """Return at which hours of the day bytes came in."""
    hours = statistics.hours
    if not any(hours):
        return []
    pitch = min(max(width // len(hours), 1), 4)
    gap = min(pitch - 1, 1)
    busiest = max(range(len(hours)), key=hours.__getitem__)
    most = f"busiest {busiest:02}:00, {fmt.size(hours[busiest])}"
    drawn = charts.histogram(hours, _HEIGHT, width=pitch - gap, gap=gap, ascii_only=ascii_only)
    lines: list[Line] = [(Cell(0, line, Role.BAR),) for line in drawn]
    lines.append((Cell(0, _axis(pitch), Role.MUTED),))
    return [(Cell(0, "Hours", Role.TITLE), Cell(8, most, Role.MUTED)), *lines]


def week(statistics: Statistics, width: int, *, ascii_only: bool = False) -> list[Line]:
    """Return at which hours of which weekday bytes came in."""
    week, busiest = statistics.week, statistics.busiest
    if busiest is None:
        return []
    pitch = min(max((width - _WEEKDAY) // 24, 1), 3)
    largest = max(map(max, week))
    most = f"busiest {stretch(busiest, ascii_only=ascii_only)}, {fmt.size(busiest.bytes)}"
    lines: list[Line] = [
        (
            Cell(0, name, Role.MUTED),
            Cell(
                _WEEKDAY,
                charts.heat(hours, largest, width=pitch, ascii_only=ascii_only),
                Role.BAR,
            ),
        )
        for name, hours in zip(WEEKDAYS, week, strict=True)
    ]
    lines.append((Cell(_WEEKDAY, _axis(pitch).rstrip(), Role.MUTED),))
    most = fmt.fit(most, max(width - 8, 0), ascii_only=ascii_only).rstrip()
    return [(Cell(0, "Week", Role.TITLE), Cell(8, most, Role.MUTED)), *lines]


def days(statistics: Statistics, width: int, *, ascii_only: bool = False) -> list[Line]:
    """Return what each day brought, or each month of a long period, and what it took."""
    daily = statistics.daily
    by_month = len(daily) > _MOST_DAYS
    if by_month:
        daily = _by_month(daily)
    columns = (
        ColumnSpec("Months" if by_month else "Days", 10, right=False),
        ColumnSpec("", 0, right=False),
        ColumnSpec("size", 9),
        ColumnSpec(STATES[Status.COMPLETED], 5, start=68),
        ColumnSpec(STATES[Status.FAILED], 6, start=68),
        ColumnSpec("CPU", 7, start=54),
        ColumnSpec("memory", 9, start=54),
    )
    largest = max((day.bytes for day in daily), default=0)
    rows: list[list[Content]] = [
        [
            (_day(day.day), Role.MUTED),
            (partial(charts.bar, day.bytes, largest, ascii_only=ascii_only), Role.BAR),
            (fmt.size(day.bytes) if day.bytes else "-", Role.PLAIN),
            (str(day.completed or "-"), Role.PLAIN),
            (str(day.failed or "-"), Role.FAILED if day.failed else Role.MUTED),
            (fmt.seconds(day.cpu_seconds), Role.MUTED),
            (fmt.size(day.peak_memory), Role.MUTED),
        ]
        for day in daily
    ]
    return titled(columns, rows, width, ascii_only=ascii_only)


def stretch(busiest: Busiest, *, ascii_only: bool = False) -> str:
    """Return the hours of a weekday: Mon, from 10 to 12."""
    dash = "-" if ascii_only else "\u2013"
    return f"{WEEKDAYS[busiest.weekday]} {busiest.since:02}{dash}{busiest.until:02}"


def _axis(pitch: int) -> str:
    """Return the hours of a day below columns of `pitch` cells each."""
    return "".join(f"{hour:02}:00".ljust(6 * pitch) for hour in range(0, 24, 6))


def _day(day: str) -> str:
    """Return `Mon 17 Nov` for a day, `Nov 2025` for a month."""
    if len(day) == len("YYYY-MM"):
        return f"{date.fromisoformat(f'{day}-01'):%b %Y}"
    return f"{date.fromisoformat(day):%a %d %b}"


def _by_month(daily: Sequence[DayFigures]) -> tuple[DayFigures, ...]:
    """Return the sums of months; of memory the most."""
    months: defaultdict[str, list[DayFigures]] = defaultdict(list)
    for day in daily:
        months[day.day[: len("YYYY-MM")]].append(day)
    return tuple(_sum(month, days) for month, days in months.items())


def _sum(name: str, days: Sequence[DayFigures]) -> DayFigures:
    cpu = [day.cpu_seconds for day in days if day.cpu_seconds is not None]
    return DayFigures(
        day=name,
        completed=sum(day.completed for day in days),
        failed=sum(day.failed for day in days),
        bytes=sum(day.bytes for day in days),
        cpu_seconds=sum(cpu) if cpu else None,
        peak_memory=max((d.peak_memory for d in days if d.peak_memory is not None), default=None),
    )
