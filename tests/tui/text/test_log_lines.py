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


def test_a_text_line_and_one_that_was_cut_stay_as_they_are() -> None:
    whole = _written("x" * 100)
    for line in ("2026-03-01 12:00:00,000 INFO core: up", whole[:90], '{"time": "x"}', "{}"):
        assert readable(line) == [line]


@given(st.text())
def test_whatever_stands_there_it_can_be_read(text: str) -> None:
    odd = json.dumps({"time": text, "level": [], "logger": None, "message": text})
    assert readable('{"time": "' + text)
    assert readable(odd)
