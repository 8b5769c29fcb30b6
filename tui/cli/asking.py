"""Whether a person at the terminal wants what cannot be undone: one question for all commands."""

from __future__ import annotations

import sys

from core.domain.errors import StoppedError, UsageError
from tui.text.fmt import clean


def check_somebody_there(*, yes: bool, what: str) -> None:
    """Raise UsageError where nobody can be asked and nobody has agreed beforehand."""
    if not yes and not sys.stdin.isatty():
        raise UsageError("nobody is there to be asked", hint=f"`-y` {what} without asking")


def confirm(question: str, *, refused: str) -> None:
    """Ask, and raise StoppedError on anything but yes."""
    print(f"winch: {clean(question)} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise StoppedError(refused)
