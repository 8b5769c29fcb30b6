"""Progress on stderr: lines drawn again in place on a terminal, plain lines anywhere else.

What is shown is made by functions that know of no terminal, so that both ways can be tested without
one. Drawing again in place happens at most four times a second.
"""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol, TextIO

from core.domain.models import STUCK, TELLING, Download, Phase, Progress, Status, WaitReason
from tui.cli.following import Following, waits_for_its_turn
from tui.cli.terminal import can_redraw, say
from tui.text import fmt
from tui.text.wording import HELD, amount, doing, ending, ordinal, state, success, trouble

REDRAW_INTERVAL = 0.25  # seconds
_REPORT_INTERVAL = 10.0  # seconds between plain lines about one download, or …
_REPORT_STEP = 10  # … percent, whichever comes first
_SETTLED = 0.5  # seconds that connecting and the like last before they are worth a line
_MOST_LINES = 8
_NAME_CELLS = 28


class Display(Protocol):
    """What shows the progress of some downloads to a person."""

    def update(self, following: Following) -> None:
        """Show how things stand; called often, does something only when it is due."""

    def close(self, following: Following) -> None:
        """Show how things ended and leave the terminal as it was."""


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
    kind: object = None
    since: float = 0.0
    told: bool = False
    percent: int = 0
    bytes: int = 0
    at: float = 0.0
    ended: bool = False


class Reports:
    """A plain line at each change of what a download does or waits for, and while it lasts.

    That is every 10 s, and of one that moves every 10 %. Of many that wait only a sum is told.
    `only_ends` leaves out all but the ends, `quiet` all but the failures.
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
        self._seen = -1
        self._was_held = False
        self._summed_at = now() + _SETTLED - _REPORT_INTERVAL

    def update(self, following: Following) -> None:
        """Write the lines that are due."""
        now, unfinished = self._now(), following.left
        due = now >= self._summed_at + _REPORT_INTERVAL
        was_held, self._was_held = self._was_held, following.is_held
        if following.is_held and (not was_held or (due and unfinished)) and not self._only_ends:
            self._write(HELD)
            due = True
        if due:
            self._summed_at = now
            if unfinished > _MOST_LINES and not self._only_ends and not following.is_held:
                self._write(_summary(following))
        few = unfinished <= _MOST_LINES
        seen, self._seen = self._seen, following.revision
        # Not all: with ten thousand, looking at each four times a second costs a fifth of all.
        for download in following.worth_a_look(seen, few=few):
            reported = self._reported.setdefault(download.id, _Reported())
            was_ended, reported.ended = reported.ended, following.has_ended(download.id)
            if was_ended and reported.ended:
                continue
            if reported.ended:
                self._end(download, removed=following.is_removed(download.id))
            elif not self._only_ends:
                self._between(download, following, reported, few=few)
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
        progress = following.progress(download.id)
        if download.wait_reason in STUCK:
            why = f": {download.error.message}" if download.error is not None else ""
            line = f"{download.name}: waits, {state(download, progress)}{why}"
            if line != reported.kind:
                self._write(line)
            reported.kind, reported.bytes = line, progress.bytes_downloaded
        elif progress.bytes_downloaded != reported.bytes:
            reported.kind = None  # it went on, which a try that is in vain does not

    def _between(
        self, download: Download, following: Following, reported: _Reported, *, few: bool
    ) -> None:
        now, kind = self._now(), _kind(download)
        if kind != reported.kind:
            reported.kind, reported.since, reported.told = kind, now, False
        progress = following.progress(download.id)
        total = download.total_bytes
        percent = 100 * progress.bytes_downloaded // total if total else 0
        moving = download.phase is Phase.DOWNLOADING
        waits = download.wait_reason in TELLING
        if not reported.told:
            # What is over in no time is not worth a line, nor what the queue's own line tells.
            lasts = now >= reported.since + _SETTLED and few and not following.is_held
            due = moving or waits or lasts
        else:
            due = now >= reported.at + _REPORT_INTERVAL and (moving or few)
            due = due and not (following.is_held and waits_for_its_turn(download))
            due = due or (moving and percent >= reported.percent + _REPORT_STEP)
        if due:
            line = f"{download.name}: {_doing(download, following, datetime.now(UTC))}"
            if moving or _has_begun(download, progress):
                line += f", {amount(download, progress.bytes_downloaded)}"
            if moving and progress.rate:
                line += f", {fmt.rate(progress.rate)}"
                if progress.eta is not None:
                    line += f", {fmt.duration(progress.eta)} left"
            self._write(line + trouble(download))
            reported.told, reported.at = True, now
            reported.percent = percent - percent % _REPORT_STEP


def _has_begun(download: Download, progress: Progress) -> bool:
    """Tell whether there is anything to say of how much is there."""
    return bool(download.total_bytes or progress.bytes_downloaded)


def _kind(download: Download) -> object:
    """Return what tells one state from the next, countdowns and percentages left out."""
    return (download.status, download.phase, download.wait_reason, download.retry_count)


def _doing(download: Download, following: Following, now: datetime) -> str:
    """Return what a download does or waits for, with its place where it waits for its turn."""
    words = doing(download, following.progress(download.id), now)
    if not waits_for_its_turn(download) or download.wait_reason is WaitReason.HOST_LIMIT:
        return words
    if (place := following.place(download)) is None:
        return words
    words += f", {ordinal(place.number)} in the queue"
    if place.others:
        return f"{words}, behind {place.others:,} of others"
    return f"{words}, while {place.active:,} of others run" if place.active else words


def live_lines(following: Following, *, columns: int, rows: int) -> list[str]:
    """Return what a terminal of this size shows of downloads that have not ended.

    Every line is one cell narrower than the terminal, because the last column may wrap.
    """
    shown = following.lively
    if not shown and not following.is_held:
        shown = following.unfinished[:1]
    most = max(1, min(_MOST_LINES, rows - 2 - following.is_held))
    now = datetime.now(UTC)
    lines = [_line(download, following, now) for download in shown[:most]]
    if len(following) > 1:
        lines.append(_summary(following))
    if following.is_held and following.left:
        lines.append(HELD)
    return [fmt.fit(line, max(1, columns - 1)).rstrip() for line in lines]


def _line(download: Download, following: Following, now: datetime) -> str:
    progress = following.progress(download.id)
    name = fmt.fit(fmt.cut_middle(fmt.clean(download.name), _NAME_CELLS), _NAME_CELLS)
    line = name
    if _has_begun(download, progress):
        line += f" {amount(download, progress.bytes_downloaded)}"
    if progress.rate and download.status is Status.ACTIVE:
        left = f" {fmt.duration(progress.eta)} left" if progress.eta is not None else ""
        return f"{line} {fmt.rate(progress.rate)}{left}"
    return f"{line} {_doing(download, following, now)}{trouble(download)}"


def _summary(following: Following) -> str:
    running = [each for each in following.lively if each.status is Status.ACTIVE]
    rate = sum(following.progress(each.id).rate or 0.0 for each in running)
    active, done = len(running), following.whole
    waiting = following.left - active
    line = f"{done} of {len(following)} whole, {active} active, {waiting} waiting"
    failed = len(following) - following.left - done
    line += f", {failed} ended otherwise" if failed else ""
    line += f", {fmt.rate(rate)}" if rate else ""
    left = following.eta if active else None
    return line if left is None else f"{line}, {fmt.duration(left)} left"
