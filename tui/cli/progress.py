"""Progress on stderr: lines drawn again in place on a terminal, plain lines anywhere else.

What a display shows is made by pure functions of the downloads and the time, so that both ways can
be tested without a terminal. Drawing again in place happens at most four times a second.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TextIO

from core.domain.models import STUCK, TELLING, Download, Status
from tui import format as fmt
from tui.cli.following import Following
from tui.cli.terminal import can_redraw, say
from tui.cli.wording import HELD, amount, ending, state, success

REDRAW_INTERVAL = 0.25  # seconds
_REPORT_INTERVAL = 10.0  # seconds between plain lines about one download, or …
_REPORT_STEP = 10  # … percent, whichever comes first
_MOST_LINES = 8
_NAME_CELLS = 28


class Display(Protocol):
    """What shows the progress of some downloads to a person."""

    def update(self, following: Following) -> None:
        """Show how things stand; called often, does something only when it is due."""
        ...

    def close(self, following: Following) -> None:
        """Show how things ended and leave the terminal as it was."""
        ...


def display(*, quiet: bool) -> Display:
    """Return the display that fits stderr; `quiet` shows failures only."""
    if quiet:
        return Reports(say, quiet=True)
    return LiveLines(sys.stderr) if can_redraw(sys.stderr) else Reports(say)


class LiveLines:
    """A line for each download that moves, and one for all, drawn again in place."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._endings = Reports(self._print, only_ends=True)
        self._drawn: list[str] = []
        self._due = 0.0

    def update(self, following: Following) -> None:
        """Draw what changed, unless the last drawing is too young."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + REDRAW_INTERVAL
            self._draw(following)

    def close(self, following: Following) -> None:
        """Say what ended and take the moving lines away."""
        self._endings.close(following)
        self._erase()
        self._stream.flush()

    def _draw(self, following: Following) -> None:
        self._endings.update(following)
        size = shutil.get_terminal_size()
        lines = live_lines(following, columns=size.columns, rows=size.lines)
        if lines == self._drawn:
            return
        self._erase()
        # No line break after the last line: it would scroll at the bottom of the screen.
        self._stream.write("\n".join(lines))
        self._stream.flush()
        self._drawn = lines

    def _erase(self) -> None:
        if self._drawn:
            up = f"\x1b[{len(self._drawn) - 1}A" if len(self._drawn) > 1 else ""
            self._stream.write(f"\r{up}\x1b[J")
        self._drawn = []

    def _print(self, text: str) -> None:
        self._erase()
        self._stream.flush()
        say(text)


@dataclass(slots=True)
class _Reported:
    state: str = ""
    percent: int = 0
    at: float = 0.0
    ended: bool = False


class Reports:
    """A plain line when a download starts, waits or ends, and now and then in between.

    In between is every 10 s or every 10 %. `only_ends` leaves out all but the ends, `quiet` all but
    the failures.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        *,
        quiet: bool = False,
        only_ends: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._write = write
        self._quiet = quiet
        self._only_ends = only_ends or quiet
        self._now = now
        self._reported: dict[str, _Reported] = {}
        self._was_held = False

    def update(self, following: Following) -> None:
        """Write the lines that are due."""
        was_held, self._was_held = self._was_held, following.is_held
        if following.is_held and not was_held and not self._only_ends:
            self._write(HELD)
        for download in following:
            reported = self._reported.setdefault(download.id, _Reported())
            was_ended, reported.ended = reported.ended, following.has_ended(download.id)
            if was_ended and reported.ended:
                continue
            if reported.ended:
                self._end(download, removed=following.is_removed(download.id))
            elif not self._only_ends:
                self._between(download, following, reported)
            elif self._quiet:
                self._stuck(download, following, reported)

    def close(self, following: Following) -> None:
        """Write what is still to be said; there is nothing to tidy up."""
        self.update(following)

    def _end(self, download: Download, *, removed: bool) -> None:
        if download.status is not Status.COMPLETED:
            self._write(ending(download, removed=removed))
        elif not self._quiet:
            self._write(success(download))

    def _stuck(self, download: Download, following: Following, reported: _Reported) -> None:
        """Say even to those who want to hear errors only what may never end by itself."""
        words = state(download, following.progress(download.id))
        if download.wait_reason in STUCK and words != reported.state:
            why = f": {download.error.message}" if download.error is not None else ""
            self._write(f"{download.name}: waits, {words}{why}")
        reported.state = words

    def _between(self, download: Download, following: Following, reported: _Reported) -> None:
        progress = following.progress(download.id)
        now = self._now()
        words = state(download, progress)
        waits = download.wait_reason in TELLING
        total = download.total_bytes
        percent = 100 * progress.bytes_downloaded // total if total else 0
        moving = words == "downloading"
        due = now >= reported.at + _REPORT_INTERVAL or percent >= reported.percent + _REPORT_STEP
        if (words != reported.state and (moving or waits)) or (moving and due):
            line = f"{download.name}: {words}, {amount(download, progress.bytes_downloaded)}"
            if moving and progress.rate:
                line += f", {fmt.rate(progress.rate)}"
            if waits and download.error is not None:
                line += f": {download.error.message}"
            self._write(line)
            reported.at, reported.percent = now, percent - percent % _REPORT_STEP
        reported.state = words


def live_lines(following: Following, *, columns: int, rows: int) -> list[str]:
    """Return what a terminal of this size shows of downloads that have not ended.

    Every line is one cell narrower than the terminal, because the last column may wrap.
    """
    unfinished = following.unfinished
    shown = [download for download in unfinished if _is_worth_a_line(download)]
    most = max(1, min(_MOST_LINES, rows - 2 - following.is_held))
    lines = [_line(download, following) for download in shown[:most]]
    if len(following) > 1:
        lines.append(_summary(following, unfinished))
    if following.is_held and unfinished:
        lines.append(HELD)
    return [fmt.fit(line, max(1, columns - 1)).rstrip() for line in lines]


def _is_worth_a_line(download: Download) -> bool:
    return download.status is Status.ACTIVE or download.wait_reason in TELLING


def _line(download: Download, following: Following) -> str:
    progress = following.progress(download.id)
    name = fmt.fit(fmt.cut_middle(fmt.clean(download.name), _NAME_CELLS), _NAME_CELLS)
    line = f"{name} {amount(download, progress.bytes_downloaded)}"
    if progress.rate and download.status is Status.ACTIVE:
        left = f" {fmt.duration(progress.eta)} left" if progress.eta is not None else ""
        return f"{line} {fmt.rate(progress.rate)}{left}"
    reason = f": {fmt.clean(download.error.message)}" if download.error is not None else ""
    return f"{line} {state(download, progress)}{reason}"


def _summary(following: Following, unfinished: list[Download]) -> str:
    active = sum(download.status is Status.ACTIVE for download in unfinished)
    done = sum(download.status is Status.COMPLETED for download in following)
    rate = sum(following.progress(download.id).rate or 0.0 for download in unfinished)
    waiting = len(unfinished) - active
    line = f"{done} of {len(following)} whole, {active} active, {waiting} waiting"
    failed = len(following) - len(unfinished) - done
    return line + (f", {failed} ended otherwise" if failed else "") + f", {fmt.rate(rate)}"
