"""The table says what was measured, who is missing, and which goals were missed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.bench import soak
from tests.bench.__main__ import _OWN, main
from tests.bench.cases import CASES
from tests.bench.checkout import source, using
from tests.bench.figures import Figure, Part, measure
from tests.bench.goals import Goal, Line
from tests.bench.measure import Usage
from tests.bench.table import render, summary
from tests.bench.tools import ADDED, ARIA2C, EMBEDDED

CASE = next(case for case in CASES if case.name == "big")


def test_the_table_shows_medians_and_ratios() -> None:
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


def test_a_case_without_any_run_is_still_a_table() -> None:
    assert "not run" in render(CASE, {}, {})


def test_a_goal_is_judged_for_each_row_and_says_what_it_was_before() -> None:
    goal = Goal("CPU ≤ 2 x aria2c", ("winch", "other"), "cpu", 2.0, "aria2c")
    found = {
        "winch": Usage(1.0, 1.9, None),
        "winch, before": Usage(1.0, 4.5, None),
        "aria2c": Usage(1.0, 1.0, None),
    }
    assert goal.judge(found) == [
        Line("winch, CPU", "1.90 x aria2c", "4.50 x aria2c", goal.text, "met"),
        Line("other, CPU", "not measured", "", goal.text, "not measured"),
    ]
    found["winch"] = Usage(1.0, 2.1, None)
    assert goal.judge(found)[0].verdict == "MISSED"


@pytest.mark.parametrize(
    ("now", "before", "verdict"),
    [
        (100, 100, "met"),
        (109, 100, "met"),
        (111, 100, "WORSE"),
        (111, None, ""),
        (131, 200, "MISSED"),
    ],
)
def test_what_was_better_before_is_worse(now: int, before: int | None, verdict: str) -> None:
    limit = 130e6 if verdict == "MISSED" else 0.0
    goal = Goal("no worse than before", ("winch",), "memory", limit=limit)
    found = {"winch": Usage(1.0, None, now * 10**6)}
    if before is not None:
        found["winch, before"] = Usage(1.0, None, before * 10**6)
    (line,) = goal.judge(found)
    assert (line.found, line.verdict) == (f"{now} MB", verdict)


def test_the_last_table_has_every_goal_and_counts_the_verdicts() -> None:
    text = summary(
        {
            "big: a file": [
                Line("winch, CPU", "0.95 x aria2c", "1.20 x aria2c", "CPU ≤ 0.9", "MISSED")
            ],
            "state: the list": [
                Line("save", "1.0 ms", "", "≤ 5 ms", "met"),
                Line("idle", "0.1 ms", "", "", ""),
            ],
        }
    )
    assert [" ".join(line.split()) for line in text.splitlines()] == [
        "measured before goal",
        "big: a file",
        "winch, CPU 0.95 x aria2c 1.20 x aria2c CPU ≤ 0.9 MISSED",
        "state: the list",
        "save 1.0 ms ≤ 5 ms met",
        "idle 0.1 ms",
        "1 MISSED, 1 met",
    ]


def test_every_goal_speaks_of_rows_that_its_case_has() -> None:
    for case in CASES:
        names = {tool.name for tool in case.tools}
        for goal in case.goals:
            assert {*goal.rows, goal.of or EMBEDDED.name} <= names, (case.name, goal.text)


def test_another_checkout_runs_in_turn_with_this_one() -> None:
    tools = [tool.name for tool in CASE.beside(Path("/elsewhere")).tools]
    assert tools[:5] == [
        EMBEDDED.name,
        f"{EMBEDDED.name}, before",
        ADDED.name,
        f"{ADDED.name}, before",
        ARIA2C.name,
    ]


def test_processes_take_winch_from_the_checkout_that_is_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with using(Path("/elsewhere")):
        assert source() == os.environ["PYTHONPATH"] == "/elsewhere"
    assert "PYTHONPATH" not in os.environ
    assert (Path(source()) / "tui").is_dir()


def test_the_cases_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == [
        *(case.name for case in CASES),
        *(own.NAME for own in (*_OWN, soak)),
    ]


def _verdict_of(figure: Figure, *values: float) -> str:
    part = Part("a part", lambda _: [values[source() == "/elsewhere"]], (figure,))
    against = Path("/elsewhere") if values[1:] else None
    return measure((part,), 3, "", against)[1][0].verdict


def test_a_goal_of_nothing_is_met_by_what_rounds_to_nothing() -> None:
    goal = Figure("processor", "%", 0.0)
    assert _verdict_of(goal, 0.04) == "met"
    assert _verdict_of(goal, 0.06) == "MISSED"


def test_a_figure_without_a_goal_is_told_and_compared() -> None:
    figure = Figure("memory, peak", "MB")
    assert _verdict_of(figure, 100.0) == ""
    assert _verdict_of(figure, 100.0, 80.0) == "WORSE"
    assert _verdict_of(figure, 100.0, 95.0) == "met"


def test_less_than_a_unit_of_difference_tells_nothing() -> None:
    assert _verdict_of(Figure("processor", "%", 2.0), 0.9, 0.1) == "met"


def test_a_part_whose_program_is_not_installed_says_so() -> None:
    goals = (Figure("processor", "%"),)
    values = iter((4.0, 1.0, 2.0))
    parts = (
        Part("another screen", lambda _: [9.0], goals, missing="aria2p"),
        Part("our screen", lambda _: [next(values)], goals),
    )
    rows, _ = measure(parts, 3, "", None)
    assert [" ".join(row.split()) for row in rows] == [
        "another screen",
        "not run, aria2p is not installed",
        "our screen",
        "processor 2.0 % 1.0 to 4.0",
    ]
