"""`winch -H HOST` over a real OpenSSH server: what a person types, and every way it may fail."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.ssh.laptop import Laptop
from tests.ssh.link import Link, a_black_hole
from tests.ssh.server import SshServer, make_key
from tui.demo.files import KIB, MIB, DemoFile
from tui.demo.server import DemoServer

SMALL = DemoFile("small.bin", 64 * KIB)
SLOW = DemoFile("slow.iso", 64 * MIB, rate=200 * KIB)

UNREACHABLE = 6


@pytest.fixture
def web() -> Iterator[DemoServer]:
    with DemoServer([SMALL, SLOW]) as server:
        yield server


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    """Return what a command said that could not reach a host, in its one line."""
    assert result.returncode == UNREACHABLE, result.stderr
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    return line


def test_a_file_is_fetched_there_and_listed_from_here(
    server: SshServer, laptop: Laptop, web: DemoServer
) -> None:
    laptop.ssh("server", "mkdir got")
    added = laptop.winch("-H", "server", "add", web.url(SMALL), "-d", "got")
    assert added.returncode == 0, added.stderr
    assert laptop.winch("-H", "server", "wait", "--all").returncode == 0
    (listed,) = laptop.json("-H", "server", "ls")
    assert listed["download_path"] == str(server.machine.home / "got" / SMALL.name)
    assert (server.machine.home / "got" / SMALL.name).stat().st_size == SMALL.size
    # It is the queue that a person sees who has logged in there.
    there = laptop.ssh("server", "winch ls --status completed").stdout
    assert there == laptop.winch("-H", "server", "ls", "--status", "completed").stdout
    assert not any(laptop.home.rglob("*.json"))
    assert not list(laptop.place.iterdir())


def test_a_list_of_here_is_read_here(laptop: Laptop, web: DemoServer) -> None:
    (laptop.place / "urls.txt").write_text(f"{web.url(SMALL)}\n")
    assert laptop.winch("-H", "server", "add", "-i", "urls.txt", "--paused").returncode == 0
    (listed,) = laptop.json("-H", "server", "ls")
    assert listed["url"] == web.url(SMALL)


def test_a_daemon_that_is_killed_there_begins_again_with_the_next_command(
    laptop: Laptop, web: DemoServer
) -> None:
    (id_,) = laptop.winch("-H", "server", "add", "--paused", web.url(SLOW)).stdout.split()
    daemon = laptop.json("-H", "server", "daemon", "status")["pid"]
    assert laptop.ssh("server", f"kill -9 {daemon}").returncode == 0
    (listed,) = laptop.json("-H", "server", "ls")
    assert listed["id"].startswith(id_)
    assert laptop.json("-H", "server", "daemon", "status")["pid"] != daemon


def test_who_waits_goes_on_once_the_link_is_back(
    far_laptop: Laptop, link: Link, web: DemoServer
) -> None:
    (id_,) = far_laptop.winch("-H", "server", "add", web.url(SLOW)).stdout.split()

    def clients() -> int:
        count: int = far_laptop.json("-H", "server", "daemon", "status")["clients"]
        return count

    while clients() > 1:
        pass
    with far_laptop.start("-H", "server", "wait", id_) as waiting:
        while clients() < 2:
            pass
        # It has connected, and by the time of another answer it follows.
        clients()
        link.cut()
        assert waiting.stderr is not None
        lost = "winch: the connection to server was lost; trying again\n"
        assert waiting.stderr.readline() == lost
        link.mend()
        assert far_laptop.winch("-H", "server", "cancel", id_).returncode == 0
        _, trouble = waiting.communicate(timeout=30)
    assert waiting.returncode == 7
    assert "cancelled" in trouble


def test_ctrl_c_at_a_terminal_that_ssh_has_too_pauses_there(
    laptop: Laptop, web: DemoServer
) -> None:
    with laptop.screen("-H", "server", "get", web.url(SLOW)) as terminal:
        terminal.read_until(" left")
        terminal.type(b"\x03")
        assert terminal.read_to_the_end() == 130
        assert b"winch -H server resume" in terminal.output
    (listed,) = laptop.json("-H", "server", "ls")
    assert listed["status"] == "paused"


def test_without_winch_there_the_line_says_how_to_install_it(
    server: SshServer, laptop: Laptop
) -> None:
    with server.machine.without_winch():
        line = one_line(laptop.winch("-H", "server", "ls"))
        assert one_line(laptop.winch("-H", "server", "daemon", "restart")) == line
    assert "there is no winch on server" in line
    assert "`pipx install .` in a checkout of winch" in line


def test_a_host_that_shows_another_key_is_not_spoken_to(server: SshServer, laptop: Laptop) -> None:
    make_key(laptop.directory / "other")
    other = (laptop.directory / "other.pub").read_text()
    (laptop.directory / "known_hosts").write_text("")
    laptop.know(server.port, other)
    line = one_line(laptop.winch("-H", "server", "ls"))
    assert "another host key than the one that is known" in line


def test_a_host_that_nobody_knows_is_not_spoken_to(laptop: Laptop) -> None:
    (laptop.directory / "known_hosts").write_text("")
    assert "its host key is not known yet" in one_line(laptop.winch("-H", "server", "ls"))


@pytest.mark.parametrize("user", ["server", "nobody-there"])
def test_who_may_not_come_in_is_told_so(server: SshServer, laptop: Laptop, user: str) -> None:
    if user == "server":
        server.let_in("")
    laptop.name("other", server.port, user=user)
    line = one_line(laptop.winch("-H", "other", "ls"))
    assert "other does not let us in" in line
    assert "Permission denied (publickey)" in line


def test_what_the_shell_there_says_first_is_passed_over(server: SshServer, laptop: Laptop) -> None:
    server.machine.write(".bashrc", "echo 'Welcome to {\"hello\": 1}'\necho you have mail >&2\n")
    listed = laptop.winch("-H", "server", "ls")
    assert (listed.returncode, listed.stdout) == (0, "")
    assert "Welcome" not in listed.stderr
    before = laptop.json("-H", "server", "daemon", "status")["pid"]
    again = laptop.json("-H", "server", "daemon", "restart")
    assert again.keys() == {"version", "pid", "paused"}
    assert again["pid"] == laptop.json("-H", "server", "daemon", "status")["pid"] != before


def test_a_host_that_never_answers_holds_up_no_other(laptop: Laptop) -> None:
    with a_black_hole() as port:
        laptop.name("hole", port)
        restarted = laptop.winch("-H", "hole,server", "daemon", "restart")
        assert restarted.returncode == UNREACHABLE
        assert restarted.stderr.startswith("winch: hole has not answered for 5 s")
        assert "winch: server: winch " in restarted.stderr
        listed = laptop.winch("-H", "hole,server", "ls")
    assert listed.returncode == UNREACHABLE
    hole, server = listed.stderr.splitlines()
    assert hole.startswith("winch: hole has not answered for 5 s")
    assert server == "winch: server: no downloads"
