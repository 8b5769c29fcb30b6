"""`winch events` as a process: what a script sees of a life of the daemon, and of the next one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from tests.tui.cli.conftest import Winch

PATIENCE = 50
Line = dict[str, Any]


class Follower:
    """A running `winch events`, read line by line."""

    def __init__(self, winch: Winch, *words: str) -> None:
        self.process = winch.start("events", *words)

    def __enter__(self) -> Follower:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            self.process.kill()

    def __iter__(self) -> Iterator[Line]:
        assert self.process.stdout is not None
        return map(json.loads, self.process.stdout)

    def until(self, event: str) -> list[Line]:
        """Return the lines up to the first of a kind, with that one."""
        seen = []
        for line in self:
            seen.append(line)
            if line["event"] == event:
                return seen
        raise AssertionError(seen)


def told(winch: Winch, *words: str) -> list[Line]:
    """Return what is told without waiting for more."""
    done = winch("events", "--no-follow", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def kinds(lines: list[Line]) -> list[str]:
    return [line["event"] for line in lines]


def test_a_script_goes_on_where_it_stopped(winch: Winch) -> None:
    one, two = winch(
        "add", "--paused", "http://127.0.0.1:1/a", "http://127.0.0.1:1/b"
    ).stdout.split()
    first = told(winch)
    assert kinds(first) == ["reset", "listed", "listed", "ready"]
    assert first[0]["reason"] == "start"
    assert [line["download"] for line in first[1:3]] == winch.json("ls")
    winch("cancel", one)
    winch("rm", two)
    third = winch("add", "--paused", "http://127.0.0.1:1/c").stdout.split()[0]
    missed = told(winch, "--since", first[-1]["resume"])
    assert kinds(missed) == ["changed", "removed", "changed", "ready"]
    assert missed[0]["download"]["status"] == "cancelled"
    assert missed[1]["id"].startswith(two)
    assert missed[2]["download"]["id"].startswith(third)
    again = told(winch, "--since", missed[1]["resume"])
    assert kinds(again) == ["changed", "ready"]
    assert kinds(told(winch, "--since", "now")) == ["ready"]
    # The next life of the daemon knows nothing of that mark.
    winch("daemon", "stop")
    # A look is no reason to go on, nor an event.
    none = winch("events", "--no-follow", "--since", missed[-1]["resume"])
    assert (none.returncode, none.stdout, none.stderr) == (1, "", "winch: not running\n")
    winch("daemon", "start")
    after = told(winch, "--since", missed[-1]["resume"])
    assert kinds(after) == ["reset", "listed", "listed", "ready"]
    assert after[0]["reason"] == "restarted"


def test_what_happens_is_told_until_the_daemon_ends_well(winch: Winch) -> None:
    winch("daemon", "start")
    with Follower(winch) as follower:
        follower.until("ready")
        (id_,) = winch("add", "--paused", "http://me:secret@127.0.0.1:1/a").stdout.split()
        (added,) = follower.until("added")
        assert added["download"]["id"].startswith(id_)
        assert "secret" not in json.dumps(added)
        winch("rm", id_)
        (removed,) = follower.until("removed")
        assert removed["id"] == added["download"]["id"]
        winch("daemon", "stop")
        assert kinds(list(follower))[-1] == "end"
        assert follower.process.wait(PATIENCE) == 0


def test_a_daemon_that_was_killed_is_no_end(winch: Winch) -> None:
    winch("daemon", "start")
    with Follower(winch) as follower:
        follower.until("ready")
        os.kill(winch.json("status")["pid"], signal.SIGKILL)
        assert "end" not in kinds(list(follower))
        assert follower.process.wait(PATIENCE) == 1
        assert follower.process.stderr is not None
        assert "connection to the daemon was lost" in follower.process.stderr.read()


def test_a_reader_that_leaves_ends_it_quietly(winch: Winch) -> None:
    winch("add", "--paused", "http://127.0.0.1:1/a")
    words = " ".join(f"'{word}'" for word in (*winch.command, "events", "--no-follow"))
    done = subprocess.run(
        ["/bin/sh", "-c", f"{words} | head -n 1"],
        env=winch.env,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert json.loads(done.stdout)["event"] == "reset"
    assert done.stderr == ""


@pytest.mark.parametrize("mark", ["x", "-", "1-", "life-x", "life--1", "li fe-1"])
def test_a_mark_that_is_none_is_a_mistake(winch: Winch, mark: str) -> None:
    done = winch("events", f"--since={mark}", "--no-follow")
    assert done.returncode == 2
    assert "resume" in done.stderr
