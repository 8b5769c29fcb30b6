"""The figures as text: read by the rules of the format, and what a label holds comes back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from core.domain.exposition import exposition, exposition_of_end
from core.domain.figures import DiskFigures, DurationCounter, Figures, ProcessFigures
from core.domain.value import replace

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROCESS = ProcessFigures(
    cpu=1.5,
    loop_cpu=1.0,
    memory=1000,
    peak_memory=2000,
    descriptors=9,
    most_descriptors=None,
    threads=3,
)
FIGURES = Figures(at=NOON, version="1.2", started_at=NOON, counts={"pending": 3}, process=PROCESS)

_SAMPLE = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{((?:\w+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)')
_LABEL = re.compile(r'(\w+)="((?:[^"\\\n]|\\.)*)"')
_ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> tuple[Series, dict[str, str]]:
    """Read the format as Prometheus does; return each series and the types by metric."""
    assert text.endswith("\n")
    series: Series = {}
    types: dict[str, str] = {}
    helped: set[str] = set()
    for line in text[:-1].split("\n"):
        if line.startswith("#"):
            _, word, name, rest = line.split(" ", 3)
            (helped.add(name) if word == "HELP" else types.__setitem__(name, rest))
            continue
        found = _SAMPLE.fullmatch(line)
        assert found is not None, line
        name, inside, value = found.groups()
        labels = frozenset(
            (key, re.sub(r"\\.", lambda m: _ESCAPES[m[0]], text))
            for key, text in _LABEL.findall(inside or "")
        )
        assert (name, labels) not in series
        series[name, labels] = float(value)
        family = re.sub(r"_(bucket|sum|count)$", "", name)
        assert name in types or family in types
        assert name in helped or family in helped
    return series, types


def test_a_counter_ends_with_total_and_nothing_else_does() -> None:
    _, types = read(exposition(FIGURES))
    assert {name for name in types if name.endswith("_total")} == {
        name for name, kind in types.items() if kind == "counter"
    }
    assert all(name.startswith("winch_") for name in types)


def test_what_is_there_from_the_start_is_0_and_what_is_not_known_is_left_out() -> None:
    series, _ = read(exposition(FIGURES))
    assert series["winch_failures_total", frozenset({("code", "network")})] == 0
    assert series["winch_fetched_twice_bytes_total", frozenset({("reason", "seam")})] == 0
    assert series["winch_rate_limit_bytes_per_second", frozenset()] == float("inf")
    assert series["winch_queue_length", frozenset()] == 3
    assert not any(name == "winch_process_max_fds" for name, _ in series)


def test_a_histogram_is_cumulative_and_ends_with_its_count() -> None:
    lag = DurationCounter()
    for seconds in (0.0001, 0.003, 0.003, 60.0):
        lag.add(seconds)
    series, _ = read(exposition(replace(FIGURES, lag=lag.durations)))
    name = "winch_loop_lag_seconds"
    found = {dict(labels)["le"]: n for (of, labels), n in series.items() if of == f"{name}_bucket"}
    assert list(found.values()) == sorted(found.values())
    assert (found["0.0001"], found["0.005"], found["10.0"], found["+Inf"]) == (1, 3, 3, 4)
    assert series[f"{name}_count", frozenset()] == 4
    assert abs(series[f"{name}_sum", frozenset()] - 60.0061) < 1e-6


@given(st.text(), st.text())
def test_whatever_a_label_holds_it_is_one_line_and_comes_back(path: str, user: str) -> None:
    disks = (DiskFigures(path=path, size=9, free=5),)
    series, _ = read(exposition(replace(FIGURES, disks=disks), {"user": user}))
    (labels,) = (dict(at) for name, at in series if name == "winch_disk_free_bytes")
    for label, given_ in (("path", path), ("user", user)):
        came = labels[label]
        assert len(came) == len(given_)
        for now, then in zip(came, given_, strict=True):
            assert now == then or (now == "�" and not then.isprintable())


def test_the_end_says_that_it_is_not_up_and_no_figure_more() -> None:
    series, _ = read(exposition_of_end("1.2"))
    assert series["winch_up", frozenset()] == 0
    assert {name for name, _ in series} == {"winch_up", "winch_build_info"}
