"""The end of the log: whole lines, over a rotation too, and never more than was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.adapters.system.log_tail import tail
from core.domain.errors import StateError


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
