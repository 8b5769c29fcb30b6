"""What a person has to know about interrupted downloads to decide on them, in a few lines.

Pure: downloads, the time and past attempts go in, lines come out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.domain.history import AttemptEnd, HistoryEntry
from core.domain.hosts import host_of
from core.domain.models import Download, Phase, Status
from tui.text import charts, fmt
from tui.text.cells import Cell, ColumnSpec, Content, Line, Role, table
from tui.text.vocabulary import PHASES, STATES

_NAMES = 3
_LABEL = 8
_GAP = 2
_COLUMNS = (
    ColumnSpec("name", 0, right=False),
    ColumnSpec("here", 9),
    ColumnSpec("of", 9, start=84),
    ColumnSpec("", 4),
    ColumnSpec("needs", 8),
    ColumnSpec("was", 11, right=False, start=64),
    ColumnSpec("last moved", 10, start=64),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupted:
    """The interrupted downloads together; `unsized` are those whose length nobody knows yet.

    `anew` are those that begin anew in any case, `bytes_kept` what is here of the others.
    `at` is when the last of them moved, `first` are the first few, with how much of each is here.
    """

    files: int
    bytes_done: int
    bytes_kept: int
    bytes_total: int
    unsized: int
    anew: int
    phases: Counter[Phase]
    at: datetime
    first: tuple[tuple[Download, int], ...]
    list_done: int
    list_total: int

    @classmethod
    def of(
        cls, downloads: Sequence[tuple[Download, int]], counts: Mapping[Status, int]
    ) -> Interrupted:
        """Sum up some downloads with how much of each is here; there has to be one.

        `counts` are how many of the whole list are in which state.
        """
        found = [download.interrupted for download, _ in downloads if download.interrupted]
        return cls(
            files=len(downloads),
            bytes_done=sum(done for _, done in downloads),
            bytes_kept=sum(done for download, done in downloads if not _begins_anew(download)),
            anew=sum(_begins_anew(download) for download, _ in downloads),
            bytes_total=sum(download.total_bytes or 0 for download, _ in downloads),
            unsized=sum(download.total_bytes is None for download, _ in downloads),
            phases=Counter(interruption.phase for interruption in found if interruption.phase),
            at=max(interruption.at for interruption in found),
            first=tuple(downloads[:_NAMES]),
            list_done=counts.get(Status.COMPLETED, 0),
            list_total=sum(counts.values()) - counts.get(Status.CANCELLED, 0),
        )

    @property
    def given_up(self) -> str:
        """What a fresh start throws away."""
        return fmt.size(self.bytes_kept) if self.bytes_kept else "nothing"

    @property
    def goes_on(self) -> str:
        """What becomes of them where they are resumed."""
        if not self.anew:
            return "recommended: goes on with what is here"
        if self.anew == self.files:
            one = self.files == 1
            return "begins anew: its server cannot continue" if one else "all must begin anew"
        return f"recommended: goes on, but {self.anew} must begin anew"


def _begins_anew(download: Download) -> bool:
    return download.interrupted is not None and download.interrupted.anew


def rates_before(attempts: Iterable[HistoryEntry]) -> dict[str, float]:
    """Return at how many bytes/s downloads came when they came last, by their ids."""
    rates: dict[str, float] = {}
    for entry in sorted(attempts, key=lambda entry: entry.number):
        if entry.average_rate:
            rates[entry.download] = entry.average_rate
    return rates


def time_left(download: Download, done: int, rate: float | None) -> str:
    """Return how long the rest takes at a rate, `unknown` where the rate or the length is."""
    if download.total_bytes is None or not rate:
        return "unknown"
    return fmt.duration(max(download.total_bytes - done, 0) / rate)


def needs(
    downloads: Sequence[tuple[Download, int]], rates: Mapping[str, float], rate: float | None
) -> str:
    """Return how long the rest of some downloads takes together, `unknown` and why where it is.

    With how much of each is here, their own bytes/s before, and those of their servers as they
    were lately. All are not done sooner than the slowest of them; those whose length nobody knows
    are counted beside.
    """
    left = {
        d.id: max(d.total_bytes - done, 0) for d, done in downloads if d.total_bytes is not None
    }
    unsized = len(downloads) - len(left)
    if not left:
        return f"unknown: nobody knows the length of {unsized} file{'' if unsized == 1 else 's'}"
    # The line of a narrow screen has no room for more.
    rest = f", and {unsized:,} of unknown length" if unsized else " as lately"
    own = [(left[id_] / rates[id_], rates[id_]) for id_ in left if id_ in rates]
    slowest, its_rate = max(own, default=(0.0, 0.0))
    if not rate and len(own) < len(left):
        return f"unknown: no rate was measured before{rest if unsized else ''}"
    together = sum(left.values()) / rate if rate else 0.0
    if slowest <= together and rate:
        return f"about {fmt.duration(together)}, at {fmt.rate(rate)}{rest}"
    whose = "" if len(left) == 1 else "the slowest "
    return f"about {fmt.duration(slowest)}, {whose}at {fmt.rate(its_rate)}{rest}"


def throughput(attempts: Iterable[HistoryEntry], downloads: Iterable[Download]) -> float | None:
    """Return the bytes/s that came in while anything did, from the servers of some downloads.

    None where that was too short to tell. Attempts that ran side by side share their time.
    """
    servers = {host_of(download.request.url) for download in downloads}
    seconds = 0.0
    received = 0
    until = float("-inf")
    for begin, end, count in sorted(
        (e.started_at.timestamp(), e.started_at.timestamp() + _seconds(e), e.bytes)
        for e in attempts
        if _seconds(e) > 0 and host_of(e.url) in servers
    ):
        seconds += max(end - max(begin, until), 0.0)
        until = max(end, until)
        received += count
    return received / seconds if seconds >= 1 and received else None


def _seconds(attempt: HistoryEntry) -> float:
    """Return for how long bytes came; of one that a kill ended only the whole time is known."""
    measured = attempt.phases.downloading
    if measured or attempt.end is not AttemptEnd.INTERRUPTED or not attempt.bytes:
        return measured
    return (attempt.ended_at - attempt.started_at).total_seconds()


def summary(
    interrupted: Interrupted,
    needed: str,
    rates: Mapping[str, float],
    now: datetime,
    width: int,
    *,
    compact: bool = False,
    ascii_only: bool = False,
) -> list[Line]:
    """Return what the prompt says; `compact` leaves out the names and what is only air.

    `needed` says how long the rest takes; where it is empty, nothing is said of that. `rates` are
    the bytes/s at which each came before.
    """
    of = interrupted
    noun = "download" if of.files == 1 else "downloads"
    past = fmt.ago((now - of.at).total_seconds())
    lines: list[Line] = [(Cell(0, f"{of.files} {noun}, interrupted {past}", Role.TITLE),)]
    air: list[Line] = [] if compact else [()]
    lines += air
    if not of.unsized:
        percent = fmt.percent(of.bytes_done, of.bytes_total).rjust(5)
        room = max(width - len(percent), 0)
        bar = charts.progress_bar(of.bytes_done, of.bytes_total, room, ascii_only=ascii_only)
        lines += [(Cell(0, bar, Role.BAR), Cell(room, percent, Role.PLAIN)), *air]
    facts = _facts(of)
    if needed:
        facts.append(("Needs", needed))
    for label, text in facts:
        lines.append((Cell(0, label, Role.MUTED), Cell(_LABEL, text, Role.PLAIN)))
    if not compact:
        lines.append(())
        for download, done in of.first:
            left = f"time left {time_left(download, done, rates.get(download.id))}"
            room = max(width - (len(left) + _GAP if needed else 0), 1)
            name = fmt.cut_middle(fmt.clean(download.name), room, ascii_only=ascii_only)
            line = (Cell(0, name, Role.MUTED), Cell(width - len(left), left, Role.MUTED))
            lines.append(line if needed else line[:1])
        if of.files > len(of.first):
            lines.append((Cell(0, f"and {of.files - len(of.first)} more", Role.MUTED),))
        lines.append(())
    return [_cut(line, width, ascii_only=ascii_only) for line in lines]


def file_row(
    download: Download,
    done: int,
    rate: float | None,
    now: datetime,
    width: int,
    *,
    ascii_only: bool = False,
) -> Line:
    """Return how far one file is and when it stopped, below `file_heading`.

    `rate` is bytes/s at which it came before.
    """
    was = download.interrupted
    phase = PHASES[was.phase] if was and was.phase else "-"
    row: list[Content] = [
        (
            lambda room: fmt.cut_middle(fmt.clean(download.name), room, ascii_only=ascii_only),
            Role.PLAIN,
        ),
        (fmt.size(done), Role.PLAIN),
        (fmt.size(download.total_bytes), Role.MUTED),
        (fmt.percent(done, download.total_bytes), Role.PLAIN),
        (time_left(download, done, rate), Role.PLAIN),
        (phase, Role.MUTED),
        (fmt.ago((now - was.at).total_seconds()) if was else "", Role.MUTED),
    ]
    return table(_COLUMNS, [row], width, ascii_only=ascii_only)[1]


def file_heading(width: int) -> Line:
    """Return the heading over the files."""
    return table(_COLUMNS, [], width)[0]


def _facts(of: Interrupted) -> list[tuple[str, str]]:
    whole = fmt.size(of.bytes_total)
    here = f"{fmt.size(of.bytes_done)} of {whole}{'+' if of.unsized else ''}"
    facts = [("Here", here if of.bytes_total else fmt.size(of.bytes_done))]
    facts.append(
        (
            STATES[Status.COMPLETED].capitalize(),
            f"{of.list_done} of {of.list_total} files in the list",
        )
    )
    phases = ", ".join(f"{count} {PHASES[phase]}" for phase, count in of.phases.most_common())
    if phases:
        facts.append(("Were", phases))
    return facts


def _cut(line: Line, width: int, *, ascii_only: bool) -> Line:
    return tuple(
        Cell(
            cell.x,
            fmt.fit(cell.text, max(width - cell.x, 0), ascii_only=ascii_only).rstrip()
            if cell.role is not Role.BAR
            else cell.text,
            cell.role,
        )
        for cell in line
    )
