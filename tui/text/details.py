"""Everything that is known about one download as lines to read, the most telling first.

Pure: a download, how far it is, a close look at it and its last rates go in, lines come out. Where
there is little room the live part comes first and without space; where it is wide, there are two
columns below what matters most.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import zip_longest

from rich.cells import cell_len

from core.domain.hosts import site_of
from core.domain.inspection import Connection, ConnectionState, Inspection
from core.domain.models import Download, Progress, Status
from tui.text import charts, facts, fmt, piece_map
from tui.text.cells import Cell, ColumnSpec, Content, Fact, Line, Role, labelled, shifted, table
from tui.text.download_state import bytes_done, is_moving, status_role, status_text

STEP = 2.0
"""Seconds that one of the rates stands for, and its column of the graph."""
LONGEST = 150
"""Rates that there are at the most: five minutes."""
_TWO_COLUMNS = 116
_GAP = 4
_ROOMY = 16
"""Lines from which on sections stand apart and the graph is high."""
_LEAST_CONNECTIONS = 4
_GRAPH = 3
"""Lines of the graph where there is room; one with its words beside it where there is not."""
_LEAST_GRAPH = 8
_WORDS = 43

_COLUMNS = (
    ColumnSpec("", 0, right=False),
    ColumnSpec("", 15, right=False, start=74),
    ColumnSpec("", 19, right=False, start=52),
    ColumnSpec("", 10),
    ColumnSpec("", 10, right=False, start=36),
)
_STATES = {
    ConnectionState.CONNECTING: Role.WAITING,
    ConnectionState.RECEIVING: Role.ACTIVE,
    ConnectionState.LIMITED: Role.WAITING,
    ConnectionState.WRITING: Role.WAITING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One download as it is known: `rates` are bytes/s every STEP seconds, up to the latest.

    `inspection` is None until somebody has looked.
    """

    download: Download
    progress: Progress
    inspection: Inspection | None = None
    rates: Sequence[float] = ()


def report(
    subject: Subject, width: int, height: int, now: datetime, *, ascii_only: bool = False
) -> list[Line]:
    """Return the lines, at most `width` cells each, for a pane in which `height` are in sight."""
    page = _Page(subject, height, now, ascii_only=ascii_only)
    head = [*page.headline(width), *page.trouble(width), *page.why(width)]
    live = [page.pieces, page.throughput]
    past = [page.overview, page.timeline, page.answer]
    if width < _TWO_COLUMNS:
        page.taken = len(head) + 6
        return page.stacked(head, [*live, page.connections, *past], width)
    column = (width - _GAP) // 2
    top = page.stacked(head, [page.pieces], width)
    page.taken = len(top) + 4
    left = page.stacked([], [page.throughput, page.overview], column)
    right = page.stacked([], [page.connections, page.timeline, page.answer], column)
    right = shifted(right, column + _GAP)
    return [*top, *(a + b for a, b in zip_longest(left, right, fillvalue=()))]


class _Page:
    """Every section for a width; one that has nothing to say is empty."""

    def __init__(self, of: Subject, height: int, now: datetime, *, ascii_only: bool) -> None:
        self._of = of
        self._download = of.download
        self._height = height
        self._now = now
        self._ascii = ascii_only
        self.taken = 0
        """Lines in sight that are not the connections'."""

    def headline(self, width: int) -> list[Line]:
        """Return how it stands: what does not fit any more is left out."""
        download, progress = self._download, self._of.progress
        parts = [(status_text(download, progress, self._now), status_role(download))]
        parts.append((_amount(download, bytes_done(download, progress)), Role.PLAIN))
        if is_moving(download):
            parts.append((fmt.rate(progress.rate), Role.PLAIN))
            if progress.eta is not None:
                parts.append((f"{fmt.duration(progress.eta)} left", Role.PLAIN))
            parts.append((fmt.counted(progress.connections, "connection"), Role.MUTED))
        cells: list[Cell] = []
        x = 0
        for text, role in parts:
            if cells and x + cell_len(text) > width:
                continue
            cut = fmt.fit(text, min(cell_len(text), max(width, 1)), ascii_only=self._ascii)
            cells.append(Cell(x, cut, role))
            x += cell_len(cut) + 2
        return [tuple(cells)]

    def trouble(self, width: int) -> list[Line]:
        """Return what went wrong, and what to do about it; also of a file found damaged."""
        if (error := self._download.error) is None:
            return []
        said = fmt.clean(f"{error.message} [{error.code}]")
        role = Role.WAITING if self._download.status is Status.PENDING else Role.FAILED
        hint = ("Hint", fmt.clean(error.hint), Role.PLAIN)
        return self._written([("Error", said, role), hint], width)

    def why(self, width: int) -> list[Line]:
        """Return what holds it up, of what runs or waits."""
        seen, status = self._of.inspection, self._download.status
        if seen is None or seen.slowness is None:
            return []
        if status not in (Status.ACTIVE, Status.PENDING):
            return []
        label = "Why slow?" if status is Status.ACTIVE else "Why waiting?"
        lines = self._written([(label, fmt.clean(seen.slowness.sentence), Role.PLAIN)], width)
        return [(replace(first, role=Role.TITLE), *text) for first, *text in lines[:1]] + lines[1:]

    def pieces(self, width: int) -> list[Line]:
        """Return which parts of the file are here; nothing of a file that is whole."""
        seen = self._of.inspection
        if seen is None or not seen.total or self._download.status is Status.COMPLETED:
            return []
        return [
            drawn(seen.total, seen.done, seen.claimed, width, ascii_only=self._ascii)
            for drawn in (piece_map.strip, piece_map.legend)
        ]

    def throughput(self, width: int) -> list[Line]:
        """Return how fast it was; nothing where nothing came."""
        room = width if self._is_roomy else max(width - _WORDS - 2, _LEAST_GRAPH)
        room = min(room, width, LONGEST)
        rates = self._of.rates[-room:]
        if not any(rates):
            return []
        words = self._words(rates)
        height = _GRAPH if self._is_roomy else 1
        drawn = charts.histogram(rates, height, ascii_only=self._ascii)
        lines: list[Line] = [(Cell(0, line.ljust(room), Role.BAR),) for line in drawn]
        if self._is_roomy:
            return [self._heading("Throughput", words, width), *lines]
        words = fmt.fit(words, max(width - room - 2, 0), ascii_only=self._ascii).rstrip(" ")
        return [(*lines[0], Cell(room + 2, words, Role.MUTED))]

    def _words(self, rates: Sequence[float]) -> str:
        mean = sum(rates) / len(rates)
        span = fmt.duration(len(rates) * STEP)
        return f"peak {fmt.rate(max(rates))}, mean {fmt.rate(mean)}, last {span}"

    def connections(self, width: int) -> list[Line]:
        """Return what each connection does, as many as fit."""
        seen = self._of.inspection
        if seen is None or not seen.connections:
            return []
        most = max(self._height - self.taken - 1, _LEAST_CONNECTIONS)
        shown = seen.connections
        if len(shown) > most:
            shown = shown[: most - 1]
        hosts = dict.fromkeys(map(_host, seen.connections))
        rows = [self._connection(connection, alone=len(hosts) == 1) for connection in shown]
        columns = _COLUMNS if len(hosts) > 1 else (_COLUMNS[0], *_COLUMNS[2:])
        lines = table(columns, rows, width, ascii_only=self._ascii)[1:]
        if more := len(seen.connections) - len(shown):
            lines.append((Cell(0, f"+{more} more", Role.MUTED),))
        to = next(iter(hosts)) if len(hosts) == 1 else f"{len(hosts)} hosts"
        return [self._heading("Connections", f"{len(seen.connections)} to {to}", width), *lines]

    def _connection(self, of: Connection, *, alone: bool) -> list[Content]:
        """Return a row: the host, unless it is alone, address, range, rate and state."""
        peer = fmt.clean(of.peer or "-")
        rate = fmt.rate(of.rate)
        if of.state is ConnectionState.CONNECTING:
            rate = f"for {fmt.duration(of.asked)}"
        cut = partial(fmt.cut_middle, ascii_only=self._ascii)
        host: list[Content] = [] if alone else [(partial(cut, _host(of)), Role.PLAIN)]
        return [
            *host,
            (partial(cut, peer), Role.PLAIN if alone else Role.MUTED),
            (_range(of), Role.PLAIN),
            (rate, Role.PLAIN),
            (str(of.state), _STATES[of.state]),
        ]

    def overview(self, width: int) -> list[Line]:
        """Return what it is, where it goes, and the limits that hold for it."""
        seen = self._of.inspection
        limits = facts.limits(seen) if seen is not None else []
        return self._written([*facts.overview(self._download, self._now), *limits], width)

    def timeline(self, width: int) -> list[Line]:
        seen = self._of.inspection
        if seen is None or not seen.timeline:
            return []
        fields = facts.timeline(seen.timeline, self._now)
        return self._titled("Timeline", "the latest first", fields, width)

    def answer(self, width: int) -> list[Line]:
        seen = self._of.inspection
        if seen is None or seen.answer is None:
            return []
        said, fields = facts.answer(seen.answer, self._now)
        return self._titled("Last answer", said, fields, width)

    def stacked(
        self, head: list[Line], sections: Sequence[Callable[[int], list[Line]]], width: int
    ) -> list[Line]:
        """Return sections one below another, apart from each other where there is room."""
        lines = list(head)
        for section in sections:
            if written := section(width):
                lines += [(), *written] if lines and self._is_roomy else written
        return lines

    @property
    def _is_roomy(self) -> bool:
        return self._height >= _ROOMY

    def _titled(self, title: str, note: str, fields: list[Fact], width: int) -> list[Line]:
        return [self._heading(title, note, width), *self._written(fields, width)]

    def _heading(self, title: str, note: str, width: int) -> Line:
        x = len(title) + 2
        note = fmt.fit(note, max(width - x, 0), ascii_only=self._ascii).rstrip(" ")
        return (Cell(0, title, Role.TITLE), Cell(x, note, Role.MUTED))

    def _written(self, fields: Sequence[Fact], width: int) -> list[Line]:
        return labelled(fields, width, ascii_only=self._ascii)


def _amount(download: Download, done: int) -> str:
    if download.total_bytes is None:
        return f"{fmt.size(done)} so far, the whole is not known" if done else "of unknown size"
    percent = fmt.percent(done, download.total_bytes)
    return f"{fmt.size(done)} of {fmt.size(download.total_bytes)} ({percent})"


def _host(of: Connection) -> str:
    """Return the mirror that is asked."""
    return fmt.clean(site_of(of.url) or of.url)


def _range(of: Connection) -> str:
    """Return where a connection is and how far it goes."""
    end = "the end" if of.end is None else fmt.size(of.end)
    return f"{fmt.size(of.position)} - {end}"
