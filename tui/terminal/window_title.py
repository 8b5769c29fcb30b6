"""The terminal's own title, its progress bar and a notification when all has ended.

Pure but for `write`. It takes sums and knows nothing of the list; nothing foreign is in any of it
but the name of a machine, as the person wrote it.
"""

from __future__ import annotations

from collections.abc import Callable

from core.domain.hooks import QueueRun
from core.domain.models import Status
from core.domain.settings import FinishedAlert, ScreenSettings
from tui.terminal.features import Alert, Terminal, through_tmux
from tui.text import fmt
from tui.text.sums import Sums
from tui.text.vocabulary import STATES

_PUSH_TITLE, _POP_TITLE = "\x1b[22;2t", "\x1b[23;2t"
_STALE = 10.0
"""Seconds after which progress is said again: Ghostty forgets it after 15."""


class WindowTitle:
    """Title, progress and notification by the sums of the queue; nothing is sent twice."""

    def __init__(
        self, write: Callable[[str], object], terminal: Terminal, settings: ScreenSettings
    ) -> None:
        self._write = write
        self._terminal = terminal
        self._finished = settings.finished
        self._arrow = ">" if settings.ascii else "▸"
        self._has_title = settings.title and terminal.has_title
        self._has_kept_title = False
        self._title = self._progress = ""
        self._said_at = 0.0
        self._host = ""

    def open(self) -> None:
        """Keep the title that is there."""
        if self._has_title:
            self._has_kept_title = True
            self._write(_PUSH_TITLE)

    def close(self) -> None:
        """Put the title back and take the progress away."""
        if self._has_kept_title:
            self._has_kept_title = False
            # First an empty one, for a terminal that keeps no titles.
            self._write(_title("") + _POP_TITLE)
        if self._progress:
            self._write(self._wrapped(_progress(0)))
        self._title = self._progress = ""

    def drive(self, host: str) -> None:
        """From now on the sums are those of another machine, "" for this one."""
        self._host = host

    def show(self, sums: Sums, now: float, *, is_lost: bool = False) -> None:
        """Bring title and progress up to date; `now` is a monotonic time in seconds."""
        title = self._title_for(sums, is_lost=is_lost)
        if self._has_title and title != self._title:
            self._title = title
            self._write(_title(title))
        progress = _progress_for(sums) if self._terminal.has_progress else ""
        is_stale = bool(progress) and now - self._said_at >= _STALE
        if progress != self._progress or is_stale:
            self._progress, self._said_at = progress, now
            self._write(self._wrapped(progress or _progress(0)))

    def announce(self, run: QueueRun, host: str = "") -> None:
        """Tell the person that a run of the queue has ended, of another machine by its name."""
        if self._finished is FinishedAlert.OFF:
            return
        text = f"All downloads have ended: {run.done:,} {STATES[Status.COMPLETED]}"
        if run.failed:
            text += f", {run.failed:,} {STATES[Status.FAILED]}"
        if run.bytes:
            text += f", {fmt.size(run.bytes)} in {fmt.duration(run.seconds)}"
        sequence = ""
        if self._finished is FinishedAlert.NOTIFY:
            who = f"winch @{fmt.clean(host)}" if host else "winch"
            sequence = _notification(self._terminal.alert, who, text)
        if sequence:
            self._write(self._wrapped(sequence))
        # tmux may drop what is meant for the terminal around it, and never drops a bell.
        if not sequence or self._terminal.is_tmux:
            self._write("\x07")

    def _title_for(self, sums: Sums, *, is_lost: bool) -> str:
        name = f"winch @{self._host}" if self._host else "winch"
        active = sums.counts.get(Status.ACTIVE, 0)
        if is_lost and self._host:
            return f"{name} lost"
        if not active:
            return name
        rate = f" {self._arrow} {fmt.rate(sums.rate)}" if sums.rate else ""
        return f"{name} {active}{rate}"

    def _wrapped(self, sequence: str) -> str:
        return through_tmux(sequence) if self._terminal.is_tmux else sequence


def _notification(alert: Alert, who: str, text: str) -> str:
    """Return what a terminal shows on the desktop; "" where it has nothing for that."""
    match alert:
        case Alert.OSC_9:
            return f"\x1b]9;{who}: {text}\x1b\\"
        case Alert.OSC_99:
            return f"\x1b]99;i=winch:d=0;{who}\x1b\\\x1b]99;i=winch:d=1:p=body;{text}\x1b\\"
        case Alert.OSC_777:
            return f"\x1b]777;notify;{who};{text}\x1b\\"
        case Alert.BELL:
            return ""


def _progress_for(sums: Sums) -> str:
    """Return what shows how much of everything is here; "" once nothing is left to do."""
    if not sums.unfinished:
        return ""
    if not sums.known or not sums.bytes_total:
        return _progress(3)
    return _progress(1, 100 * sums.bytes_done // sums.bytes_total)


def _progress(state: int, percent: int = 0) -> str:
    return f"\x1b]9;4;{state};{percent}\x1b\\"


def _title(text: str) -> str:
    return f"\x1b]2;{text}\x1b\\"
