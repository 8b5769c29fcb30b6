"""What a person reads: sizes, rates, times, and foreign text that can do no harm."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.tui.samples import FORBIDDEN, HOSTILE
from tui.text import fmt


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.00 KiB"),
        (1536, "1.50 KiB"),
        (99.95 * 1024, "100 KiB"),
        (1023.9 * 1024, "1.00 MiB"),
        (5 * 1024**4, "5.00 TiB"),
    ],
)
def test_a_size_has_three_significant_digits(count: float | None, text: str) -> None:
    assert fmt.size(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (-3, "0:00"),
        (42, "0:42"),
        (725, "12:05"),
        (11229, "3:07:09"),
        (442800, "5d 03h"),
    ],
)
def test_a_duration_is_written_as_a_clock_would(seconds: float | None, text: str) -> None:
    assert fmt.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"),
        (59, "just now"),
        (60, "1 min ago"),
        (3599, "59 min ago"),
        (3600, "1 h ago"),
        (47.9 * 3600, "47 h ago"),
        (3.5 * 86400, "3 d ago"),
    ],
)
def test_the_past_is_told_in_one_unit(seconds: float, text: str) -> None:
    assert fmt.ago(seconds) == text


def test_a_hundred_percent_is_said_of_whole_files_only() -> None:
    assert fmt.percent(999_999_999, 1_000_000_000) == "99%"
    assert fmt.percent(10, 10) == "100%"
    assert fmt.percent(0, 0) == "100%"
    assert fmt.percent(5, None) == "-"


@pytest.mark.parametrize("text", HOSTILE)
def test_cleaned_text_holds_nothing_that_a_terminal_obeys(text: str) -> None:
    cleaned = fmt.clean(text)
    assert not any(mark in cleaned for mark in FORBIDDEN)
    assert cleaned.isprintable()
    cleaned.encode()


@given(st.text(max_size=60), st.integers(min_value=1, max_value=40))
def test_fitted_text_takes_exactly_its_cells(text: str, width: int) -> None:
    assert cell_len(fmt.fit(fmt.clean(text), width)) == width


@given(st.text(max_size=60), st.integers(min_value=3, max_value=40))
def test_a_cut_name_never_takes_more_than_its_cells(text: str, width: int) -> None:
    assert cell_len(fmt.cut_middle(fmt.clean(text), width)) <= width


def test_a_long_name_keeps_its_start_and_its_extension() -> None:
    cut = fmt.cut_middle("ubuntu-24.04.1-live-server-amd64.iso", 20)
    assert cut == "ubuntu-24.04…d64.iso"
    assert fmt.cut_middle("a-very-long-name.torrent", 14, ascii_only=True).endswith("~.torrent")
    assert fmt.cut_middle("short.iso", 20) == "short.iso"
    # By cells: accents that stand alone take none, and stay with their letter.
    accented = "e\u0301" * 40 + ".iso"
    assert fmt.cut_middle(accented, 10) == "e\u0301" * 5 + "….iso"
    assert fmt.fit(accented, 4) == "e\u0301" * 3 + "…"


def test_a_name_of_wide_letters_is_cut_between_letters() -> None:
    assert fmt.cut_middle("日本語の長いファイル名.zip", 12) == "日本語….zip"


@given(
    st.text(alphabet="ab  \N{CJK UNIFIED IDEOGRAPH-6587}e\u0301\u200d", max_size=80),
    st.integers(min_value=2, max_value=20),
)
def test_lines_of_a_long_text_lose_nothing_but_spaces(text: str, width: int) -> None:
    lines = fmt.wrap(text, width + 2, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")


@given(st.text(alphabet="ab  \N{CJK UNIFIED IDEOGRAPH-6587}", max_size=80))
def test_lines_of_a_long_text_fit(text: str) -> None:
    assert all(cell_len(line) <= 10 for line in fmt.wrap(text, 10, 8))
