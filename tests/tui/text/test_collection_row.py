"""The row of a collection: its verdict at one glance, the sums of all of it, exact widths."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from core.domain.collections import Collection, CollectionState, Verdict
from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import DownloadRequest, Status
from core.domain.value import replace
from tests.tui.samples import FORBIDDEN, HOSTILE, NOW
from tests.tui.text.test_group_row import WIDTHS, cell_of, text_of
from tui.text.cells import Role
from tui.text.collection_row import collection_row
from tui.text.columns import SIGN_X, Column, layout
from tui.text.sums import Sums

SET = Collection(
    name="corpus", request=DownloadRequest(url="", directory="/data/corpus"), created_at=NOW
)
UNREAD = ErrorInfo(code=ErrorCode.NOT_FOUND, message="the server answered 404")
BYTES = 4096


def sums(*, rate: float = 0.0, done: int = 0, known: bool = True) -> Sums:
    counts = {Status.ACTIVE: 1} if rate else {Status.COMPLETED: 1}
    return Sums(counts=counts, rate=rate, bytes_done=done, bytes_total=BYTES, known=known)


def shown(width: int, column: Column, *, of: Sums | None = None, **what: Any) -> str:
    """Return what stands in a column; `what` are verdicts, and fields of the collection."""
    return text_of(cells(width, of=of, **what), column, width)


def cells(width: int, *, of: Sums | None = None, ascii_only: bool = False, **what: Any) -> Any:
    verdicts = {verdict: what.pop(verdict, 0) for verdict in Verdict}
    collection = replace(SET, **what)
    return collection_row(
        layout(width), collection, verdicts, of or sums(), is_folded=True, ascii_only=ascii_only
    )


@pytest.mark.parametrize(
    ("what", "words", "role"),
    [
        ({"whole": 3}, "whole", Role.DONE),
        ({"whole": 3, "state": CollectionState.PUBLISHED}, "published", Role.DONE),
        ({"whole": 1, "bad": 2, "missing": 1}, "2 bad, 1 missing", Role.FAILED),
        ({"whole": 1, "refused_count": 4}, "4 missing", Role.FAILED),
        ({"missing": 1, "refused_count": 4}, "5 missing", Role.FAILED),
        ({"pending": 2000}, "2,000 pending", Role.MUTED),
        ({"pending": 2, "paused": True}, "paused, 2 pending", Role.MUTED),
        ({"whole": 2, "paused": True}, "whole", Role.DONE),
        ({"state": CollectionState.READING}, "reading its source", Role.ACTIVE),
        ({"whole": 9, "state": CollectionState.PUBLISHING}, "publishing", Role.ACTIVE),
        ({"read_error": UNREAD}, "source not readable", Role.FAILED),
        ({"bad": 1, "state": CollectionState.PUBLISHED, "whole": 2}, "1 bad", Role.FAILED),
        ({"whole": 2, "together": True, "staging": "/d"}, "no final name yet", Role.WAITING),
        ({}, "empty", Role.DONE),
    ],
)
def test_the_verdict_stands_in_the_row_and_in_its_colour(
    what: dict[str, Any], words: str, role: Role
) -> None:
    row = cells(80, **what)
    assert text_of(row, Column.STATUS, 80) == words
    assert cell_of(row, Column.STATUS, 80).role is role
    # The sign before the name has it too: that is seen from afar.
    assert next(cell for cell in row if cell.x == SIGN_X).role is role


def test_what_matters_most_is_said_first_and_nothing_is_cut_in_two() -> None:
    what = {"bad": 3, "missing": 2, "pending": 40, "state": CollectionState.READING}
    words = "3 bad, 2 missing, reading its source, 40 pending"
    for width in WIDTHS:
        text = shown(width, Column.STATUS, **what)
        assert words.startswith(text)
        assert text.endswith(("bad", "missing", "source", "pending"))
    assert shown(140, Column.STATUS, **what) == words[: len("3 bad, 2 missing, reading its source")]


@pytest.mark.parametrize("width", WIDTHS)
def test_what_is_lacking_is_said_also_while_something_moves(width: int) -> None:
    row = cells(width, of=sums(rate=1024.0, done=1), bad=3, pending=2, whole=5)
    assert sum("3 bad" in cell.text for cell in row) == 1


def test_beside_the_name_stands_how_many_files_it_has_and_what_they_lack() -> None:
    moving = sums(rate=1024.0, done=1)
    assert shown(80, Column.NAME, of=moving, pending=1995, bad=3) == "corpus (1,998, 3 bad)"
    assert shown(80, Column.NAME, whole=2, refused_count=1) == "corpus (3)"
    reading = {"pending": 12, "state": CollectionState.READING}
    assert shown(80, Column.NAME, **reading) == "corpus (12+)"


def test_all_figures_are_those_of_the_members() -> None:
    moving = sums(rate=1024.0, done=1024)
    row = cells(140, of=moving, pending=2, whole=1)
    assert {column: text_of(row, column, 140) for column in Column} == {
        Column.NAME: "corpus (3)",
        Column.SIZE: "4.00 KiB",
        Column.BAR: "█████",
        Column.PERCENT: "25%",
        Column.STATUS: "2 pending",
        Column.RATE: "1.00 KiB/s",
        Column.ETA: "0:03",
    }


def test_where_sizes_are_not_known_the_files_tell_how_far_it_is() -> None:
    unknown = sums(done=1024, known=False)
    assert shown(140, Column.PERCENT, of=unknown, whole=1, pending=3) == "25%"
    assert shown(140, Column.SIZE, of=unknown, whole=1, pending=3) == "4.00 KiB+"


def test_nobody_says_how_far_it_is_before_its_source_is_read() -> None:
    reading = {"whole": 1, "pending": 1, "state": CollectionState.READING}
    row = cells(140, of=sums(done=BYTES // 2, rate=1.0), **reading)
    texts = [text_of(row, c, 140) for c in (Column.SIZE, Column.BAR, Column.PERCENT, Column.ETA)]
    assert texts == ["4.00 KiB+", "", "-", "-"]


_collections = st.builds(
    replace,
    st.just(SET),
    name=st.text(max_size=60) | st.sampled_from(HOSTILE),
    state=st.sampled_from(CollectionState),
    paused=st.booleans(),
    read_error=st.sampled_from([None, UNREAD]),
    refused_count=st.integers(0, 10**6),
)


@given(
    st.sampled_from(WIDTHS),
    _collections,
    st.dictionaries(st.sampled_from(Verdict), st.integers(0, 10**6)),
    st.sampled_from([0.0, 1e12]),
    st.booleans(),
)
def test_cells_stand_side_by_side_within_the_row_whatever_is_in_them(
    width: int,
    collection: Collection,
    verdicts: dict[Verdict, int],
    rate: float,
    ascii_only: bool,
) -> None:
    row = collection_row(
        layout(width),
        collection,
        verdicts,
        sums(rate=rate, done=12),
        is_folded=False,
        ascii_only=ascii_only,
    )
    for left, right in itertools.pairwise(row):
        assert left.x + cell_len(left.text) < right.x
    assert row[-1].x + cell_len(row[-1].text) <= width - 1
    assert not any(mark in cell.text for cell in row for mark in FORBIDDEN)
