"""Charts have the width that was asked for, and show that something is there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.text.charts import bar, histogram, progress_bar

values = st.floats(min_value=0, max_value=1e18, allow_nan=False)


@given(values, values, st.integers(0, 60), st.booleans())
def test_a_bar_has_its_width_whatever_the_values(
    value: float, largest: float, width: int, ascii_only: bool
) -> None:
    text = bar(value, largest, width, ascii_only=ascii_only)
    assert cell_len(text) == width
    assert text.isascii() or not ascii_only
    assert bool(text.strip()) == (width > 0 and value > 0 and largest > 0)


@given(st.lists(values, max_size=40), st.integers(1, 6), st.integers(1, 3), st.integers(0, 2))
def test_a_histogram_has_a_column_for_each_value(
    figures: list[float], height: int, width: int, gap: int
) -> None:
    for ascii_only in (False, True):
        lines = histogram(figures, height, width=width, gap=gap, ascii_only=ascii_only)
        assert [len(line) for line in lines] == [len(figures) * (width + gap)] * height
        for number, figure in enumerate(figures):
            assert (lines[-1][number * (width + gap)] != " ") == (figure > 0)


def test_a_bar_grows_by_eighths_of_a_cell() -> None:
    assert [bar(value, 16, 2) for value in (0, 1, 8, 9, 15, 16)] == [
        "  ", "▏ ", "█ ", "█▏", "█▉", "██",
    ]  # fmt: skip


def test_the_largest_bar_is_full_and_the_smallest_is_a_sliver() -> None:
    assert bar(7, 7, 3) == "███"
    assert bar(1, 10**12, 3) == "▏  "
    assert bar(1, 10**12, 3, ascii_only=True) == "#  "


@pytest.mark.parametrize(
    ("ascii_only", "lines"),
    [(False, ["   █ ", "  ██ ", "▁▄██ "]), (True, ["   # ", "  ## ", ".:## "])],
)
def test_columns_stand_on_the_ground(ascii_only: bool, lines: list[str]) -> None:
    assert histogram([1, 12, 48, 72, 0], 3, ascii_only=ascii_only) == lines


def test_a_bar_grows_by_eighths_and_is_full_only_when_whole() -> None:
    assert progress_bar(0, 64, 8) == "        "
    assert progress_bar(1, 64, 8) == "▏       "
    assert progress_bar(12, 64, 8) == "█▌      "
    assert progress_bar(10**9 - 1, 10**9, 4) == "███▉"
    assert progress_bar(64, 64, 8) == "████████"
    assert progress_bar(99, 64, 2) == "██"
    assert progress_bar(0, 0, 2) == "██"


def test_a_plain_bar_is_made_of_ascii() -> None:
    assert progress_bar(32, 64, 8, ascii_only=True) == "####----"
    assert progress_bar(64, 64, 8, ascii_only=True) == "########"
    assert progress_bar(0, 0, 3, ascii_only=True) == "###"
