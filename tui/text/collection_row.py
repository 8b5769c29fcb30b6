"""What stands in the row of a collection: its name, its verdict at one glance, the sums of all.

Pure. Unlike the row of a group it tells of every member, whatever of them is shown: under a filter
too, it is whole only if all of it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from core.domain.collections import Collection, CollectionState, Verdict
from tui.text.cells import Cell
from tui.text.collection_words import files_of, lacks, state_role, state_words
from tui.text.columns import Slot
from tui.text.group_row import Told, summed_row
from tui.text.sums import Sums


def collection_row(
    slots: tuple[Slot, ...],
    collection: Collection,
    verdicts: Mapping[Verdict, int],
    sums: Sums,
    *,
    is_folded: bool,
    ascii_only: bool = False,
) -> tuple[Cell, ...]:
    """Return the cells of a collection's row, without overlap and from left to right."""
    role = state_role(collection, verdicts, is_moving=bool(sums.rate))
    is_open = collection.state is CollectionState.READING
    count = sum(files_of(collection, verdicts).values())
    told = Told(
        words=tuple(state_words(collection, verdicts)),
        urgent=tuple(lacks(collection, verdicts)),
        role=role,
        sign=role,
        count=count,
        is_open=is_open,
        share=None if is_open else share(sums, verdicts, count),
    )
    if is_open:
        # How much there will be in the end nobody knows yet.
        sums = replace(sums, known=False)
    return summed_row(
        slots, collection.name, told, sums, is_folded=is_folded, ascii_only=ascii_only
    )


def share(sums: Sums, verdicts: Mapping[Verdict, int], files: int) -> tuple[int, int] | None:
    """Return how much of how much is there: in bytes, or in files where their sizes are not known.

    None of a collection without files.
    """
    if sums.known and sums.bytes_total:
        return sums.bytes_done, sums.bytes_total
    return (verdicts.get(Verdict.WHOLE, 0), files) if files else None
