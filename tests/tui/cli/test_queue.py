"""The commands that change and show the queue, from end to end with a real daemon."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.tui.cli.conftest import Winch
from tui.demo.files import KIB, DemoFile
from tui.demo.server import DemoServer

FILE = DemoFile("file.bin", 30 * KIB)
WHOLE = DemoFile("whole.bin", 300 * KIB, rate=30 * KIB, ranges=False)


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer([FILE, WHOLE]) as running:
        yield running


@pytest.fixture
def queued(winch: Winch) -> list[str]:
    """Return the ids of three downloads that wait."""
    urls = [f"http://127.0.0.1:1/{name}" for name in "abc"]
    return winch("add", "--paused", *urls).stdout.split()


def names(winch: Winch) -> list[str]:
    return [record["name"] for record in winch.json("ls")]


def test_add_prints_an_id_for_each_and_ls_knows_them(winch: Winch, queued: list[str]) -> None:
    assert len(set(queued)) == 3
    records = winch.json("ls")
    assert [record["id"][:8] for record in records] == queued
    assert {record["status"] for record in records} == {"paused"}
    assert [record["position"] for record in records] == [1, 2, 3]


def test_what_was_added_outlives_the_daemon(winch: Winch, queued: list[str]) -> None:
    winch("daemon", "stop")
    assert [record["id"][:8] for record in winch.json("ls")] == queued


def test_add_as_json_with_every_option(winch: Winch) -> None:
    words = ["--paused", "--priority", "5", "--group", "set", "-o", "mine", "--json"]
    result = winch("add", "http://127.0.0.1:1/x", *words)
    record = json.loads(result.stdout)
    assert record["name"] == "mine"
    assert (record["priority"], record["group"], record["status"]) == (5, "set", "paused")
    assert record["download_path"] == f"{winch.directory}/mine"


def test_ls_can_be_narrowed_to_a_status(winch: Winch, queued: list[str]) -> None:
    winch("cancel", queued[1])
    listed = winch("ls", "--status", "cancelled").stdout.splitlines()
    assert [line.split()[0] for line in listed[1:]] == [queued[1]]
    assert winch("ls", "--status", "active").stdout == ""


def test_show_takes_the_beginning_of_an_id(winch: Winch, queued: list[str]) -> None:
    shown = winch("show", queued[0])
    assert shown.returncode == 0
    assert "http://127.0.0.1:1/a" in shown.stdout
    assert winch.json("show", queued[0])["name"] == "a"


def test_an_id_that_nobody_has_is_a_usage_error(winch: Winch, queued: list[str]) -> None:
    for words in (["show", "zzz"], ["pause", queued[0], "zzz"], ["rm", "zzz"], ["wait", "zzz"]):
        result = winch(*words)
        assert result.returncode == 2
        assert "zzz" in result.stderr


def test_what_refuses_is_named_and_the_others_are_done(winch: Winch, queued: list[str]) -> None:
    winch("cancel", queued[0])
    result = winch("pause", *queued[:2])
    assert result.returncode == 1
    assert any(line.startswith(f"winch: {queued[0]}: ") for line in result.stderr.splitlines())


def test_a_pause_says_what_it_costs(winch: Winch, server: DemoServer) -> None:
    id_ = winch("add", server.url(WHOLE)).stdout.strip()
    while not winch.json("show", id_)["bytes_downloaded"]:
        pass
    said = winch("pause", id_).stderr
    assert "whole.bin: it begins anew when it goes on" in said
    assert "winch: paused 1 download" in said


def test_resume_and_retry_let_downloads_go_on(winch: Winch, server: DemoServer) -> None:
    (id_,) = winch("add", "--paused", server.url(FILE)).stdout.split()
    assert winch("resume", id_).returncode == 0
    assert winch("wait", id_).returncode == 0
    failing = winch("add", server.url(DemoFile("missing", 1))).stdout.strip()
    assert winch("wait", failing).returncode == 3
    assert winch("retry", failing).returncode == 0
    assert winch("wait", failing).returncode == 3


@pytest.mark.parametrize("command", ["pause", "resume", "retry", "cancel", "rm"])
def test_a_command_without_ids_and_without_all_is_refused(winch: Winch, command: str) -> None:
    assert winch(command).returncode == 2
    assert winch(command, "3f", "--all").returncode == 2


def test_move_changes_the_order(winch: Winch, queued: list[str]) -> None:
    a, b, c = queued
    for words, order in (
        ([c, "--top"], "cab"),
        ([c, "--down"], "acb"),
        ([a, c, "--bottom"], "bac"),
        ([c, "--to", "1"], "cba"),
        ([a, "--up"], "cab"),
    ):
        assert winch("move", *words).returncode == 0
        assert "".join(names(winch)) == order, words
    assert winch("move", "--top").returncode == 2
    assert b in winch("ls").stdout


def test_rm_keeps_the_data_and_says_so(winch: Winch, server: DemoServer) -> None:
    (id_,) = winch("add", server.url(FILE)).stdout.split()
    assert winch("wait", id_).returncode == 0
    result = winch("rm", id_)
    assert result.returncode == 0
    assert f"winch: kept {winch.directory}/file.bin" in result.stderr.splitlines()
    assert (winch.directory / "file.bin").exists()
    assert names(winch) == []


def test_rm_with_files_names_what_it_deletes(winch: Winch, server: DemoServer) -> None:
    (id_,) = winch("add", server.url(FILE)).stdout.split()
    assert winch("wait", id_).returncode == 0
    refused = winch("rm", id_, "--files", stdin="y\n")
    assert refused.returncode == 2
    assert "`-y` deletes what `--dry-run` names without asking" in refused.stderr
    dry = winch("rm", id_, "--files", "--dry-run")
    assert dry.stderr.splitlines() == [
        f"winch: deletes {winch.directory}/file.bin",
        "winch: would remove 1 download, delete 1 file of 30.0 KiB",
    ]
    assert names(winch) == ["file.bin"]
    result = winch("rm", id_, "--files", "-y")
    assert result.returncode == 0
    assert result.stderr.splitlines()[0] == f"winch: deletes {winch.directory}/file.bin"
    assert not (winch.directory / "file.bin").exists()


@pytest.mark.parametrize(("answer", "status", "stays"), [(b"n\n", 7, True), (b"y\n", 0, False)])
def test_rm_with_files_asks_on_a_terminal(
    winch: Winch, server: DemoServer, answer: bytes, status: int, stays: bool
) -> None:
    (id_,) = winch("add", server.url(FILE)).stdout.split()
    assert winch("wait", id_).returncode == 0
    result = winch.answer(answer, "rm", id_, "--files")
    assert result.returncode == status
    assert "[y/N]" in result.stderr
    assert (winch.directory / "file.bin").exists() is stays
    assert bool(names(winch)) is stays


def test_rm_with_files_keeps_and_names_what_is_not_as_winch_left_it(
    winch: Winch, server: DemoServer
) -> None:
    (id_,) = winch("add", server.url(FILE)).stdout.split()
    assert winch("wait", id_).returncode == 0
    path = winch.directory / "file.bin"
    with path.open("r+b") as file:
        file.write(b"mine")
    result = winch("rm", id_, "--files", "-y")
    assert result.stderr.splitlines() == [
        f"winch: keeps {path} (not as winch left it)",
        f"winch: kept: {path} (not as winch left it)",
        "winch: removed 1 download",
    ]
    assert (result.returncode, path.exists(), names(winch)) == (1, True, [])


def test_rm_all_of_nothing_is_fine(winch: Winch) -> None:
    assert winch("rm", "--all", "--files", "-y").returncode == 0


def test_set_changes_what_is_named(winch: Winch, queued: list[str]) -> None:
    result = winch("set", *queued[1:], "--priority", "2", "--limit", "500k", "-x", "3")
    assert (result.returncode, result.stderr) == (0, "winch: changed 2 downloads\n")
    assert names(winch) == ["b", "c", "a"]
    assert winch.json("show", queued[1])["limit"] == 512_000
    assert "at most 3" in winch("show", queued[1]).stdout
    assert winch("set", queued[1], "--limit", "off", "--group", "mine").returncode == 0
    record = winch.json("show", queued[1])
    assert (record["limit"], record["group"], record["priority"]) == (None, "mine", 2)


def test_set_now_starts_what_stood_still(winch: Winch, server: DemoServer) -> None:
    (id_,) = winch("add", "--paused", server.url(FILE)).stdout.split()
    assert winch("set", id_, "--now", "--priority", "1").returncode == 0
    assert winch("wait", id_).returncode == 0


@pytest.mark.parametrize(
    "words", [["--priority", "1"], ["{id}"], ["{id}", "--limit", "fast"], ["{id}", "-x", "99"]]
)
def test_a_set_that_cannot_be_meant_is_refused(
    winch: Winch, queued: list[str], words: list[str]
) -> None:
    result = winch("set", *(word.format(id=queued[0]) for word in words))
    assert result.returncode == 2
    assert winch.json("show", queued[0])["limit"] is None


def test_limits_hold_until_they_are_taken_back_whatever_becomes_of_the_daemon(
    winch: Winch,
) -> None:
    assert winch("limit").stdout.startswith("rate         off (from the settings)\n")
    assert "500 KiB/s" in winch("limit", "500k", "--active", "9").stdout
    winch("daemon", "stop")
    limits = winch.json("limit")
    assert (limits["rate"], limits["rate_source"], limits["active"]) == (512_000, "command", 9)
    assert winch.json("limit", "off")["rate"] is None
    limits = winch.json("limit", "auto")
    assert (limits["rate_source"], limits["active"]) == ("settings", 4)
    assert winch("limit", "fast").returncode == 2


def test_the_daemon_is_started_asked_and_ended(winch: Winch) -> None:
    assert winch("daemon", "status").returncode == 1
    assert json.loads(winch("daemon", "status", "--json").stdout) == {"running": False}
    assert winch("daemon", "stop").returncode == 0
    assert winch("daemon", "start").returncode == 0
    status = winch.json("daemon", "status")
    assert status["running"]
    assert not status["embedded"]
    assert f"process {status['pid']}" in winch("daemon", "status").stdout
    assert winch("daemon", "stop").returncode == 0
    assert winch("daemon", "status").returncode == 1


def test_the_daemon_in_the_foreground_ends_well_when_told(winch: Winch) -> None:
    process = winch.start("daemon", "run")
    assert process.stderr is not None
    assert "the daemon runs" in process.stderr.readline()
    assert winch("daemon", "run").returncode == 1
    assert winch.json("daemon", "status")["pid"] == process.pid
    process.terminate()
    process.communicate(timeout=40)
    assert process.returncode == 0


def test_config_tells_where_it_is_and_what_is_in_force(winch: Winch) -> None:
    path = winch("config", "path").stdout.strip()
    assert path == f"{winch.env['WINCH_HOME']}/config.toml"
    winch.env["WINCH_LIMITS_ACTIVE"] = "30"
    assert "active = 30" in winch("config", "show").stdout


def test_rm_takes_a_filter(winch: Winch) -> None:
    a, *_ = winch("add", "--paused", *(f"http://127.0.0.1:1/{n}.x" for n in "abc")).stdout.split()
    winch("cancel", a, "b.x")
    assert winch("rm", "x").returncode == 2
    assert winch("rm", "").returncode == 2
    assert winch("rm", "status:failed").stderr == (
        "winch: nothing to remove matches status:failed\n"
    )
    assert winch("rm", "status:cancelled").stderr == "winch: removed 2 downloads\n"
    assert [record["name"] for record in winch.json("ls")] == ["c.x"]
    assert winch.json("show", "c.x")["name"] == "c.x"
