"""`winch clean` names what it removes, asks before data goes, and obeys a refusal."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from core.adapters.files.destination import identity_of
from core.adapters.state.resume_data import ResumeStore
from core.domain.models import DownloadRequest
from core.domain.value import replace
from tests.core.adapters.records import a_record
from tests.tui.cli.conftest import Winch
from tui.demo.files import MIB, DemoFile
from tui.demo.server import DemoServer


def state_of(winch: Winch) -> Path:
    return Path(winch.env["WINCH_HOME"]) / "state"


@pytest.fixture
def part(winch: Winch) -> Path:
    """Leave a part file and the record of it whose download is in no list; return the file."""
    winch("add", "--paused", "http://127.0.0.1:1/other")
    winch("daemon", "stop")
    path = winch.directory / "a1.bin.part"
    path.write_bytes(b"x" * 2048)
    request = DownloadRequest(url="https://example.org/a1.bin", directory=str(winch.directory))
    record = replace(a_record(), part=identity_of(path.stat()), request=request)
    asyncio.run(ResumeStore(state_of(winch) / "resume_data").save(record))
    return path


def test_a_dry_run_names_every_file_with_size_and_reason(winch: Winch, part: Path) -> None:
    result = winch("clean", "--dry-run")
    assert result.returncode == 0
    first, second = result.stdout.splitlines()
    assert f"2.00 KiB  part file       {part} (no download of the list continues it)" in first
    assert "resume data" in second
    assert result.stderr.startswith("winch: would remove 2 files, ")
    assert part.exists()


def test_what_is_removed_is_named_and_then_there_is_nothing(winch: Winch, part: Path) -> None:
    result = winch("clean", "-y")
    assert (result.returncode, result.stdout.count("removed ")) == (0, 2)
    assert not part.exists()
    assert winch("clean", "-y").stderr == "winch: there is nothing to remove\n"


def test_for_scripts_it_is_an_object(winch: Winch, part: Path) -> None:
    answer = winch.json("clean", "-y")
    assert (answer["dry_run"], answer["refused"], answer["kept"]) == (False, None, [])
    assert answer["removed"][0] == {
        "kind": "part file",
        "path": str(part),
        "size": 2048,
        "reason": "no download of the list continues it",
    }
    assert answer["total_bytes"] == sum(file["size"] for file in answer["removed"])


@pytest.mark.parametrize(
    ("words", "answer", "stays"),
    [([], b"n\n", True), ([], b"y\n", False), (["--yes"], b"", False)],
)
def test_on_a_terminal_it_asks_before_data_goes(
    winch: Winch, part: Path, words: list[str], answer: bytes, stays: bool
) -> None:
    result = winch.answer(answer, "clean", *words)
    assert result.returncode == (7 if stays else 0)
    assert (f"deletes {part}, 2.00 KiB" in result.stderr) is not bool(words)
    assert ("[y/N]" in result.stderr) is not bool(words)
    assert part.exists() is stays


@pytest.mark.parametrize("words", [["-y"], ["--dry-run"]])
def test_after_damage_it_refuses_in_a_sentence(winch: Winch, part: Path, words: list[str]) -> None:
    (state_of(winch) / "downloads.json").write_text("garbage")
    result = winch("clean", *words)
    assert result.returncode == 1
    assert "could not read the whole list of downloads" in result.stderr
    assert part.exists()
    result = winch("clean", "--json", *words)
    assert result.returncode == 1
    assert json.loads(result.stdout)["refused"] in result.stderr


def test_without_a_terminal_nothing_goes_that_nobody_agreed_to(winch: Winch, part: Path) -> None:
    result = winch("clean", stdin="y\n")
    assert result.returncode == 2
    assert "`-y` removes what `--dry-run` names without asking" in result.stderr
    assert part.exists()


def test_the_part_file_that_rm_left_is_found(winch: Winch) -> None:
    with DemoServer([DemoFile("half.bin", 3 * MIB, rate=MIB // 4)]) as server:
        url = server.url(DemoFile("half.bin", 3 * MIB))
        id_ = winch("add", url).stdout.strip()
        while not winch.json("show", id_)["bytes_downloaded"]:
            pass
        winch("pause", id_)
        assert winch("rm", id_).stderr.startswith(f"winch: kept {winch.directory}/half.bin.part\n")
    (part,) = winch.json("clean", "--dry-run")["removed"]
    assert part["path"] == f"{winch.directory}/half.bin.part"
    with (winch.directory / "half.bin.part").open("ab") as file:
        file.write(b"mine")
    answer = winch("clean", "-y")
    assert answer.stdout.startswith("kept ")
    assert "half.bin.part (not as winch left it)" in answer.stdout
    assert (winch.directory / "half.bin.part").exists()
