"""`winch resume` after an interruption: who is asked, who goes on, and who begins afresh."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from core.domain.models import DownloadView, Interruption, Progress, Status, TimelineEntry
from tests.tui.cli.conftest import Winch
from tests.tui.cli.samples import START, download, view
from tui.control.changing import standing
from tui.demo.files import MIB, DemoFile
from tui.demo.server import DemoServer

FILES = [DemoFile(f"{name}.bin", 3 * MIB, rate=MIB // 2) for name in "abc"]


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer(FILES) as running:
        yield running


@pytest.fixture
def waiting(winch: Winch, server: DemoServer) -> list[str]:
    """Return the ids of three downloads that were killed and wait for a word."""
    winch.env["WINCH_DOWNLOADS_RECOVERY"] = "ask"
    ids = winch("add", "-x", "1", *(server.url(file) for file in FILES)).stdout.split()
    # So much that each has recorded, a second after its first byte, what it has.
    while not all(record["bytes_downloaded"] >= MIB for record in winch.json("ls")):
        pass
    kill(winch)
    return ids


def kill(winch: Winch) -> None:
    """Kill the daemon and return once its socket answers nobody."""
    pid = winch.json("daemon", "status")["pid"]
    os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(pid, 0)


def by_status(winch: Winch) -> dict[str, str]:
    records: list[dict[str, Any]] = winch.json("ls")
    return {record["id"][:8]: record["status"] for record in records}


def test_after_a_kill_they_wait_for_a_word_and_then_go_on(winch: Winch, waiting: list[str]) -> None:
    listed = winch("ls")
    assert "3 downloads were interrupted" in listed.stderr
    assert "`winch resume --all` lets them go on" in listed.stderr
    assert set(by_status(winch).values()) == {"paused"}
    shown = winch("show", waiting[0]).stdout
    assert "\ninterrupted " in shown
    assert "waits for your word" in shown
    assert winch("resume", "--all", "--older-than", "1h").stderr == "winch: resumed 0 downloads\n"
    result = winch("resume", "--all", "--older-than", "0s", "--limit", "2")
    *lines, whole, count = result.stderr.splitlines()
    assert count == "winch: resumed 2 downloads"
    # Both were interrupted, so that a rate was written down of each.
    assert [line.split()[1] for line in lines] == ["a.bin:", "b.bin:"]
    assert all(re.search(r" of 3.00 MiB, time left \d+:\d\d$", line) for line in lines)
    needed = r"winch: time left of all: about \d+:\d\d, (the slowest )?at .*/s as lately"
    assert re.fullmatch(needed, whole)
    assert by_status(winch)[waiting[2]] == "paused"
    assert "were interrupted" in winch("ls").stderr
    assert winch("resume", "--all").stderr.splitlines()[-1] == "winch: resumed 1 download"
    assert winch("ls").stderr == ""
    assert winch("wait").returncode == 0
    for file in FILES:
        assert (winch.directory / file.name).stat().st_size == file.size


def test_they_begin_afresh_where_that_is_wanted(winch: Winch, waiting: list[str]) -> None:
    assert winch("resume", "--fresh", waiting[0]).stderr == "winch: started afresh 1 download\n"
    assert "started afresh" in winch("show", waiting[0]).stdout
    assert winch("resume", "--fresh", "--all").stderr == "winch: started afresh 2 downloads\n"
    assert winch("wait").returncode == 0
    assert set(by_status(winch).values()) == {"completed"}
    refused = winch("resume", "--fresh", waiting[0])
    assert refused.returncode == 1
    assert "a completed download cannot be started afresh" in refused.stderr


def test_a_second_winch_waits_for_the_first_to_end_with_the_file(
    winch: Winch, server: DemoServer, tmp_path: Path
) -> None:
    second = Winch(tmp_path / "second", winch.directory)
    url = server.url(FILES[0])
    winch("add", "-x", "1", url)
    while not winch.json("ls")[0]["bytes_downloaded"]:
        pass
    try:
        second("add", url)
        while (record := second.json("ls")[0])["wait_reason"] != "in_use":
            pass
        assert "in use by another winch" in second("ls").stdout
        assert "writes a.bin.part" in second("show", record["id"]).stdout
        assert second("wait").returncode == 0
        assert winch.json("ls")[0]["status"] == "completed"
        names = sorted(path.name for path in winch.directory.iterdir())
        assert names == ["a.bin"]  # proved to be the same, and not fetched beside it
        content = (winch.directory / "a.bin").read_bytes()
        assert hashlib.sha256(content).hexdigest() == FILES[0].sha256
    finally:
        assert second("daemon", "stop").returncode == 0


@pytest.mark.parametrize(
    "words",
    [
        ["3f", "--older-than", "1h"],
        ["3f", "--limit", "1"],
        ["--all", "--older-than", "soon"],
        ["--all", "--limit", "0"],
        ["3f", "--failed"],
        ["status:paused", "--limit", "1"],
        ["--queue", "--failed"],
        ["--fresh"],
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(winch: Winch, words: list[str]) -> None:
    assert winch("resume", *words).returncode == 2


def test_what_stands_still_counts_from_when_it_last_moved() -> None:
    def ago(hours: float) -> datetime:
        return START - timedelta(hours=hours)

    def item(id_: str, status: Status = Status.PAUSED, **changes: object) -> DownloadView:
        moved = changes.pop("moved", None)
        progress = Progress(updated_at=moved if isinstance(moved, datetime) else None)
        return view(download(id_, status=status, **changes), progress)

    past = (TimelineEntry(at=ago(3), text="paused"),)
    views = [
        item("interrupted", interrupted=Interruption(at=ago(30)), timeline=past),
        item("never-moved", timeline=past),
        item("moved", moved=ago(26), timeline=past),
        item("goes-on", Status.PENDING, moved=ago(30)),
        item("failed", Status.FAILED, moved=ago(40)),
        item("given-up", Status.CANCELLED, moved=ago(40)),
    ]
    both = {Status.PAUSED, Status.FAILED}
    assert standing(views, {Status.PAUSED}, 24 * 3600, START) == ["interrupted", "moved"]
    assert standing(views, {Status.PAUSED}, 0, START) == ["interrupted", "never-moved", "moved"]
    assert standing(views, both, 24 * 3600, START) == ["interrupted", "moved", "failed"]


def test_a_limit_takes_the_first_of_the_queue_paused_ones_and_failed_ones(winch: Winch) -> None:
    urls = [f"http://127.0.0.1:1/{name}" for name in "abcd"]
    winch.env["WINCH_RETRY_ATTEMPTS"] = "0"
    winch("pause", "--queue")
    a, b, c, d = winch("add", "--paused", *urls).stdout.split()
    winch("resume", "--queue")
    winch("resume", b)
    assert winch("wait", b).returncode == 6
    winch("pause", "--queue")
    winch("move", d, "--top")
    assert winch("resume", "--all", "--limit", "2").stderr.splitlines()[-1] == (
        "winch: resumed 2 downloads"
    )
    states = by_status(winch)
    assert states == {d: "pending", a: "pending", b: "failed", c: "paused"}
    assert winch("resume", "--all", "--failed", "--older-than", "1h").returncode == 0
    assert by_status(winch) == states
    assert winch("resume", "--all", "--failed", "--limit", "1").returncode == 0
    assert by_status(winch) == {**states, b: "pending"}
