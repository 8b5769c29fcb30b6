"""The line of machines: what it says of each, and what goes where there is little room."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tests.tui.samples import HOSTILE, assert_harmless
from tui.text.host_tabs import HostTab, HostTabs, Reach, host_tabs

TABS = (
    HostTab(name="laptop", reach=Reach.THERE),
    HostTab(name="server", reach=Reach.THERE, rate=2.5 * 2**20, active=3, failed=2),
    HostTab(name="attic", reach=Reach.LOST),
    HostTab(name="far-away.example.org", reach=Reach.UNASKED),
)


def text_of(found: HostTabs) -> str:
    line = ""
    for cell in found.line:
        line += " " * (cell.x - cell_len(line)) + cell.text
    return line


def test_each_machine_has_its_figures_and_a_dead_one_says_so() -> None:
    line = text_of(host_tabs(TABS, 0, 120))
    assert line.startswith("[laptop] server ↓ 2.50 MiB/s 3 active 2 failed  attic no connection ")


def test_a_narrow_window_keeps_who_is_shown_and_what_failed() -> None:
    assert text_of(host_tabs(TABS, 1, 40, ascii_only=True)) == " laptop [server 3 2!] attic x >"
    assert text_of(host_tabs(TABS, 3, 30)) == "<[far-away.example.org]"


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_cleaned(name: str) -> None:
    assert_harmless(text_of(host_tabs([HostTab(name=name, reach=Reach.LOST)], 0, 60)))


@given(
    st.lists(
        st.builds(
            HostTab,
            name=st.text(min_size=1, max_size=30),
            reach=st.sampled_from(Reach),
            rate=st.floats(0, 1e12),
            active=st.integers(0, 10**6),
            failed=st.integers(0, 10**6),
        ),
        min_size=1,
        max_size=12,
    ),
    st.integers(0, 100),
    st.integers(8, 200),
    st.booleans(),
)
def test_it_fits_and_always_holds_the_one_that_is_shown(
    tabs: list[HostTab], at: int, width: int, ascii_only: bool
) -> None:
    shown = at % len(tabs)
    found = host_tabs(tabs, shown, width, ascii_only=ascii_only)
    assert shown in [number for _, _, number in found.places]
    assert all(cell.x + cell_len(cell.text) <= width for cell in found.line)
    ends = [cell.x + cell_len(cell.text) for cell in found.line]
    assert all(end <= cell.x for end, cell in zip(ends, found.line[1:], strict=False))
