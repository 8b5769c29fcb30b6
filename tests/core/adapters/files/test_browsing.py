"""What a front end elsewhere is told of this machine's directories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from core.adapters.files.browsing import Surroundings
from core.domain.machines import MOST_DIRECTORIES


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_what_is_relative_begins_at_the_directory_of_the_settings_and_that_at_the_home(
    home: Path,
) -> None:
    surroundings = Surroundings()
    assert surroundings.machine(".").directory == str(home)
    assert surroundings.machine("data").directory == str(home / "data")
    assert surroundings.machine("~/data").directory == str(home / "data")
    assert surroundings.machine("/data").directory == "/data"
    assert surroundings.machine(".").home == str(home)


async def test_directories_are_told_by_the_beginning_of_their_names(home: Path) -> None:
    for name in ("data", "dust", ".hidden", "music"):
        (home / "sets" / name).mkdir(parents=True)
    (home / "sets" / "file").touch()
    (home / "sets" / "link").symlink_to(home)
    (home / "sets" / os.fsdecode(b"d\xff")).mkdir()
    browse = Surroundings().browse
    view = await browse("sets", "", "")
    assert view.path == str(home / "sets")
    assert view.directories == ("data", "dust", "link", "music")
    assert view.free is not None
    assert (await browse(".", "~/sets", "d")).directories == ("data", "dust")
    assert (await browse(".", "sets", ".")).directories == (".hidden",)


async def test_of_very_many_some_are_told(home: Path) -> None:
    for number in range(MOST_DIRECTORIES + 1):
        (home / f"{number}").mkdir()
    assert len((await Surroundings().browse(".", "", "")).directories) == MOST_DIRECTORIES


@pytest.mark.parametrize(
    ("path", "trouble"),
    [
        ("nowhere", "does not exist"),
        ("file", "is not a directory"),
        ("a\0b", "is no name of a directory"),
        ("file/below", "does not exist"),
        ("x" * 5000, "cannot be used: File name too long"),
    ],
)
async def test_what_is_wrong_is_part_of_the_answer(home: Path, path: str, trouble: str) -> None:
    (home / "file").touch()
    view = await Surroundings().browse(".", path, "")
    assert (view.trouble, view.free, view.directories) == (trouble, None, ())
    assert view.path.endswith(path)


async def test_a_disk_that_does_not_answer_is_not_waited_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = os.pipe()

    def hung(_: object) -> None:
        os.read(reader, 1)
        raise OSError

    monkeypatch.setattr(os, "statvfs", hung)
    surroundings = Surroundings(patience=0.05)
    views = [await surroundings.browse(".", "", "") for _ in range(6)]
    assert {view.trouble for view in views} == {"does not answer"}
    os.close(writer)
