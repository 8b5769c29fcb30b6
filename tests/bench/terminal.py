"""A terminal of 160 x 50 for what is measured: what a program sends to it and uses meanwhile.

As a local terminal with all colours. A paint has ended when nothing more comes for a tenth of a
second; until the last byte it counts.
"""

from __future__ import annotations

import select
import time
from pathlib import Path

from tests.bench.checkout import source
from tests.pty import LIMIT, Pty

SIZE = (160, 50)

_SETTLED = 2.0
_SECONDS = 10.0
_QUIET = 0.1


def open_screen(home: str, bytecode: str) -> Pty:
    """Open winch's screen; `bytecode` is where that is kept, as an installation does."""
    return Pty(
        *("-P", "-c", "from tui.cli.main import main; main()"),
        size=SIZE,
        WINCH_HOME=home,
        COLORTERM="truecolor",
        NO_COLOR="",
        PYTHONDONTWRITEBYTECODE="",
        PYTHONPYCACHEPREFIX=bytecode,
        PYTHONPATH=source(),
    )


def first_paint(pty: Pty) -> float:
    """Return when the first rows are there, all that fit."""
    pty.read_until("\x1b[?2026$p")
    # As a terminal does that shows a frame only when it is whole.
    pty.type(b"\x1b[?2026;2$y")
    pty.read_until("set-000000")
    return end_of_paint(pty)


def end_of_paint(pty: Pty) -> float:
    """Return when the last byte came of what is drawn now."""
    last = time.monotonic()
    while select.select([pty.master], [], [], _QUIET)[0] and pty._read(last + LIMIT):
        last = time.monotonic()
    return last


def read_for(pty: Pty, seconds: float) -> None:
    """Read what is drawn in the next seconds."""
    end = time.monotonic() + seconds
    while pty._read(end):
        pass


def over_time(pty: Pty) -> list[float]:
    """Return kB/s and processor in percent, once the screen has settled."""
    read_for(pty, _SETTLED)
    sent, used, began = len(pty.output), _processor(pty.process.pid), time.monotonic()
    read_for(pty, _SECONDS)
    seconds = time.monotonic() - began
    used = _processor(pty.process.pid) - used
    return [(len(pty.output) - sent) / seconds / 1e3, used / seconds * 1e2]


def _processor(pid: int) -> float:
    """Return the seconds that all threads have run; finer than the hundredths of `stat`."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9
