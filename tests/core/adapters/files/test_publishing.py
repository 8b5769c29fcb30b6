"""Where a set gathers before it has its name, and when one rename is enough for that."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from core.adapters.files.below import folds_case, make_again
from core.adapters.files.publishing import (
    Gathered,
    check_gathered,
    is_renamed,
    make_staging,
    remove_staging,
)
from core.domain.errors import DestinationError, WinchError


async def test_a_destination_is_made_again_but_nothing_above_it(tmp_path: Path) -> None:
    await make_again(str(tmp_path / "set"))
    assert (tmp_path / "set").is_dir()
    await make_again(str(tmp_path / "set"))
    with pytest.raises(WinchError, match="does not exist"):
        await make_again(str(tmp_path / "unmounted/set"))
    assert not (tmp_path / "unmounted").exists()


async def test_a_probe_of_names_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "name").write_bytes(b"")
    folds = (tmp_path / "NAME").exists()
    assert await folds_case(str(tmp_path)) is folds
    assert [path.name for path in tmp_path.iterdir()] == ["name"]
    (empty := tmp_path / "empty").mkdir()
    assert await folds_case(str(empty)) is folds
    assert list(empty.iterdir()) == []


@pytest.mark.skipif(sys.platform == "darwin", reason="there the two would be one")
async def test_two_names_that_differ_in_their_case_are_two(tmp_path: Path) -> None:
    for name in ("name", "NAME"):
        (tmp_path / name).write_bytes(b"")
    assert not await folds_case(str(tmp_path))


async def test_where_the_swapped_name_is_the_same_file_case_is_folded(tmp_path: Path) -> None:
    # As a file system that folds case answers: both names lead to one file.
    (tmp_path / "name").write_bytes(b"")
    (tmp_path / "NAME").unlink(missing_ok=True)
    (tmp_path / "NAME").hardlink_to(tmp_path / "name")
    assert await folds_case(str(tmp_path))


def test_a_set_gathers_beside_its_destination_for_its_owner_alone(tmp_path: Path) -> None:
    staging = Path(make_staging(str(tmp_path / "above/set"), "genomes"))
    assert staging == tmp_path / "above/.genomes.winch"
    assert stat.S_IMODE(staging.stat().st_mode) == 0o700
    # One that a kill left empty is taken, one with something in it is somebody's.
    assert make_staging(str(tmp_path / "above/set"), "genomes") == str(staging)
    (staging / "file").write_bytes(b"")
    other = make_staging(str(tmp_path / "above/set"), "genomes")
    assert other == str(tmp_path / "above/.genomes.1.winch")


def test_a_name_of_any_length_can_gather(tmp_path: Path) -> None:
    staging = Path(make_staging(str(tmp_path / "set"), "é" * 127))
    assert staging.is_dir()


def test_where_a_destination_leads_is_where_it_gathers(tmp_path: Path) -> None:
    (tmp_path / "real/set").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "real/set")
    staging = make_staging(str(tmp_path / "link"), "genomes")
    assert staging == str(tmp_path / "real/.genomes.winch")


def test_one_rename_is_for_what_is_empty_or_not_there(tmp_path: Path) -> None:
    staging, there = tmp_path / "staging", tmp_path / "set"
    staging.mkdir()
    assert is_renamed(str(staging), str(there))
    there.mkdir()
    assert is_renamed(str(staging), str(there))
    (there / "file").write_bytes(b"")
    assert not is_renamed(str(staging), str(there))
    staging.rmdir()
    (there / "file").unlink()
    assert not is_renamed(str(staging), str(there))


def test_what_a_link_in_the_place_of_gathered_files_leads_to_is_let_alone(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.part").touch()
    staging = tmp_path / ".set.winch"
    staging.symlink_to(mine)
    assert "symbolic link" in (remove_staging(str(staging)) or "")
    with pytest.raises(DestinationError, match="symbolic link"):
        check_gathered(str(staging), str(tmp_path / "set"), [Gathered("thesis.part", None)])
    assert (mine / "thesis.part").exists()
    assert staging.is_symlink()
