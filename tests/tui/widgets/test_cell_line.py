"""Lines of cells: how few pieces they are drawn in, and what of them counts as different."""

import pytest
from rich.cells import cell_len
from rich.style import Style

from tui.text.cells import Cell, Role
from tui.widgets.cell_line import differences, strip_of

STYLES = {role: Style(color=f"color({number})") for number, role in enumerate(Role, 1)}


def test_pieces_of_one_style_are_merged_and_a_gap_goes_with_the_text_before_it() -> None:
    cells = (
        Cell(1, "ab", Role.MUTED),
        Cell(5, "cd", Role.MUTED),
        Cell(8, "██", Role.BAR),
        Cell(11, "e", Role.PLAIN),
    )
    strip = strip_of(cells, 14, STYLES.__getitem__)
    assert [segment.text for segment in strip] == [" ", "ab  cd ", "██", " e  "]
    assert strip.cell_length == 14


@pytest.mark.parametrize(
    ("old", "new", "stretches"),
    [
        ("1.50 MiB/s", "1.50 MiB/s", []),
        ("1.50 MiB/s", "1.62 MiB/s", [(5, 2)]),
        ("███▏  ", "███▌  ", [(6, 1)]),
        ("日本語", "日本人", [(3, 6)]),
        ("ab", "abcd", [(3, 4)]),
    ],
)
def test_a_changed_text_is_different_from_its_first_to_its_last_changed_character(
    old: str, new: str, stretches: list[tuple[int, int]]
) -> None:
    lines = [(Cell(0, "x", Role.PLAIN), Cell(3, text, Role.MUTED)) for text in (old, new)]
    assert differences(*lines) == stretches


def test_another_meaning_of_the_same_text_is_a_difference() -> None:
    text = "failed"
    one, other = ((Cell(2, text, role),) for role in (Role.MUTED, Role.FAILED))
    assert differences(one, other) == [(2, cell_len(text))]


def test_where_columns_stand_elsewhere_all_from_there_on_is_different() -> None:
    one = (Cell(0, "a", Role.PLAIN), Cell(4, "bb", Role.PLAIN), Cell(9, "c", Role.PLAIN))
    other = (Cell(0, "a", Role.PLAIN), Cell(3, "bb", Role.PLAIN))
    assert differences(one, other) == [(3, 7)]
    assert differences((), one) == [(0, 10)]
