"""The table says what was measured, who is missing, and which goals were missed."""

from __future__ import annotations

import pytest

from tests.bench import screen, state
from tests.bench.__main__ import main
from tests.bench.cases import CASES
from tests.bench.measure import Usage
from tests.bench.table import render

CASE = next(case for case in CASES if case.name == "big")


def test_the_table_shows_medians_ratios_and_goals() -> None:
    runs = {
        "winch get --embedded": [Usage(1.0, 2.0, 50_000_000), Usage(1.2, 1.0, 50_000_000)] * 2,
        "aria2c": [Usage(1.0, 1.0, None)],
    }
    text = render(CASE, runs, {"axel": "not installed"})
    lines = [" ".join(line.split()) for line in text.splitlines()]
    assert lines[0].startswith("big: 1 GiB")
    assert "winch get --embedded 1.10 s 1.10 1.00 to 1.20 1.50 s 50 MB 4" in lines
    assert "aria2c 1.00 s 1.00 1.00 to 1.00 1.00 s ? 1" in lines
    assert "axel not installed" in lines
    assert "curl not run" in lines
    goal = next(line for line in lines if line.startswith("goal wall ≤ 1.0 x aria2c"))
    assert "winch get --embedded: 1.10, MISSED" in goal
    assert "winch add + wait: not measured" in goal


def test_a_case_without_any_run_is_still_a_table() -> None:
    assert "not run" in render(CASE, {}, {})


def test_the_cases_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        *(case.name for case in CASES),
        state.NAME,
        screen.NAME,
    ]


def test_a_goal_of_nothing_is_met_by_what_rounds_to_nothing() -> None:
    goal = screen.Goal("processor", "%", 0.0)
    assert screen._row(goal, [0.0, 0.04, 0.3]).endswith("goal ≤ 0 %: met")
    assert screen._row(goal, [0.0, 0.06, 0.3]).endswith("goal ≤ 0 %: MISSED")


def test_a_figure_without_a_goal_is_only_told() -> None:
    assert "goal" not in screen._row(screen.Goal("memory, peak", "MB"), [1.0])


def test_a_part_whose_program_is_not_installed_says_so() -> None:
    goals = (screen.Goal("processor", "%"),)
    parts = (
        screen.Part("another screen", lambda *_: [9.0], goals, missing="aria2p"),
        screen.Part("our screen", lambda *_: [9.0], goals),
    )
    lines = screen._table(parts, [{"our screen": [value]} for value in (4.0, 1.0, 2.0)])
    assert [" ".join(line.split()) for line in lines.splitlines()[1:]] == [
        "another screen",
        "not run, aria2p is not installed",
        "our screen",
        "processor 2.0 % 1.0 to 4.0",
    ]
