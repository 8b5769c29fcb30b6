"""How lines of the log look: to people, to programs, to the journal."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import pytest

from core.adapters.system.log_file import logging_to
from core.adapters.system.log_format import JournalFormatter, is_journal
from core.domain.settings import LogFormat

log = logging.getLogger("core.test")
SECRET = "https://me:secret@example.org/a?token=abc"


def _lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_as_json_each_record_is_one_object_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "winch.log"
    with logging_to(path, LogFormat.JSON):
        log.info('one "quoted"\nin two lines \x1b[31m')
        log.warning("of one", extra={"download": "0123abcd"})
        log.info("of two", extra={"downloads": ["a1", "b2"]})
    one, two, three = _lines(path)
    assert list(one) == ["time", "level", "logger", "message"]
    assert (one["level"], one["logger"]) == ("info", "core.test")
    assert one["message"] == 'one "quoted"\nin two lines \x1b[31m'
    assert str(one["time"]).endswith("Z")
    assert (two["level"], two["download"]) == ("warning", "0123abcd")
    assert three["downloads"] == ["a1", "b2"]
    assert path.read_text().isascii()


def test_as_json_an_exception_is_one_string_and_nothing_has_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "winch.log"
    with logging_to(path, LogFormat.JSON):
        try:
            raise ValueError(f'"{SECRET}"\n{SECRET}')
        except ValueError:
            log.exception("fetching %s", SECRET)
    (line,) = _lines(path)
    assert "ValueError" in str(line["exception"])
    assert "example.org/a" in str(line["exception"])
    assert "me:" not in path.read_text()
    assert "=abc" not in path.read_text()


def _record(level: int, message: str) -> logging.LogRecord:
    return logging.LogRecord("core.test", level, __file__, 1, message, None, None)


@pytest.mark.parametrize(
    ("level", "priority"),
    [("DEBUG", 7), ("INFO", 6), ("WARNING", 4), ("ERROR", 3), ("CRITICAL", 2)],
)
def test_the_journal_gets_a_priority_on_each_line_and_no_time(level: str, priority: int) -> None:
    number = logging.getLevelNamesMapping()[level]
    text = JournalFormatter().format(_record(number, f"one\ntwo {SECRET}"))
    first, second = text.split("\n")
    assert first == f"<{priority}>core.test: one"
    assert second == f"<{priority}>two https://example.org/a?token=…"


def test_stderr_is_the_journals_where_systemd_says_so() -> None:
    found = os.fstat(2)
    assert is_journal({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
    assert not is_journal({"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"})
    assert not is_journal({})


def test_under_the_journal_both_are_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "winch.log"
    with logging_to(path, to_journal=True):
        log.warning("careful")
    assert capsys.readouterr().err == "<4>core.test: careful\n"
    assert path.read_text().endswith(" WARNING core.test: careful\n")
