"""What the commands print, and where: data on stdout, words on stderr.

Words are cleaned of control characters here, whatever is in them; data where it becomes lines (the
functions of text/ and of each command's table), because JSON and TOML escape what is foreign.

Also asks the person before what cannot be undone, and answers what kind of terminal there is, so
that every command does that alike: in the process of whoever asked for it, or for a caller in the
daemon.
"""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from typing import TextIO

from core.domain.errors import StoppedError, UsageError
from tui.input.caller import CALLER
from tui.input.remote import REMOTE
from tui.text.fmt import clean

_SAID: set[str] = set()


def out(*lines: str, end: str = "\n") -> None:
    """Print lines of data on stdout as they are: what is foreign in them is clean or escaped.

    Of another machine all is foreign, such as ids.
    """
    if REMOTE.get() is not None:
        lines = tuple("\n".join(map(clean, line.split("\n"))) for line in lines)
    if (caller := CALLER.get()) is not None:
        caller.printed.append((end.join((*lines, "")), False))
        return
    for line in lines:
        print(line, end=end)


def say(text: str) -> None:
    """Print a sentence for the person on stderr, every control character in it made harmless."""
    say_as_it_is(f"winch: {clean(text)}")


def say_as_it_is(line: str) -> None:
    """Print a line on stderr in which all is clean."""
    if (caller := CALLER.get()) is not None:
        caller.printed.append((f"{line}\n", True))
        return
    print(line, file=sys.stderr, flush=True)


def say_step(text: str) -> None:
    """Print a sentence about what is under way, which goes on where nobody reads it any more.

    The link over which it is told may be lost between the end of one daemon and the start of the
    next.
    """
    with suppress(OSError):
        say(text)


def say_once(text: str) -> None:
    """Print a sentence unless this command has said it already."""
    caller = CALLER.get()
    said = _SAID if caller is None else caller.said
    if text not in said:
        said.add(text)
        say(text)


def check_somebody_there(*, yes: bool, what: str) -> None:
    """Raise UsageError where nobody can be asked and nobody has agreed beforehand."""
    if not yes and CALLER.get() is not None:
        raise UsageError("nobody is asked for several hosts", hint=f"`-y` {what} without asking")
    if not yes and not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked", hint=f"`-y` {what} without asking")


def confirm(question: str, *, refused: str) -> None:
    """Ask, and raise StoppedError on anything but yes."""
    print(f"winch: {clean(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StoppedError(refused)


def can_redraw(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal on which a line can be drawn again in place."""
    return stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def columns() -> int | None:
    """Return how wide a line on stdout may be; None where nothing needs to fit (a pipe, a file)."""
    if (caller := CALLER.get()) is not None:
        return caller.columns
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def has_screen() -> bool:
    """Tell whether there is a terminal that the screen can read keys from and draw on.

    It draws on stderr.
    """
    return sys.stdin.isatty() and can_redraw(sys.stdout) and can_redraw(sys.stderr)
