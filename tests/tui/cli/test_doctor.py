"""`winch doctor` says what is well and what is not, also where no daemon can start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tui.cli.conftest import COMMAND, Winch
from tui.demo.files import MIB, DemoFile
from tui.demo.server import DemoServer
from tui.text.fmt import size


def home(winch: Winch) -> Path:
    return Path(winch.env["WINCH_HOME"])


def examined(winch: Winch) -> tuple[int, list[dict[str, Any]]]:
    result = winch("doctor", "--json")
    checks = json.loads(result.stdout)["checks"]
    return result.returncode, checks


def of(checks: list[dict[str, Any]], subject: str) -> list[dict[str, Any]]:
    return [check for check in checks if check["subject"] == subject]


@pytest.fixture
def used(winch: Winch) -> Winch:
    """Return a winch with a download in its list, saved twice, whose daemon has ended."""
    (id_,) = winch("add", "--paused", "http://127.0.0.1:1/a").stdout.split()
    winch("move", id_, "--top")
    winch("set", id_, "--priority", "1")
    winch("daemon", "stop")
    return winch


def test_a_fresh_installation_is_well(winch: Winch) -> None:
    result = winch("doctor")
    assert result.returncode == 0
    assert {line.split()[0] for line in result.stdout.splitlines()} <= {"ok", "notice", "->"}
    assert "0 problems" in result.stderr


def test_a_look_starts_no_daemon_and_says_what_it_could_not_see(used: Winch) -> None:
    (records := home(used) / "state" / "resume_data").mkdir(exist_ok=True)
    (records / "x.json").write_text("12345")
    before = {path: path.stat() for path in home(used).rglob("*") if path.is_file()}
    status, checks = examined(used)
    assert status == 0
    assert of(checks, "daemon") == [
        {
            "subject": "daemon",
            "text": "the daemon does not run (`winch daemon start`)",
            "level": "notice",
            "hint": "",
        }
    ]
    assert of(checks, "lock")[0]["text"] == "nobody owns the state directory"
    assert of(checks, "resume data")[0]["text"] == "1 record, 5 B"
    assert "only a daemon knows them" in of(checks, "left over")[0]["text"]
    after = {path: path.stat() for path in home(used).rglob("*") if path.is_file()}
    assert after.keys() == before.keys()
    assert all(after[path].st_mtime_ns == before[path].st_mtime_ns for path in before)


def test_it_tells_of_the_list_the_daemon_and_its_last_start(used: Winch) -> None:
    used("daemon", "start")
    status, checks = examined(used)
    assert status == 0
    (found,) = of(checks, "list")
    assert "generation" in found["text"]
    assert "1 in it" in found["text"]
    (daemon,) = of(checks, "daemon")
    assert "the daemon runs" in daemon["text"]
    assert any("load: 1 download" in step["text"] for step in of(checks, "last start"))
    assert {check["level"] for check in of(checks, "left over")} == {"ok"}


def test_it_says_how_much_resume_data_and_part_files_take(winch: Winch) -> None:
    with DemoServer([DemoFile("half.bin", 3 * MIB, rate=MIB // 4)]) as server:
        id_ = winch("add", server.url(DemoFile("half.bin", 3 * MIB))).stdout.strip()
        while winch.json("show", id_)["bytes_downloaded"] < MIB // 4:
            pass
        winch("pause", id_)
    (found,) = of(examined(winch)[1], "resume data")
    record = next((home(winch) / "state" / "resume_data").iterdir())
    part = winch.directory / "half.bin.part"
    of_records = f"1 record, {size(record.stat().st_size)}"
    assert found["text"] == f"{of_records}; 1 part file, {size(part.stat().st_blocks * 512)}"


def test_a_damaged_list_is_told_of_and_stays_as_it_is(used: Winch) -> None:
    path = home(used) / "state" / "downloads.json"
    path.write_text("garbage")
    status, checks = examined(used)
    assert status == 1
    (found,) = of(checks, "list")
    assert found["level"] == "problem"
    assert "goes on from downloads.json.bak" in found["hint"]
    assert "does not run" in of(checks, "daemon")[0]["text"]
    assert path.read_text() == "garbage"
    assert used("daemon", "status").returncode == 1


def test_without_any_readable_list_it_says_where_the_next_one_comes_from(used: Winch) -> None:
    for name in ("downloads.json", "downloads.json.bak"):
        (home(used) / "state" / name).write_text("garbage")
    status, checks = examined(used)
    assert status == 1
    assert "resume_data" in of(checks, "list")[0]["hint"]


def test_a_list_that_keeps_the_daemon_from_starting_is_said_with_a_hint(used: Winch) -> None:
    path = home(used) / "state" / "downloads.json"
    text = path.read_text()
    path.write_text(text.replace('"schema":', '"schema":9', 1))
    status, checks = examined(used)
    assert status == 1
    (found,) = of(checks, "list")
    assert "newer winch" in found["text"]
    assert "update winch" in found["hint"]
    assert used("daemon", "start").returncode == 1


def test_a_setting_that_cannot_be_meant_is_a_problem_and_no_end(used: Winch) -> None:
    (home(used) / "config.toml").write_text("[limits]\nactiv = 3\n")
    status, checks = examined(used)
    assert status == 1
    (config,) = of(checks, "config")
    assert config["hint"] == "did you mean active?"
    assert of(checks, "list")[0]["level"] == "ok"


def test_places_that_are_open_to_others_are_told(used: Winch) -> None:
    state = home(used) / "state"
    state.chmod(0o755)
    (state / "downloads.json").chmod(0o644)
    status, checks = examined(used)
    assert status == 1
    problem, notice = of(checks, "state")
    assert problem["hint"] == f"chmod 700 {state}"
    assert "downloads.json" in notice["text"]


def test_a_destination_that_is_not_there_is_a_problem(used: Winch) -> None:
    used.env["WINCH_DOWNLOADS_DIRECTORY"] = f"{used.directory}/no"
    status, checks = examined(used)
    assert status == 1
    assert of(checks, "destination")[-1]["hint"] == f"mkdir -p '{used.directory}/no'"


def test_too_little_room_is_worth_a_notice(used: Winch) -> None:
    used.env["WINCH_DISK_LOW_WATER"] = "900T"
    status, checks = examined(used)
    assert status == 0
    (disk,) = of(checks, "state disk")
    assert disk["level"] == "notice"
    assert "less than the 900 TiB of disk.low_water" in disk["text"]
    assert "to no terminal" in of(checks, "terminal")[0]["text"]


def test_the_terminal_is_described_by_its_environment(used: Winch) -> None:
    used.env |= {"SSH_CONNECTION": "a 1 b 22", "TMUX": "x", "LC_ALL": "POSIX"}
    used.env["PYTHONCOERCECLOCALE"] = used.env["PYTHONUTF8"] = "0"
    used.command = COMMAND
    status, checks = examined(used)
    assert status == 0
    texts = " ".join(check["text"] for check in of(checks, "terminal"))
    assert "SSH" in texts
    assert "tmux" in texts
    assert "encoding" in texts
