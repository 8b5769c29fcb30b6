"""`winch get` and `winch wait` from end to end: a real server, a real daemon, real signals."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.cli.conftest import Winch
from tui.demo.files import KIB, MIB, DemoFile
from tui.demo.server import DemoServer

FILE = DemoFile("file.bin", 300 * KIB)
OTHER = DemoFile("other.bin", 100 * KIB)
# Slow enough to be caught in the middle, fast enough to be waited for.
SLOW = DemoFile("slow.bin", 3 * MIB, rate=MIB)
ENDLESS = DemoFile("endless.bin", 600 * MIB, rate=MIB)


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer([FILE, OTHER, SLOW, ENDLESS]) as running:
        yield running


def is_whole(path: Path, file: DemoFile) -> bool:
    return hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256


def until(process: subprocess.Popen[str], pattern: str) -> None:
    """Read stderr up to a line that holds the pattern."""
    assert process.stderr is not None
    for line in process.stderr:
        if re.search(pattern, line):
            return
    pytest.fail(f"it ended without '{pattern}'")


def until_it_starts(process: subprocess.Popen[str]) -> None:
    until(process, ": downloading, ")


def until_it_has_bytes(process: subprocess.Popen[str]) -> None:
    until(process, r": downloading, [1-9]\d*% ")


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, stderr = process.communicate(timeout=40)
    return process.returncode, stderr


def test_a_file_arrives_where_the_command_was_called(winch: Winch, server: DemoServer) -> None:
    result = winch("get", server.url(FILE))
    assert result.returncode == 0
    assert result.stdout == ""
    assert is_whole(winch.directory / "file.bin", FILE)
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"winch: {winch.directory}/file.bin: 300 KiB in ")


def test_directory_name_checksum_and_silence(
    winch: Winch, server: DemoServer, tmp_path: Path
) -> None:
    (tmp_path / "there").mkdir()
    checksum = f"sha256:{FILE.sha256}"
    words = ["-d", "../there", "-o", "mine.bin", "--checksum", checksum, "-q"]
    result = winch("get", server.url(FILE), *words)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
    assert is_whole(tmp_path / "there/mine.bin", FILE)


def test_a_list_from_stdin_and_json_for_each_file(winch: Winch, server: DemoServer) -> None:
    listed = f"# two files\n{server.url(FILE)}\n{server.url(OTHER)}\n{server.url(FILE)}\n"
    result = winch("get", "-i", "-", "--json", stdin=listed)
    assert result.returncode == 0
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert {(record["name"], record["status"]) for record in records} == {
        ("file.bin", "completed"),
        ("other.bin", "completed"),
    }


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["http://127.0.0.1:1/x", "--retries", "0"], 6),
        (["{missing}"], 3),
        (["{file}", "--checksum", "md5:" + "0" * 32], 32),
        (["{file}", "{missing}", "http://127.0.0.1:1/x", "--retries", "0"], 3),
        (["{file}", "-d", "/nowhere/at/all"], 2),
        (["ftp://a/b"], 2),
    ],
)
def test_the_exit_status_tells_what_went_wrong(
    winch: Winch, server: DemoServer, words: list[str], status: int
) -> None:
    urls = {"missing": server.url(DemoFile("missing", 1)), "file": server.url(FILE)}
    result = winch("get", *(word.format(**urls) for word in words), "-q")
    assert result.returncode == status
    failed = [word for word in words if "://" in word or word == "{missing}"]
    assert len(result.stderr.splitlines()) == max(1, len(failed))
    assert not (winch.directory / "missing").exists()


def test_a_foreign_name_cannot_reach_the_terminal(winch: Winch, server: DemoServer) -> None:
    result = winch("get", server.url(DemoFile("%1B]52;c;x%07%C2%9B%E2%80%AE", 1)))
    assert result.returncode == 3
    assert all(line.isprintable() for line in result.stderr.splitlines())


def test_ctrl_c_pauses_and_the_same_command_finishes(winch: Winch, server: DemoServer) -> None:
    process = winch.start("get", server.url(SLOW))
    until_it_has_bytes(process)
    process.send_signal(signal.SIGINT)
    status, stderr = ended(process)
    assert status == 130
    assert "paused 1 download; to continue, run the same command again" in stderr
    assert (winch.directory / "slow.bin.part").exists()
    (record,) = winch.json("ls")
    assert record["status"] == "paused"

    again = winch("get", server.url(SLOW))
    assert again.returncode == 0
    assert is_whole(winch.directory / "slow.bin", SLOW)
    (record,) = winch.json("ls")
    assert record["resume_verdict"].startswith("verified")


def test_sigterm_pauses_too(winch: Winch, server: DemoServer) -> None:
    process = winch.start("get", server.url(ENDLESS))
    until_it_starts(process)
    process.terminate()
    assert ended(process)[0] == 143
    assert winch.json("ls")[0]["status"] == "paused"


def test_a_terminal_that_goes_away_leaves_the_work_to_the_daemon(
    winch: Winch, server: DemoServer
) -> None:
    process = winch.start("get", server.url(SLOW))
    until_it_has_bytes(process)
    process.send_signal(signal.SIGHUP)
    assert ended(process)[0] == 129
    assert winch("wait").returncode == 0
    assert is_whole(winch.directory / "slow.bin", SLOW)


def test_a_second_ctrl_c_leaves_even_when_the_daemon_does_not_answer(
    winch: Winch, server: DemoServer
) -> None:
    process = winch.start("get", server.url(ENDLESS))
    until_it_starts(process)
    daemon = winch.json("daemon", "status")["pid"]
    os.kill(daemon, signal.SIGSTOP)
    try:
        while process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(0.1)
            except subprocess.TimeoutExpired:
                continue
    finally:
        os.kill(daemon, signal.SIGCONT)
    assert ended(process)[0] == 130


def test_what_somebody_else_pauses_is_unfinished(winch: Winch, server: DemoServer) -> None:
    process = winch.start("get", server.url(ENDLESS))
    until_it_starts(process)
    assert winch("pause", "--all").returncode == 0
    status, stderr = ended(process)
    assert status == 7
    assert "endless.bin: was paused" in stderr


def test_wait_ends_like_the_downloads_that_it_waited_for(winch: Winch, server: DemoServer) -> None:
    assert winch("wait").returncode == 0  # nothing is unfinished
    ids = winch("add", server.url(FILE), server.url(DemoFile("missing", 1))).stdout.split()
    assert winch("wait", *ids).returncode == 3
    assert winch("wait", ids[0]).returncode == 0
    assert is_whole(winch.directory / "file.bin", FILE)
    assert winch("wait").returncode == 0  # what failed earlier is not waited for


def test_a_daemon_that_ends_leaves_the_download_unfinished(
    winch: Winch, server: DemoServer
) -> None:
    process = winch.start("get", server.url(ENDLESS))
    until_it_starts(process)
    assert winch("daemon", "stop").returncode == 0
    status, stderr = ended(process)
    assert status == 7
    assert "the daemon ended" in stderr.splitlines()[-1]


def test_it_starts_beside_a_queue_that_is_full_and_a_next_daemon_knows(
    winch: Winch, server: DemoServer
) -> None:
    winch.env["WINCH_LIMITS_ACTIVE"] = "1"
    winch("add", server.url(ENDLESS))
    process = winch.start("get", "-x", "1", server.url(SLOW))
    until_it_has_bytes(process)
    os.kill(winch.json("daemon", "status")["pid"], signal.SIGKILL)
    status, stderr = ended(process)
    assert (status, "another one goes on" in stderr) == (0, True)
    assert is_whole(winch.directory / "slow.bin", SLOW)


def test_after_ctrl_c_what_is_whole_already_is_not_fetched_again_as_another_file(
    winch: Winch, server: DemoServer
) -> None:
    command = ["get", server.url(FILE), server.url(SLOW)]
    process = winch.start(*command)
    until(process, "file.bin: 300 KiB in ")
    process.send_signal(signal.SIGINT)
    status, stderr = ended(process)
    assert status == 130
    assert "to continue, run the same command again with --conflict skip, or 'winch " in stderr

    again = winch(*command, "--conflict", "skip")
    assert again.returncode == 0
    assert sorted(path.name for path in winch.directory.iterdir()) == ["file.bin", "slow.bin"]


def test_queued_waits_behind_others_and_says_so(winch: Winch, server: DemoServer) -> None:
    winch.env["WINCH_LIMITS_ACTIVE"] = "1"
    winch("add", server.url(ENDLESS))
    process = winch.start("get", "--queued", server.url(FILE))
    until(process, "file.bin: queued, 1st in the queue, while 1 of others run")
    assert winch("pause", "--queue").returncode == 0
    until(process, "the queue is held")
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130
    winch("resume", "--queue")


def test_embedded_needs_no_daemon_and_leaves_none(winch: Winch, server: DemoServer) -> None:
    result = winch("get", "--embedded", server.url(FILE))
    assert result.returncode == 0, result.stderr
    assert is_whole(winch.directory / "file.bin", FILE)
    assert winch("daemon", "status").returncode == 1


def test_embedded_is_seen_by_others_and_can_be_told_to_end(
    winch: Winch, server: DemoServer
) -> None:
    process = winch.start("get", "--embedded", server.url(ENDLESS))
    until_it_starts(process)
    assert winch.json("daemon", "status")["embedded"]
    assert [record["name"] for record in winch.json("ls")] == ["endless.bin"]
    assert winch("daemon", "stop").returncode == 0
    status, stderr = ended(process)
    assert status == 7
    assert "run the same command again" in stderr.splitlines()[-1]


def test_what_others_add_to_an_embedded_get_is_handed_to_a_daemon(
    winch: Winch, server: DemoServer
) -> None:
    # So slow that it is at work still when the other command has started.
    process = winch.start("get", "--embedded", "--limit", "1k", server.url(SLOW))
    until_it_starts(process)
    (slow,) = (record["id"] for record in winch.json("ls"))
    assert winch("add", server.url(FILE)).returncode == 0
    assert winch("set", slow, "--limit", "off").returncode == 0
    status, stderr = ended(process)
    assert status == 0, stderr
    assert "the daemon does them" in stderr
    assert winch("wait", "--all").returncode == 0
    assert is_whole(winch.directory / "file.bin", FILE)


def test_a_daemon_that_is_killed_is_followed_by_another(winch: Winch, server: DemoServer) -> None:
    process = winch.start("get", "-x", "1", server.url(SLOW))
    until_it_has_bytes(process)
    os.kill(winch.json("daemon", "status")["pid"], signal.SIGKILL)
    status, stderr = ended(process)
    assert status == 0
    assert "another one goes on" in stderr
    assert is_whole(winch.directory / "slow.bin", SLOW)


def test_embedded_pauses_on_ctrl_c_and_goes_on_later(winch: Winch, server: DemoServer) -> None:
    process = winch.start("get", "--embedded", server.url(SLOW))
    until_it_has_bytes(process)
    process.send_signal(signal.SIGINT)
    assert ended(process)[0] == 130
    assert winch("get", "--embedded", server.url(SLOW)).returncode == 0
    assert is_whole(winch.directory / "slow.bin", SLOW)


def test_embedded_uses_a_daemon_that_runs(winch: Winch, server: DemoServer) -> None:
    winch("daemon", "start")
    result = winch("get", "--embedded", server.url(FILE))
    assert result.returncode == 0
    assert "a daemon runs already" in result.stderr
    assert is_whole(winch.directory / "file.bin", FILE)


def test_ctrl_c_pauses_what_is_left_of_the_call(winch: Winch, server: DemoServer) -> None:
    process = winch.start("get", server.url(FILE), server.url(ENDLESS))
    until(process, r"file\.bin: 300 KiB")
    (gone,) = (record["id"] for record in winch.json("ls") if record["name"] == "file.bin")
    assert winch("rm", gone).returncode == 0
    process.send_signal(signal.SIGINT)
    status, stderr = ended(process)
    assert status == 130
    assert "paused 1 download" in stderr


def test_what_ends_a_daemon_that_does_not_answer_says_that_it_waits(winch: Winch) -> None:
    winch("daemon", "start")
    pid = winch.json("daemon", "status")["pid"]
    os.kill(pid, signal.SIGSTOP)
    try:
        stopping = winch.start("daemon", "stop")
        assert stopping.stderr is not None
        assert "waiting for the daemon to end" in stopping.stderr.readline()
    finally:
        os.kill(pid, signal.SIGCONT)
    assert "the daemon has ended" in stopping.communicate(timeout=30)[1]
