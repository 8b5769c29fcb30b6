"""What reading the source of a collection again came to, or would, in lines.

Pure. Paths are cleaned here.
"""

from __future__ import annotations

from collections.abc import Sequence

from core.domain.collections import SyncPlan
from tui.text.fmt import clean

_PARTS = {
    "new": "new",
    "changed": "changed at the source",
    "damaged": "damaged on disk",
    "vanished": "no longer named by the source",
    "deleted": "deleted",
}
"""The kinds of files, and what is said of them."""


def sync_counts(plan: SyncPlan) -> dict[str, int]:
    """Return how many files there are of each kind, also of those whose paths are left out."""
    return {name: max(plan.counts.get(name, 0), len(getattr(plan, name))) for name in _PARTS}


def sync_lines(plan: SyncPlan, *, most: int, is_planned: bool) -> list[str]:
    """Return a line for each kind of file with its number, below it the first paths."""
    counts, lines = sync_counts(plan), []
    for name, words in _PARTS.items():
        if not (count := counts[name]) or (is_planned and name == "deleted"):
            continue
        if is_planned and name == "vanished" and counts["deleted"]:
            words = f"{words} ({counts['deleted']:,} could be deleted)"  # noqa: PLW2901
        lines.append(f"{count:,} {words}:")
        lines += _first(getattr(plan, name), count, most)
    if plan.refused:
        lines.append(f"{len(plan.refused):,} refused:")
        lines += _first([f"{r.where}: {r.reason}" for r in plan.refused], len(plan.refused), most)
    if plan.withheld:
        lines.append(f"Nothing is deleted: {plan.withheld}")
    if not lines:
        return [f"Nothing to do: {plan.unchanged:,} files are as their source says."]
    return [*lines, f"{plan.unchanged:,} as they are"]


def _first(texts: Sequence[str], count: int, most: int) -> list[str]:
    shown = [f"  {clean(text)}" for text in texts[:most]]
    return [*shown, f"  and {count - len(shown):,} more"] if count > len(shown) else shown
