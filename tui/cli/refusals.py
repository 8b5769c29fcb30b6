"""What is wrong with the lines of a list, said on stderr; it stops none of the others."""

from __future__ import annotations

from collections.abc import Sequence

from core.domain.collections import MOST_REFUSED
from core.domain.entries import Refused
from core.domain.errors import ExitCode
from tui.cli.terminal import say


class Refusals:
    """Says which lines are refused, the first of very many, and counts them all."""

    def __init__(self, source: str | None) -> None:
        self._before = "" if source is None else f"{'stdin' if source == '-' else source}, "
        self.count = 0

    def tell(self, refused: Sequence[Refused]) -> None:
        """Say what is wrong with lines, with each in a sentence."""
        for each in refused[: max(MOST_REFUSED - self.count, 0)]:
            say(f"{self._before}{each.where}: {each.reason}")
        self.count += len(refused)

    def end(self) -> int:
        """Say how many were not named, and return the exit status that they stand for."""
        if self.count > MOST_REFUSED:
            say(f"{self._before}and {self.count - MOST_REFUSED:,} more are refused")
        return ExitCode.USAGE if self.count else ExitCode.OK
