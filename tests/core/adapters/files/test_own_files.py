"""A file is found by what it is, under every name that winch gives it, and under no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.adapters.files.destination import identity_of
from core.adapters.files.own_files import OwnFile, delete, find


def own(path: Path, *, is_whole: bool = False) -> OwnFile:
    """Return what is known of a file `f` of four bytes that lies there."""
    return OwnFile(
        directory=str(path.parent),
        name="f",
        identity=identity_of(path.stat()),
        is_whole=is_whole,
        least=4,
        most=4,
    )


@pytest.mark.parametrize("name", ["f.part", "f (1).mismatch", "f"])
async def test_it_is_found_under_every_name_it_may_have(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"data")
    (found,) = await find([own(path)])
    assert found is not None
    assert (found.path, found.size, found.reason) == (str(path), 4, "")
    assert await delete(own(path)) is None
    assert not path.exists()


async def test_under_another_name_it_is_the_persons(tmp_path: Path) -> None:
    path = tmp_path / "mine"
    path.write_bytes(b"data")
    known = own(path)
    assert await find([known]) == [None]
    assert await delete(known) is None
    assert path.exists()


async def test_what_changes_after_the_question_is_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"data")
    known = own(path, is_whole=True)
    path.write_bytes(b"data and mine")
    assert await delete(known) == "not as winch left it"
    assert path.exists()


async def test_a_directory_that_is_gone_holds_nothing(tmp_path: Path) -> None:
    path = tmp_path / "there" / "f"
    path.parent.mkdir()
    path.write_bytes(b"data")
    known = own(path, is_whole=True)
    path.unlink()
    path.parent.rmdir()
    assert await find([known]) == [None]
