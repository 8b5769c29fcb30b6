"""The line at the top: what it says of everything, and what it gives up first."""

from __future__ import annotations

import pytest

from core.domain.models import Status
from tui.text.header import Surroundings, header
from tui.text.sums import Sums

COUNTS = {Status.FAILED: 2, Status.ACTIVE: 4, Status.PENDING: 12_345}


def shown(width: int, eta: float | None) -> str:
    totals = Sums(
        counts=COUNTS, rate=11e6, bytes_done=3 << 30, bytes_total=9 << 30, known=False, eta=eta
    )
    around = Surroundings(limit=20 << 20, free=99 << 30)
    line = ""
    for cell in header("me@server.example.org", totals, around, [0.0, totals.rate], width):
        line += " " * (cell.x - len(line)) + cell.text
    return line


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_the_time_left_of_all_stands_at_the_right_edge(width: int) -> None:
    assert shown(width, 4530.0).endswith("1:15:30 left")
    assert "left" not in shown(width, None)
    assert len(shown(width, 4530.0)) < width


def test_a_narrow_window_keeps_what_failed_what_runs_and_the_time_left() -> None:
    line = shown(50, 90.0)
    assert "2 failed" in line
    assert "4 active" in line
    assert line.endswith("1:30 left")
    assert "free" not in line
