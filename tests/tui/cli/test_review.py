"""A document of somebody else's is told apart from a word of the person."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from core.domain.errors import DestinationError, UsageError
from core.domain.models import DownloadRequest
from tests.tui.cli.conftest import Winch
from tui.cli.export_import import Review

URL = "http://127.0.0.1:1/a"


def document(*entries: dict[str, str]) -> str:
    filled = [{"url": URL, "status": "paused", **entry} for entry in entries]
    head = {"winch_export": 1, "exported_at": "2026-03-01T12:00:00Z", "downloads": filled}
    return json.dumps(head)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The destination folder, with winch's own directories beside it."""
    monkeypatch.setenv("WINCH_HOME", str(tmp_path / "home"))
    place = tmp_path / "files"
    place.mkdir()
    monkeypatch.setenv("WINCH_DOWNLOADS_DIRECTORY", str(place))
    return place


def review(directory: Path, name: str | None = None) -> Review:
    return Review.of([DownloadRequest(url=URL, directory=str(directory), name=name), None], None)


def test_what_stays_in_the_destination_folder_is_as_expected(place: Path) -> None:
    (place / "deeper").mkdir()
    for directory in (place, place / "deeper", place / "deeper" / ".." / "deeper"):
        found = review(directory, "a")
        assert (found.asked, found.ended, found.outside) == (1, 1, {})


def test_what_goes_elsewhere_is_counted_whatever_leads_there(place: Path, tmp_path: Path) -> None:
    (place / "link").symlink_to(tmp_path)
    (place / ".ssh").mkdir()
    for directory in (tmp_path, place / "..", place / "link", place / ".ssh"):
        assert review(directory).outside == {str(directory): 1}


@pytest.mark.parametrize("own", ["home/state", "home/state/resume_data", "home/run", "home"])
def test_winchs_own_directories_are_refused(place: Path, tmp_path: Path, own: str) -> None:
    (tmp_path / own).mkdir(parents=True)
    with pytest.raises(DestinationError, match="winch keeps its own"):
        review(tmp_path / own)
    (place / "link").symlink_to(tmp_path / own)
    with pytest.raises(DestinationError, match="winch keeps its own"):
        review(place / "link")


def test_a_new_hidden_name_is_refused_and_one_that_is_there_is_not(place: Path) -> None:
    with pytest.raises(UsageError, match=r"it would make .*/\.bashrc"):
        review(place, ".bashrc")
    (place / ".bashrc").touch()
    review(place, ".bashrc")
    with pytest.raises(UsageError, match=r"it would make .*/\.ssh, which is hidden"):
        review(place / ".ssh" / "deeper", "authorized_keys")


def test_without_a_terminal_nothing_goes_elsewhere_unless_it_is_agreed_to(
    winch: Winch, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    file = tmp_path / "q.json"
    file.write_text(document({"directory": str(elsewhere)}))
    refused = winch("import", str(file))
    assert refused.returncode == 2
    assert f"{elsewhere}: 1 download" in refused.stderr
    assert "`-y` takes them there" in refused.stderr
    assert winch.json("ls") == []
    assert winch.answer(b"n\n", "import", str(file)).returncode != 0
    assert winch.json("ls") == []
    assert winch.answer(b"y\n", "import", str(file)).returncode == 0
    assert len(winch.json("ls")) == 1
    assert winch("import", "-y", str(file)).returncode == 0


def test_what_is_no_file_is_no_document_and_no_list(winch: Winch, tmp_path: Path) -> None:
    for command in (["import"], ["add", "-i"], ["add", URL, "--cookies"]):
        for odd in ("/dev/zero", str(tmp_path)):
            refused = winch(*command, odd)
            assert refused.returncode == 2
            assert "not a file" in refused.stderr


def test_a_pipe_in_the_place_of_cookies_holds_nobody_up(winch: Winch, tmp_path: Path) -> None:
    cookies = tmp_path / "cookies.txt"
    cookies.write_text("# Netscape HTTP Cookie File\n")
    assert winch("add", "--paused", "--cookies", str(cookies), URL).returncode == 0
    cookies.unlink()
    os.mkfifo(cookies)
    winch("resume", "--all")
    winch("wait", "--all")
    (failed,) = winch.json("ls")
    assert "it is a pipe, not a file" in failed["error_message"]
