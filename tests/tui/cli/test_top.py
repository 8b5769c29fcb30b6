"""`winch top`, `status` and `log`: what is measured, for scripts and on a terminal."""

from __future__ import annotations

import os
import pty
import subprocess
import termios

from tests.tui.cli.conftest import Winch

PATIENCE = 50


def test_once_and_as_json_it_tells_what_was_between_two_looks(winch: Winch) -> None:
    winch("add", "--paused", "http://127.0.0.1:1/a")
    done = winch("top", "--once")
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert done.stdout.endswith("no download runs\n")
    record = winch.json("top")
    assert record["interval"]["seconds"] >= 1
    assert record["process"]["cpu_seconds"] > 0
    assert record["costs"] == []


def test_on_a_terminal_q_ends_it_and_the_terminal_is_as_before(winch: Winch) -> None:
    winch("daemon", "start")
    controller, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    env = winch.env | {"TERM": "xterm", "COLUMNS": "40", "LINES": "5"}
    with subprocess.Popen(
        [*winch.command, "top", "-d", "0.1"],
        env=env,
        stdin=terminal,
        stdout=terminal,
        stderr=subprocess.PIPE,
    ) as process:
        seen = b""
        while seen.count(b"\x1b[J") < 3:
            seen += os.read(controller, 4096)
        _, frame, *_ = seen.split(b"\x1b[H")
        lines = frame.replace(b"\x1b[J", b"").replace(b"\x1b[K", b"").split(b"\r\n")
        assert len(lines) == 5
        assert all(len(line.decode()) <= 40 for line in lines)
        os.write(controller, b"q")
        assert process.wait(PATIENCE) == 0
    while b"\x1b[?1049l" not in seen:
        seen += os.read(controller, 4096)
    assert termios.tcgetattr(terminal) == before
    os.close(controller)
    os.close(terminal)


def test_status_is_what_the_daemon_says_of_itself_and_1_without_one(winch: Winch) -> None:
    winch.env["WINCH_DISK_LOW_WATER"] = "900T"
    none = winch("status", "--json")
    assert (none.returncode, none.stdout) == (1, '{"running": false}\n')
    for words in (("top",), ("top", "--once")):
        none = winch(*words)
        assert (none.returncode, none.stdout) == (1, "not running\n")
    assert winch("top", "--json").stdout == '{"running": false}\n'
    none = winch("metrics")
    assert none.returncode == 1
    assert "\nwinch_up 0\n" in none.stdout
    winch("add", "--paused", "http://127.0.0.1:1/a")
    found = winch.json("status")
    assert found["counts"]["paused"] == 1
    assert found["figures"]["state_writes"]["journal"] >= 1
    assert found.keys() == winch.json("daemon", "status").keys()
    assert found["waiting"] == {}
    winch("add", "http://127.0.0.1:1/b")
    assert winch.json("status")["waiting"] == {"disk_low": 1}
    winch("limit", "1M")
    lines = winch("status").stdout.splitlines()
    assert "waiting     1 disk low" in lines
    assert any(line.startswith("rate ") and line.endswith(", at most 1.00 MiB/s") for line in lines)
    assert lines[0].startswith("running     the daemon, process ")
    assert any(line.startswith("process     memory ") for line in lines)


def test_the_log_can_be_read_without_a_daemon_and_though_it_is_json(winch: Winch) -> None:
    winch.env["WINCH_LOG_FORMAT"] = "json"
    winch("daemon", "start")
    winch("daemon", "stop")
    raw = winch("log", "--raw", "-n", "1").stdout
    assert raw.startswith('{"time": "')
    assert winch("log", "-n", "1").stdout.endswith(" INFO core.daemon: winch ended\n")
    assert winch("status").returncode == 1
