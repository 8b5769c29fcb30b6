"""`-i` in its forms: what is right is fetched, what is wrong is named, and the status tells."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.cli.conftest import COMMAND, Winch
from tests.tui.cli.test_get import FILE, OTHER, is_whole
from tui.demo.server import DemoServer


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer([FILE, OTHER]) as running:
        yield running


NOWHERE = "http://127.0.0.1:1"


def write(winch: Winch, name: str, text: str) -> str:
    (winch.directory / name).write_text(text)
    return name


def test_get_fetches_what_is_right_and_names_what_is_not(
    winch: Winch, server: DemoServer, tmp_path: Path
) -> None:
    rows = [
        "url,path,sha256,size",
        f"{server.url(FILE)},set/one.bin,{FILE.sha256},{FILE.size}",
        f"{server.url(OTHER)},../out.bin,,",
        "nonsense,x,,",
        f"{server.url(OTHER)},set/deep/two.bin,,",
        f"{server.url(OTHER)},linked/three.bin,,",
    ]
    listed = write(winch, "list.csv", "\n".join(rows))
    (tmp_path / "elsewhere").mkdir()
    (winch.directory / "linked").symlink_to(tmp_path / "elsewhere")
    result = winch("get", "-i", listed, "-q")
    assert result.returncode == 2
    assert is_whole(winch.directory / "set/one.bin", FILE)
    assert is_whole(winch.directory / "set/deep/two.bin", OTHER)
    said = result.stderr.splitlines()
    assert [line.partition(": ")[2].partition(":")[0] for line in said] == [
        "list.csv, line 3",
        "list.csv, line 4",
        "list.csv, line 6",
    ]
    assert "leads out of the destination" in said[0]
    assert "linked is a symbolic link" in said[2]
    assert not list((tmp_path / "elsewhere").iterdir())


def test_the_status_is_that_of_the_first_failure_where_lines_are_wrong_too(
    winch: Winch, server: DemoServer
) -> None:
    listed = f"nonsense\n{server.url(FILE)}-is-not-there\n"
    assert winch("get", "-i", "-", "-q", stdin=listed).returncode == 3


def test_the_syntax_of_aria2_makes_directories_and_is_verified(
    winch: Winch, server: DemoServer
) -> None:
    listed = f"""\
{NOWHERE}/gone\t{server.url(FILE)}
  dir=a/b
  out=c.bin
  checksum=sha-256={FILE.sha256}
{server.url(OTHER)}
  checksum=sha-256={FILE.sha256}
  out=wrong.bin
"""
    result = winch("get", "-i", "-", "-q", stdin=listed)
    assert result.returncode == 32
    assert is_whole(winch.directory / "a/b/c.bin", FILE)
    assert not (winch.directory / "wrong.bin").exists()


def test_add_prints_an_id_for_each_line_that_is_right(winch: Winch) -> None:
    records = [{"url": f"{NOWHERE}/{n}", "path": f"d/{n}.bin", "priority": n} for n in range(3)]
    lines = [json.dumps(record) for record in records]
    result = winch("add", "--paused", "-i", "-", stdin="\n".join([*lines, "{", lines[0]]))
    assert result.returncode == 2
    assert "stdin, line 4: this is no JSON object" in result.stderr
    listed = winch.json("ls")
    assert sorted(result.stdout.split()) == sorted(each["id"][:8] for each in listed)
    assert [(each["name"], each["priority"]) for each in listed] == [
        ("2.bin", 2),
        ("1.bin", 1),
        ("0.bin", 0),
    ]
    assert {each["download_path"] for each in listed} == {
        str(winch.directory / f"d/{n}.bin") for n in range(3)
    }


def test_the_form_that_is_named_decides(winch: Winch) -> None:
    text = f"{NOWHERE}/a\n{NOWHERE}/b,c\n"
    assert winch("add", "--paused", "-i", "-", "--format", "plain", stdin=text).returncode == 0
    refused = winch("add", "--paused", "-i", "-", "--format", "csv", stdin=text)
    assert refused.returncode == 2
    assert "has no column 'url'" in refused.stderr
    assert winch("add", "-i", "-", "--format", "xml", stdin=text).returncode == 2


def test_a_list_of_nothing_starts_no_daemon(winch: Winch, tmp_path: Path) -> None:
    for text in ("", "# nothing\n", "nonsense\n"):
        result = winch("add", "-i", "-", stdin=text)
        assert result.returncode == 2
        assert "there is no URL to download" in result.stderr
    assert not (tmp_path / "home/run/winch.sock").exists()


def test_very_many_lines_that_are_wrong_are_counted(winch: Winch) -> None:
    result = winch("add", "-i", "-", stdin="nonsense\n" * 1200)
    assert result.returncode == 2
    assert len(result.stderr.splitlines()) == 1000 + 2
    assert "stdin, and 200 more are refused" in result.stderr


def test_what_comes_through_a_pipe_is_queued_before_it_ends_and_ctrl_c_ends_the_wait(
    winch: Winch,
) -> None:
    reader, writer = os.pipe()
    process = subprocess.Popen(
        [*COMMAND, "add", "--paused", "-i", "-", "--format", "plain"],
        env=winch.env,
        cwd=winch.directory,
        stdin=reader,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(reader)
    os.write(writer, f"{NOWHERE}/first\n".encode())
    assert process.stdout is not None
    id_ = process.stdout.readline().strip()
    assert winch.json("show", id_)["name"] == "first"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    os.close(writer)
    assert process.returncode == 130
    assert "Traceback" not in said
    assert "Fatal" not in said
