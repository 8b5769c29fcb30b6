"""Lines of a log that was written for programs, as people read them."""

from __future__ import annotations

import json
import logging

from hypothesis import given
from hypothesis import strategies as st

from core.adapters.system.log_format import JsonFormatter
from tui.text.log_lines import readable


def _written(message: str, *, error: Exception | None = None) -> str:
    found = (type(error), error, None) if error is not None else None
    record = logging.LogRecord("core.test", logging.WARNING, "f", 1, message, None, found)
    return JsonFormatter().format(record)


def test_a_json_line_reads_as_one_of_the_text_log() -> None:
    first, second, *trace = readable(_written("one\ntwo", error=ValueError("three")))
    moment, level_and_rest = first[:23], first[23:]
    assert len(moment.split(",")) == 2
    assert level_and_rest == " WARNING core.test: one"
    assert second == "two"
    assert trace == ["ValueError: three"]


def test_a_text_line_and_what_is_no_line_of_a_log_stay_as_they_are() -> None:
    whole = _written("x" * 100)
    for line in ("2026-03-01 12:00:00,000 INFO core: up", whole[:40], '{"time": "x"}', "{}"):
        assert readable(line) == [line]


@given(st.text(min_size=1), st.integers(0, 100))
def test_one_that_was_cut_is_read_as_far_as_it_goes(message: str, cut: int) -> None:
    whole = _written("broken", error=ValueError(f"{message}{'x' * 20}"))
    begin = whole.index('"exception": "') + len('"exception": "ValueError: ')
    first, *trace = readable(whole[: min(begin + cut, len(whole) - 2)])
    assert first.endswith(" WARNING core.test: broken")
    assert trace[0].startswith("ValueError: ")
    assert trace[-1].endswith("…")


@given(st.text())
def test_whatever_stands_there_it_can_be_read(text: str) -> None:
    odd = json.dumps({"time": text, "level": [], "logger": None, "message": text})
    assert readable('{"time": "' + text)
    assert readable(odd)
