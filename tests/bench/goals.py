"""What a figure is to be, and the rows of the table that says what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tests.bench.checkout import BEFORE
from tests.bench.measure import Usage

Measure = Literal["wall", "cpu", "memory", "lag"]
MET, MISSED, WORSE, UNKNOWN = "met", "MISSED", "WORSE", "not measured"
UNSURE = "cannot be told"
"""What was measured is not sure enough: the goal lies within twice its standard error."""
_NOISE = 1.1
"""Two runs of the same program differ by so much; what is more than this is worse."""
_WORDS = {"wall": "wall", "cpu": "CPU", "memory": "peak memory", "lag": "lag p99"}


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the last table: what was measured, what it was before, its goal and the verdict."""

    what: str
    found: str
    before: str
    goal: str
    verdict: str


@dataclass(frozen=True, slots=True)
class Goal:
    """`figure` of each of `rows` is at most `factor` times that of the row `of`, or `limit`.

    With neither it is not to be worse than before.
    """

    text: str
    rows: tuple[str, ...]
    figure: Measure
    factor: float = 1.0
    of: str = ""
    limit: float = 0.0

    def judge(self, found: Mapping[str, Usage]) -> list[Line]:
        """Return a line for each row that it speaks of."""
        return [self._line(row, found) for row in self.rows]

    def _line(self, row: str, found: Mapping[str, Usage]) -> Line:
        def figure_of(name: str) -> float | None:
            value: float | None = getattr(found.get(name), self.figure, None)
            return value

        what = f"{row}, {_WORDS[self.figure]}"
        value, before = figure_of(row), figure_of(f"{row}{BEFORE}")
        unit = figure_of(self.of) if self.of else 1.0
        if value is None or unit is None:
            return Line(what, UNKNOWN, "", self.text, UNKNOWN)
        limit = self.factor * (unit if self.of else self.limit)
        return Line(
            what,
            self._text(value, unit),
            "" if before is None else self._text(before, unit),
            self.text,
            verdict(value, limit or None, before),
        )

    def _text(self, value: float, unit: float) -> str:
        if self.of:
            return f"{value / unit:.2f} x {self.of}"
        if self.figure == "memory":
            return f"{value / 1e6:.0f} MB"
        return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.0f} ms"


def verdict(value: float, limit: float | None, before: float | None) -> str:
    """Return what became of a goal; "" where there is none and nothing to compare with."""
    if limit is not None and value > limit:
        return MISSED
    if before is not None and value > before * _NOISE:
        return WORSE
    return MET if limit is not None or before is not None else ""
