"""The log: private, bounded, without secrets, and where people look for it."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from core.adapters.system import log_file
from core.adapters.system.log_file import logging_to, old_logs, tail
from core.domain.errors import StateError
from tests.core.adapters.files.odd_files import odd

log = logging.getLogger("core.test")


def test_it_is_for_its_owner_alone_and_holds_no_secret(tmp_path: Path) -> None:
    path = tmp_path / "winch.log"
    with logging_to(path):
        log.info("fetching https://me:secret@example.org/a?token=abc")
    assert path.stat().st_mode & 0o777 == 0o600
    text = path.read_text()
    assert "example.org/a" in text
    assert "secret" not in text
    assert "abc" not in text


def test_old_parts_are_kept_up_to_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file, "_MAX_BYTES", 1000)
    path = tmp_path / "winch.log"
    with logging_to(path):
        for number in range(200):
            log.info("line %d", number)
    oldest_first = [*old_logs(tmp_path), path]
    assert sorted(tmp_path.iterdir()) == sorted(oldest_first)
    assert {p.stat().st_mode & 0o777 for p in oldest_first} == {0o600}
    lines = "".join(p.read_text() for p in oldest_first).splitlines()
    numbers = [int(line.rsplit(maxsplit=1)[1]) for line in lines]
    assert numbers == list(range(numbers[0], 200))


@pytest.mark.parametrize("how", ["deleted", "moved", "with its directory"])
def test_a_log_that_somebody_took_away_is_begun_anew(tmp_path: Path, how: str) -> None:
    directory = tmp_path / "state"
    directory.mkdir()
    path = directory / "winch.log"
    with logging_to(path):
        log.info("before")
        if how == "deleted":
            path.unlink()
        elif how == "moved":
            path.rename(directory / "mine")
        else:
            directory.rename(tmp_path / "elsewhere")
            log.info("nowhere to go")
            directory.mkdir()
        log.info("after")
        log.info("and more")
    assert [line.rsplit(": ")[-1] for line in path.read_text().splitlines()] == [
        "after",
        "and more",
    ]


def test_a_place_that_cannot_be_written_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be written"), logging_to(tmp_path / "no" / "log"):
        pass


@pytest.mark.parametrize("kind", ["link", "pipe", "device", "directory"])
def test_only_a_file_is_written_to(tmp_path: Path, kind: str) -> None:
    path, target = tmp_path / "winch.log", tmp_path / "target"
    target.touch()
    path.symlink_to(target) if kind == "link" else odd(tmp_path, kind).rename(path)
    with pytest.raises(StateError, match="remove it"), logging_to(path):
        pass
    assert target.read_bytes() == b""


def test_a_link_that_is_laid_there_meanwhile_gets_nothing(tmp_path: Path) -> None:
    path, target = tmp_path / "winch.log", tmp_path / "target"
    target.touch()
    with logging_to(path):
        log.info("one")
        path.unlink()
        path.symlink_to(target)
        log.info("two")
        path.unlink()
        log.info("three")
    assert target.read_bytes() == b""
    assert "three" in path.read_text()


def test_the_end_of_what_is_no_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="a pipe, not a file"):
        tail(odd(tmp_path, "pipe"), 10)


def test_lines_from_before_the_rotation_come_first(tmp_path: Path) -> None:
    log = tmp_path / "winch.log"
    assert tail(log, 3) == []
    (tmp_path / "winch.log.1").write_text("a\nb\nc\n")
    log.write_text("d\ne\n")
    assert tail(log, 9) == ["a", "b", "c", "d", "e"]
    assert tail(log, 3) == ["c", "d", "e"]
    assert tail(log, 1) == ["e"]


@pytest.mark.parametrize("count", [1, 7, 999])
def test_long_logs_are_read_from_their_end(tmp_path: Path, count: int) -> None:
    log = tmp_path / "winch.log"
    lines = [f"{number} " + "\N{SNOWMAN}" * 300 for number in range(1000)]
    log.write_text("\n".join(lines))
    assert tail(log, count) == lines[-count:]


def test_whatever_stands_in_it_comes_as_text_of_a_bounded_length(tmp_path: Path) -> None:
    log = tmp_path / "winch.log"
    log.write_bytes(b"\xff\xfe\n" + b"x" * 10_000 + b"\n")
    assert tail(log, 5) == ["\N{REPLACEMENT CHARACTER}" * 2, "x" * 2000]


def test_one_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(StateError, match="cannot be read"):
        tail(tmp_path, 5)
