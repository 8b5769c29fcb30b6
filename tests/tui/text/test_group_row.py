"""The row of a group: its members' sums in the columns of the list, in exact widths."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from core.domain.models import Status
from tests.tui.samples import FORBIDDEN, HOSTILE
from tui.text.cells import Cell, Role
from tui.text.columns import SIGN_X, Column, layout
from tui.text.group_row import group_row
from tui.text.sums import Sums

WIDTHS = (30, 60, 80, 100, 140, 200)
_totals = st.builds(
    Sums,
    counts=st.dictionaries(st.sampled_from(Status), st.integers(1, 10**6), min_size=1),
    rate=st.just(0.0) | st.floats(1, 1e12),
    bytes_done=st.integers(0, 10**15),
    bytes_total=st.integers(10**15, 10**18),
    known=st.booleans(),
)


def totals(*, rate: float = 0.0, done: int = 0, known: bool = True, **counts: int) -> Sums:
    """Return sums over members, which have 4096 bytes together."""
    return Sums(
        counts={Status(status): count for status, count in counts.items()},
        rate=rate,
        bytes_done=done,
        bytes_total=4096,
        known=known,
    )


def cell_of(cells: tuple[Cell, ...], column: Column, width: int) -> Cell:
    """Return the cell that stands in a column."""
    slot = next(slot for slot in layout(width) if slot.column is column)
    return next(cell for cell in cells if cell.x == slot.x)


def text_of(cells: tuple[Cell, ...], column: Column, width: int) -> str:
    return cell_of(cells, column, width).text.strip()


@given(
    st.sampled_from(WIDTHS),
    st.text(max_size=60) | st.sampled_from(HOSTILE),
    _totals,
    st.booleans(),
    st.booleans(),
)
def test_cells_stand_side_by_side_within_the_row_whatever_is_in_them(
    width: int, name: str, sums: Sums, is_folded: bool, ascii_only: bool
) -> None:
    cells = group_row(layout(width), name, sums, is_folded=is_folded, ascii_only=ascii_only)
    for left, right in itertools.pairwise(cells):
        assert left.x + cell_len(left.text) < right.x
    assert cells[-1].x + cell_len(cells[-1].text) <= width - 1
    assert not any(mark in cell.text for cell in cells for mark in FORBIDDEN)


@pytest.mark.parametrize(
    ("is_folded", "ascii_only", "sign"),
    [(False, False, "▼"), (True, False, "▶"), (False, True, "-"), (True, True, "+")],
)
def test_the_sign_tells_whether_the_members_are_shown(
    is_folded: bool, ascii_only: bool, sign: str
) -> None:
    sums = totals(active=1, rate=1024.0, done=1000)
    cells = group_row(layout(80), "films", sums, is_folded=is_folded, ascii_only=ascii_only)
    assert cells[0] == Cell(SIGN_X, sign, Role.MUTED)
    assert not ascii_only or all(cell.text.isascii() for cell in cells)


def test_while_something_moves_it_has_all_the_figures() -> None:
    cells = group_row(
        layout(140), "films", totals(active=1, pending=2, rate=1024.0, done=1024), is_folded=False
    )
    assert {column: text_of(cells, column, 140) for column in Column} == {
        Column.NAME: "films (3)",
        Column.SIZE: "4.00 KiB",
        Column.BAR: "█████",
        Column.PERCENT: "25%",
        Column.STATUS: "1 active, 2 queued",
        Column.RATE: "1.00 KiB/s",
        Column.ETA: "0:03",
    }


def test_where_nothing_moves_the_states_have_the_room_of_the_rate() -> None:
    sums = totals(failed=1, active=2, pending=3, paused=4, completed=1000, cancelled=6)
    words = "1 failed, 2 active, 3 queued, 4 paused, 1,000 done, 6 cancelled"
    shown = [
        group_row(layout(width), "films", sums, is_folded=False)[-1].text.strip()
        for width in WIDTHS
    ]
    for text in shown:
        # As many as fit, the first of all that matters, and none cut in two.
        assert words.startswith(text)
        assert text.endswith(("failed", "active", "queued", "paused", "done", "cancelled"))
    assert shown[0] == "1 failed"
    assert len(shown[-1]) > len(shown[0])


def test_what_is_not_known_of_a_member_is_not_known_of_the_group() -> None:
    sums = totals(active=1, rate=1024.0, done=1024, known=False)
    cells = group_row(layout(140), "films", sums, is_folded=False)
    shown = [text_of(cells, c, 140) for c in (Column.SIZE, Column.BAR, Column.PERCENT, Column.ETA)]
    assert shown == ["4.00 KiB+", "", "-", "-"]


@pytest.mark.parametrize(
    ("counts", "role"),
    [
        ({"failed": 1, "active": 5, "completed": 5}, Role.FAILED),
        ({"active": 1, "completed": 5}, Role.ACTIVE),
        ({"completed": 5}, Role.DONE),
        ({"completed": 5, "paused": 1}, Role.MUTED),
    ],
)
def test_its_colour_is_that_of_the_member_that_matters_most(
    counts: dict[str, int], role: Role
) -> None:
    cells = group_row(layout(80), "films", totals(**counts), is_folded=False)
    assert cells[-1].role is role


@pytest.mark.parametrize(
    ("done", "rate", "role"),
    [(1024, 1.0, Role.BAR), (1024, 0.0, Role.BAR_IDLE), (4096, 0.0, Role.BAR_DONE)],
)
def test_the_bar_tells_moving_from_standing_and_whole(done: int, rate: float, role: Role) -> None:
    cells = group_row(layout(80), "films", totals(paused=1, done=done, rate=rate), is_folded=False)
    assert cell_of(cells, Column.BAR, 80).role is role


def test_a_long_name_is_cut_in_the_middle_and_keeps_the_count() -> None:
    cells = group_row(layout(60), "a" * 40 + "z" * 40, totals(paused=1234), is_folded=False)
    name = text_of(cells, Column.NAME, 60)
    assert name.startswith("aaa")
    assert name.endswith("z (1,234)")
    assert "…" in name


@pytest.mark.parametrize("width", WIDTHS)
def test_what_failed_is_said_also_while_something_moves(width: int) -> None:
    sums = totals(failed=1, active=1, rate=1024.0)
    cells = group_row(layout(width), "films", sums, is_folded=False)
    assert sum("1 failed" in cell.text for cell in cells) == 1
