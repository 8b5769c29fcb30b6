"""`verify` and `set --url`: a finished file is read again, one that failed comes from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.cli.conftest import Winch
from tui.demo.files import KIB, DemoFile
from tui.demo.server import DemoServer

FILE = DemoFile("file.bin", 30 * KIB)


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer([FILE]) as running:
        yield running


def test_a_finished_file_is_verified_and_a_damaged_one_is_exit_32(
    winch: Winch, server: DemoServer
) -> None:
    (id_,) = winch("add", server.url(FILE)).stdout.split()
    winch("wait")
    right = winch("verify", id_)
    assert right.returncode == 0
    assert "file.bin: verified again: its length is right" in right.stderr
    path = Path(winch.json("show", id_)["download_path"])
    path.write_bytes(path.read_bytes() + b"!")
    (waiting,) = winch("add", "--paused", "http://127.0.0.1:1/a").stdout.split()
    damaged = winch("verify", waiting, id_)
    assert damaged.returncode == 32
    assert f"file.bin: DAMAGED: it has {FILE.size + 1} bytes, not {FILE.size}" in damaged.stderr
    assert winch("verify", waiting).returncode == 1
    record = winch.json("show", id_)
    assert (record["status"], record["error_code"]) == ("completed", "checksum")


def test_a_failed_one_is_fetched_from_another_url(winch: Winch, server: DemoServer) -> None:
    (id_,) = winch("add", "--retries", "0", f"{server.url(FILE)}.gone").stdout.split()
    assert winch("wait", id_).returncode == 3
    assert winch("set", id_, "--url", server.url(FILE), "--priority", "3").returncode == 0
    assert winch("wait", id_).returncode == 0
    record = winch.json("show", id_)
    assert (record["status"], record["priority"]) == ("completed", 3)
    assert record["url"] == server.url(FILE)


def test_a_url_fits_one_download(winch: Winch) -> None:
    assert winch("set", "a", "b", "--url", "http://h/c").returncode == 2
    assert winch("set", "a", "--url", "nonsense").returncode == 2
