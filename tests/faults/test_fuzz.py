"""A sample of the fuzz test, and that its judge is none that lets everything pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.engine.transfer.transfer import Transfer
from tests.faults.corpus import FILE, templates
from tests.faults.fuzz import SEED, _was_sent, play

SAMPLE = 80


async def test_nothing_that_a_server_says_is_unexpected(tmp_path: Path) -> None:
    found = await play(SAMPLE, SEED, tmp_path)
    assert found.wrong == []
    assert found.ends.total() == SAMPLE
    assert found.ends["completed"] > SAMPLE // 10


async def test_an_unexpected_error_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run(transfer: Transfer) -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(Transfer, "run", run)
    found = await play(2, SEED, tmp_path)
    assert len([line for line in found.wrong if "unexpected error" in line]) == 2


async def test_all_of_the_table_is_spoilt() -> None:
    assert len(await templates()) > 100


def test_bytes_of_nobody_are_told_from_what_was_sent() -> None:
    assert _was_sent(FILE[:100], [])
    assert _was_sent(b"abcdef" * 9, [b"HTTP\r\n\r\n" + b"abcdef" * 9])
    assert not _was_sent(b"abcdef\x00" * 9, [b"abc"])
