"""Cases that measure figures of their own, rather than programs beside each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.checkout import using
from tests.bench.goals import Line, verdict


@dataclass(frozen=True, slots=True)
class Figure:
    """At most `limit`; one without a limit is only told."""

    name: str
    unit: str
    limit: float | None = None

    def __call__(self, value: float) -> str:
        """Return a value as text."""
        digits = 2 if self.unit.startswith("x") else 1
        return f"{value:.{digits}f} {self.unit}"


@dataclass(frozen=True, slots=True)
class Part:
    """Figures that one run finds together; `run` takes where files are kept.

    `is_foreign`: another program's, which no checkout changes.
    """

    title: str
    run: Callable[[str], Sequence[float]]
    figures: tuple[Figure, ...]
    missing: str = ""
    is_foreign: bool = False


def measure(
    parts: Sequence[Part], runs: int, directory: str, against: Path | None
) -> tuple[list[str], list[Line]]:
    """Return the rows of a table, medians of the runs, and the lines about their goals."""
    rows: list[str] = []
    lines: list[Line] = []
    for part in parts:
        rows.append(f"  {part.title}")
        if part.missing:
            rows.append(f"    not run, {part.missing} is not installed")
            continue
        checkouts = [None] if against is None or part.is_foreign else [None, against]
        found: list[list[Sequence[float]]] = [[] for _ in checkouts]
        for _ in range(runs):
            for checkout, results in zip(checkouts, found, strict=True):
                with using(checkout):
                    results.append(part.run(directory))
        for place, figure in enumerate(part.figures):
            values = [sorted(result[place] for result in results) for results in found]
            rows.append(_row(figure, values[0]))
            what = f"{part.title}: {figure.name}" if len(parts) > 1 else figure.name
            lines.append(_line(what, figure, *map(median, values)))
    return rows, lines


def _row(figure: Figure, values: Sequence[float]) -> str:
    spread = f"{values[0]:.1f} to {values[-1]:.1f}"
    row = f"    {figure.name:24}{figure(median(values)):>16}   {spread}"
    if figure.limit is None:
        return row
    return f"{row:66}  goal ≤ {figure.limit:g} {figure.unit}: {_judge(figure, median(values))}"


def _line(what: str, figure: Figure, value: float, before: float | None = None) -> Line:
    goal = "" if before is None else "no worse than before"
    return Line(
        what,
        figure(value),
        "" if before is None else figure(before),
        goal if figure.limit is None else f"≤ {figure.limit:g} {figure.unit}",
        _judge(figure, value, before),
    )


def _judge(figure: Figure, value: float, before: float | None = None) -> str:
    # A goal of nothing is met by what rounds to it: a process is woken now and then.
    value = round(value, 2 if figure.unit.startswith("x") else 1)
    return verdict(value, figure.limit, before if before is None or before >= 1.0 else 1.0)
