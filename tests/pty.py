"""A real terminal for tests: a program runs on a pty, and what it writes there is read back."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
LIMIT = 30.0
"""Seconds after which what a test waits for counts as never coming."""

# Alternate screen, cursor, bracketed paste, focus reports, wrapped lines, reports of the mouse and
# of the window's size.
MODES = ("1049", "25", "2004", "1004", "7", "1000", "1003", "1006", "1015", "1016", "2048")
_STYLE = re.compile(rb"\x1b\[([\d;]*)m")
_COLOURS = {b"%d" % n for n in (*range(30, 39), *range(40, 49), *range(90, 98), *range(100, 108))}
_CHANGE = re.compile(rb"\x1b\[\?(\d+)([hl])")


class Pty:
    """A program on a terminal of its own; leave the context and it is gone."""

    def __init__(
        self, *argv: str, size: tuple[int, int] = (80, 24), **environment: str | None
    ) -> None:
        self.master, slave = os.openpty()
        _set_size(slave, *size)
        self.attributes = termios.tcgetattr(slave)
        kept = {
            k: v
            for k, v in os.environ.items()
            if not k.startswith(("TERM", "SSH", "TMUX", "COLUMNS", "LINES"))
        }
        kept |= {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT)}
        kept |= {name: value for name, value in environment.items() if value is not None}
        self.process = subprocess.Popen(
            [sys.executable, *argv],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=kept,
            start_new_session=True,
            preexec_fn=_take_terminal,  # noqa: PLW1509 - nothing here has threads yet
        )
        self.slave: int | None = slave
        self.output = b""

    def __enter__(self) -> Pty:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.hang_up()

    def hang_up(self) -> None:
        """Take the terminal away."""
        for fd in (self.slave, self.master):
            if fd is not None and fd >= 0:
                os.close(fd)
        self.slave, self.master = None, -1

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def resize(self, columns: int, lines: int) -> None:
        """Give the terminal another size, of which the program hears by a signal."""
        _set_size(self.master, columns, lines)

    def read_until(self, *texts: str) -> bytes:
        """Return what came since the last call, once all texts are in it."""
        deadline = time.monotonic() + LIMIT
        start = len(self.output)
        while not all(text.encode() in self.output[start:] for text in texts):
            if not self._read(deadline):
                raise AssertionError(f"{texts} not in what ends in {self.output[start:][-2000:]!r}")
        return self.output[start:]

    def read_to_the_end(self) -> int:
        """Read until the program has ended, and return its exit status."""
        deadline = time.monotonic() + LIMIT
        if self.slave is not None:
            # The last one that has it open: the end of the program is the end of what there is.
            os.close(self.slave)
            self.slave = None
        while self._read(deadline):
            pass
        return self.process.wait(LIMIT)

    def read_until_stopped(self) -> bytes:
        """Read until the program has been stopped, and return what came."""
        start = len(self.output)
        deadline = time.monotonic() + LIMIT
        while True:
            pid, status = os.waitpid(self.process.pid, os.WUNTRACED | os.WNOHANG)
            if pid:
                assert os.WIFSTOPPED(status), f"ended: {status}, {self.output[-500:]!r}"
                while select.select([self.master], [], [], 0)[0]:
                    self._read(deadline)
                return self.output[start:]
            assert time.monotonic() < deadline
            if select.select([self.master], [], [], 0.02)[0]:
                self._read(deadline)

    def fill(self) -> None:
        """Read nothing until the terminal's own buffer is full and the program cannot write."""
        deadline = time.monotonic() + LIMIT
        while not self.is_full():
            assert time.monotonic() < deadline
            select.select([], [], [], 0.1)

    def is_full(self) -> bool:
        """Tell whether the terminal has taken nothing for half a second."""
        assert self.slave is not None
        return not select.select([], [self.slave], [], 0.5)[1]

    def colours(self) -> set[bytes]:
        """Return every colour that was asked for."""
        codes = {code for sgr in _STYLE.findall(self.output) for code in sgr.split(b";")}
        return codes & _COLOURS

    def modes(self) -> dict[str, bool]:
        """Return which of the terminal's modes are on, by what was written to it."""
        state = {mode: mode in ("25", "7") for mode in MODES}
        for mode, switch in _CHANGE.findall(self.output):
            if mode.decode() in state:
                state[mode.decode()] = switch == b"h"
        return state

    def is_as_it_was(self) -> bool:
        """Tell whether the terminal is left as it was found."""
        pushed, popped = self.output.count(b"\x1b[>"), self.output.count(b"\x1b[<u")
        return (
            self.modes() == {mode: mode in ("25", "7") for mode in MODES}
            and pushed == popped
            and termios.tcgetattr(self.master) == self.attributes
        )

    def _read(self, deadline: float) -> bool:
        """Read what there is, or tell that nothing comes any more."""
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self.master], [], [], left)[0]:
            return False
        try:
            data = os.read(self.master, 65536)
        except OSError:
            return False
        self.output += data
        return bool(data)


def _set_size(fd: int, columns: int, lines: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


def _take_terminal() -> None:
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
