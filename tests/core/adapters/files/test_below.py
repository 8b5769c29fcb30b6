"""Directories below a destination: made, looked at and removed, and never through a link."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from core.adapters.files.below import (
    check_below,
    make_again,
    make_below,
    make_root,
    remove_empty,
)
from core.domain.errors import DestinationError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "there").mkdir(parents=True)
    (root / "file").write_bytes(b"1")
    (tmp_path / "elsewhere/empty").mkdir(parents=True)
    (root / "link").symlink_to(tmp_path / "elsewhere")
    return root


def tree(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


async def test_a_look_finds_what_making_them_would(root: Path) -> None:
    wanted = [f"{root}/{path}" for path in ("there/new/deep", "file/below", "link/below", "new")]
    before = tree(root)
    found = await check_below(str(root), wanted)
    assert tree(root) == before
    made = await make_below(str(root), wanted)
    assert found.keys() == made.keys() == {f"{root}/file/below", f"{root}/link/below"}
    for directory, error in found.items():
        assert isinstance(error, DestinationError)
        assert error.message == made[directory].message
    assert (root / "there/new/deep").is_dir()
    assert (root / "new").is_dir()


async def test_what_is_empty_goes_with_what_that_leaves_empty(root: Path) -> None:
    for path in ("a/b/c", "a/b/d", "kept/empty"):
        (root / path).mkdir(parents=True)
    (root / "kept/file").write_bytes(b"1")
    await remove_empty(f"{root}/", [f"{root}/{path}" for path in ("a/b/c", "a/b/d", "kept/empty")])
    assert tree(root) == ["file", "kept", "kept/file", "link", "there"]


async def test_the_destination_and_what_a_link_leads_to_stay(root: Path, tmp_path: Path) -> None:
    (root / "file").unlink()
    everything = [str(root), f"{root}/there", f"{root}/link/empty", f"{tmp_path}/elsewhere/empty"]
    await remove_empty(str(root), everything)
    assert tree(root) == ["link"]
    assert (tmp_path / "elsewhere/empty").is_dir()


@pytest.mark.parametrize("make", [make_root, make_again])
async def test_a_file_of_the_name_of_a_destination_is_named(
    root: Path, make: Callable[[str], Awaitable[None]]
) -> None:
    with pytest.raises(DestinationError) as caught:
        await make(f"{root}/file")
    assert caught.value.message == f"{root}/file is a file, where a directory is to be"
