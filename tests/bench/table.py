"""The result of a case as a table in plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.bench.cases import Case
from tests.bench.measure import Usage, middle


def render(case: Case, runs: Mapping[str, Sequence[Usage]], remarks: Mapping[str, str]) -> str:
    """Return a case's table: medians, ratios to the best, and what became of the goals.

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
    lines = [f"{case.name}: {case.title}", *_columns(rows)]
    lines += [f"  goal {goal.text}: {'; '.join(goal.judge(found))}" for goal in case.goals]
    return "\n".join(lines)


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
