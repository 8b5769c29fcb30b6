"""The figures of a period as lines to read: tables, bars and what changed, for any width.

Pure: statistics and the time go in, lines come out. Where it is wide they stand in two columns;
where it is narrow, tables give up their least important columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import chain, zip_longest

from core.domain.errors import ErrorCode
from core.domain.history import (
    AttemptEnd,
    FailureCount,
    HistoryEntry,
    Statistics,
    Trend,
)
from core.domain.models import Phase, Status
from tui.text import activity, charts, fmt
from tui.text.cells import Cell, ColumnSpec, Content, Line, Role, shifted, table, titled
from tui.text.facts import END_ROLES
from tui.text.vocabulary import ENDS, PHASES, STATES

_Section = Callable[[int], list[Line]]

_MARGIN = 1
_GAP = 4
_TWO_COLUMNS = 116
_WIDEST = 100
_MOST_ROWS = 12
_INDENT = 7
_TRENDS = 64

_DONE, _FAILED = STATES[Status.COMPLETED], STATES[Status.FAILED]


def report(
    statistics: Statistics, width: int, now: datetime, *, ascii_only: bool = False
) -> list[Line]:
    """Return what there is to say of a period, in lines of at most `width` cells."""
    page = _Report(statistics, now, ascii_only=ascii_only)
    room = max(width - 2 * _MARGIN, 1)
    if not statistics.attempts:
        return shifted(page.nothing(room), _MARGIN)
    if width < _TWO_COLUMNS:
        tables = [page.totals, page.phases, page.failures, page.hosts]
        whole = _stacked([*tables, *page.activity, page.recent], min(room, _WIDEST))
        return shifted(whole, _MARGIN)
    column = min((room - _GAP) // 2, _WIDEST)
    left = _stacked((page.totals, page.phases, page.failures, page.recent), column)
    right = _stacked((page.hosts, *page.activity), column)
    right = shifted(right, column + _GAP)
    return shifted([a + b for a, b in zip_longest(left, right, fillvalue=())], _MARGIN)


def period(days: int) -> str:
    """Return the name of a period: `Last 7 days`."""
    return "Last day" if days == 1 else f"Last {days} days"


class _Report:
    """Every section for a width; a section without figures is empty."""

    def __init__(self, statistics: Statistics, now: datetime, *, ascii_only: bool) -> None:
        self._of = statistics
        self._now = now.astimezone()
        self._ascii = ascii_only
        self.activity: list[_Section] = [
            partial(section, statistics, ascii_only=ascii_only)
            for section in (activity.hours, activity.week, activity.days)
        ]

    def nothing(self, width: int) -> list[Line]:
        """Say that there are no figures, and what to do about it."""
        texts = (
            (f"Nothing was downloaded in the {period(self._of.days).lower()}.", Role.PLAIN),
            ("", Role.PLAIN),
            ("Choose a longer period with ], or press Esc and then a to add", Role.MUTED),
            ("downloads; figures appear here once the first has ended.", Role.MUTED),
        )
        return [(), *((Cell(0, self._cut(text, width), role),) for text, role in texts)]

    def totals(self, width: int) -> list[Line]:
        """Return how many, how much and how fast."""
        of = self._of
        failed = Role.FAILED if of.failed else Role.PLAIN
        rows: list[list[Content]] = [
            _plain(ENDS[AttemptEnd.COMPLETED].capitalize(), str(of.completed), "", ""),
            [
                (ENDS[AttemptEnd.FAILED].capitalize(), Role.MUTED),
                (str(of.failed), failed),
                ("", failed),
                ("", failed),
            ],
            _plain(ENDS[AttemptEnd.RETRIED].capitalize(), str(of.retried), "", ""),
            _trend("Success", of.success_rate, _share, change=_points),
            _trend("Downloaded", of.total_bytes, fmt.size),
            _trend("Average rate", of.average_rate, fmt.rate),
            _plain("Best rate", fmt.rate(of.best_rate), "", ""),
        ]
        return self._trends(period(of.days), rows, width)

    def phases(self, width: int) -> list[Line]:
        """Return how long a download takes in each phase."""
        of = self._of.phases
        trends = (
            (PHASES[Phase.CONNECTING].capitalize(), of.connecting),
            (PHASES[Phase.DOWNLOADING].capitalize(), of.downloading),
            (PHASES[Phase.VERIFYING].capitalize(), of.verifying),
            (PHASES[Phase.FINALIZING].capitalize(), of.finalizing),
        )
        rows = [_trend(label, trend, fmt.seconds) for label, trend in trends]
        rows.append(_trend("Whole attempt", self._of.attempt_time, fmt.seconds))
        rows.append(_trend("Total since added", self._of.total_time, fmt.seconds))
        return self._trends("Average time", rows, width)

    def failures(self, width: int) -> list[Line]:
        """Return what failed, how often and where."""
        is_wide = width >= 76
        columns = (
            ColumnSpec("times", 5),
            ColumnSpec("cause", 13, right=False),
            ColumnSpec("host", 24 if is_wide else 0, right=False),
            ColumnSpec("what was said", 0, right=False, start=76),
        )
        failures = self._of.failures[:_MOST_ROWS]
        rows: list[list[Content]] = [
            [
                (str(failure.count), Role.PLAIN),
                (_words(failure.code), Role.FAILED),
                (self._name(failure.host), Role.PLAIN),
                (fmt.clean(failure.message), Role.MUTED),
            ]
            for failure in failures
        ]
        lines = self._table(columns, rows, width)
        if not is_wide:
            said = [self._said(failure, width) for failure in failures]
            lines = [*lines[:1], *chain.from_iterable(zip(lines[1:], said, strict=True))]
        return self._section("Failures", lines)

    def _said(self, failure: FailureCount, width: int) -> Line:
        """Return the line below a failure where there is no room for it beside."""
        text = self._cut(fmt.clean(failure.message), max(width - _INDENT, 0))
        return (Cell(_INDENT, text, Role.MUTED),)

    def hosts(self, width: int) -> list[Line]:
        columns = (
            ColumnSpec("Hosts", 0, right=False),
            ColumnSpec("", 12, right=False, start=54),
            ColumnSpec("size", 9),
            ColumnSpec(_DONE, 5, start=48),
            ColumnSpec(_FAILED, 6),
            ColumnSpec("average", 10, start=70),
            ColumnSpec("best", 10, start=88),
        )
        largest = max((host.bytes for host in self._of.hosts), default=0)
        shown, more = self._of.hosts[:_MOST_ROWS], len(self._of.hosts) - _MOST_ROWS
        rows: list[list[Content]] = [
            [
                (self._name(host.host), Role.PLAIN),
                (self._bar(host.bytes, largest), Role.BAR),
                (fmt.size(host.bytes), Role.PLAIN),
                (str(host.completed), Role.PLAIN),
                (str(host.failed), Role.FAILED if host.failed else Role.MUTED),
                (fmt.rate(host.average_rate), Role.PLAIN),
                (fmt.rate(host.best_rate), Role.MUTED),
            ]
            for host in shown
        ]
        lines = titled(columns, rows, width, ascii_only=self._ascii)
        return [*lines, (Cell(0, f"and {more} more", Role.MUTED),)] if more > 0 else lines

    def recent(self, width: int) -> list[Line]:
        columns = (
            ColumnSpec("ended", 6, right=False),
            ColumnSpec("name", 0, right=False),
            ColumnSpec("size", 9, start=48),
            ColumnSpec("average", 10, start=70),
            ColumnSpec("end", 12 if width < 76 else 21, right=False),
        )
        rows = [self._attempt(entry) for entry in self._of.recent[:_MOST_ROWS]]
        return self._section("Recent", self._table(columns, rows, width))

    def _attempt(self, entry: HistoryEntry) -> list[Content]:
        end = _DONE if entry.success else ENDS[entry.end]
        if entry.error_code and entry.end is AttemptEnd.FAILED:
            end = f"{end}: {_words(entry.error_code)}"
        at = entry.ended_at.astimezone()
        today = at.date() == self._now.date()
        return [
            (at.strftime("%H:%M" if today else "%d %b"), Role.MUTED),
            (self._name(entry.name), Role.PLAIN),
            (fmt.size(entry.bytes), Role.PLAIN),
            (fmt.rate(entry.average_rate), Role.PLAIN),
            (end, END_ROLES[entry.end]),
        ]

    def _trends(self, title: str, rows: Sequence[list[Content]], width: int) -> list[Line]:
        """Return figures beside those of the period before, if there are any of that."""
        is_compared = any(before for _, _, (before, _), _ in rows)
        columns = (
            ColumnSpec(title, 0, right=False),
            ColumnSpec("now" if is_compared else "", 11),
            ColumnSpec("before" if is_compared else "", 11, start=56),
            ColumnSpec("change" if is_compared else "", 10),
        )
        return titled(columns, rows, min(width, _TRENDS), ascii_only=self._ascii)

    def _section(self, title: str, lines: list[Line]) -> list[Line]:
        """Put a title over lines; nothing over none."""
        return [(Cell(0, title, Role.TITLE),), *lines] if lines else []

    def _table(
        self, columns: Sequence[ColumnSpec], rows: Sequence[list[Content]], width: int
    ) -> list[Line]:
        return table(columns, rows, width, ascii_only=self._ascii) if rows else []

    def _bar(self, value: float, largest: float) -> Callable[[int], str]:
        return partial(charts.bar, value, largest, ascii_only=self._ascii)

    def _name(self, name: str) -> Callable[[int], str]:
        return partial(fmt.cut_middle, fmt.clean(name), ascii_only=self._ascii)

    def _cut(self, text: str, width: int) -> str:
        return fmt.fit(text, width, ascii_only=self._ascii)


def _words(code: ErrorCode) -> str:
    return code.replace("_", " ")


def _plain(label: str, *texts: str) -> list[Content]:
    return [(label, Role.MUTED), *((text, Role.PLAIN) for text in texts)]


def _trend(
    label: str,
    trend: Trend,
    write: Callable[[float | None], str],
    *,
    change: Callable[[float, float], str] | None = None,
) -> list[Content]:
    """Return a figure, what it was before and by how much it differs."""
    difference = ""
    if trend.now is not None and trend.before:
        difference = (change or _percent)(trend.now, trend.before)
    before = "" if trend.before is None else write(trend.before)
    return [
        (label, Role.MUTED),
        (write(trend.now), Role.PLAIN),
        (before, Role.MUTED),
        (difference, Role.MUTED),
    ]


def _percent(now: float, before: float) -> str:
    return _signed(round(100 * (now - before) / before), "%")


def _points(now: float, before: float) -> str:
    return _signed(round(100 * (now - before)), " points")


def _signed(change: int, unit: str) -> str:
    return f"{change:+}{unit}" if change else "same"


def _share(share: float | None) -> str:
    """Return a share in percent; 100% means all."""
    if share is None:
        return "-"
    return f"{min(round(100 * share), 99 if share < 1 else 100)}%"


def _stacked(sections: Sequence[_Section], width: int) -> list[Line]:
    """Return sections one below another, an empty line before each."""
    lines: list[Line] = []
    for section in sections:
        if written := section(width):
            lines += [(), *written]
    return lines
