"""The results of a case, and of all goals together, as tables in plain text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple

from tests.bench.cases import Case
from tests.bench.goals import Line
from tests.bench.measure import Usage, middle


def render(case: Case, runs: Mapping[str, Sequence[Usage]], remarks: Mapping[str, str]) -> str:
    """Return a case's table: medians and ratios to the best.

    `remarks` says of a tool why it has no runs, or not all of them.
    """
    found = {name: middle(usages) for name, usages in runs.items() if usages}
    walls = [usage.wall for usage in found.values()]
    rows = [["", "wall", "of best", "range", "CPU", "memory", "runs"]]
    for tool in case.tools:
        remark = remarks.get(tool.name, "")
        if (usage := found.get(tool.name)) is None:
            rows.append([tool.name, remark or "not run"])
            continue
        times = [run.wall for run in runs[tool.name]]
        rows.append(
            [
                tool.name,
                f"{usage.wall:.2f} s",
                f"{usage.wall / min(walls):.2f}",
                f"{min(times):.2f} to {max(times):.2f}",
                "?" if usage.cpu is None else f"{usage.cpu:.2f} s",
                "?" if usage.memory is None else f"{usage.memory / 1e6:.0f} MB",
                f"{len(times)}{', ' + remark if remark else ''}",
            ]
        )
        if usage.lag is not None:
            rows[-1][-1] += f", lag p99 {usage.lag * 1000:.0f} ms"
    return "\n".join([f"{case.name}: {case.title}", *_columns(rows)])


def summary(found: Mapping[str, Sequence[Line]]) -> str:
    """Return the last table: for each case, what was measured, its goal and what became of it."""
    head = ["", "measured", "before", "goal", ""]
    rows = [[f"  {line.what}", *astuple(line)[1:]] for lines in found.values() for line in lines]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    texts = iter(["  ".join(map(str.ljust, row, widths)).rstrip() for row in (head, *rows)])
    table = [next(texts)]
    for title, lines in found.items():
        table += [title, *(next(texts) for _ in lines)]
    verdicts = Counter(line.verdict for lines in found.values() for line in lines if line.verdict)
    table.append(", ".join(f"{count} {verdict}" for verdict, count in verdicts.items()))
    return "\n".join(table)


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    full = [row for row in rows if len(row) == len(rows[0])]
    widths = [max(map(len, column)) for column in zip(*full, strict=True)]
    widths[0] = max(len(row[0]) for row in rows)
    lines = []
    for row in rows:
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:], strict=False)]
        lines.append("  " + "  ".join((*cells, row[-1])).rstrip())
    return lines
