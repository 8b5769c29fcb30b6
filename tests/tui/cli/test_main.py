"""What a shell sees of `winch` whatever the command: exit statuses, one line per error, speed."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.tui.cli.conftest import COMMAND, Winch

LOADED = """
import sys
from tui.cli.dispatch import run
status = run(sys.argv[1:])
print(sorted({"textual", "aiohttp", "tinydb", "aiofiles"} & set(sys.modules)))
sys.exit(status)
"""


@pytest.fixture
def winch(winch: Winch) -> Iterator[Winch]:
    """The command as a shell starts it."""
    warm, winch.command = winch.command, COMMAND
    yield winch
    winch.command = warm


def one_line(stderr: str) -> str:
    """Return the only line of stderr."""
    (line,) = stderr.splitlines()
    assert line.startswith("winch: ")
    return line


def test_a_mistyped_command_is_a_usage_error(winch: Winch) -> None:
    result = winch("lst")
    assert result.returncode == 2
    assert "did you mean 'winch ls'?" in one_line(result.stderr)


def test_a_misspelt_setting_is_one_line_and_a_traceback_with_debug_only(winch: Winch) -> None:
    winch.env["WINCH_LIMITS_ACTIVE"] = "many"
    result = winch("config", "show")
    assert result.returncode == 2
    assert "many" in one_line(result.stderr)
    debugged = winch("--debug", "config", "show")
    assert debugged.returncode == 2
    assert "Traceback" in debugged.stderr
    del winch.env["WINCH_LIMITS_ACTIVE"]


def test_what_nobody_expected_is_one_line_too() -> None:
    broken = (
        "import sys; import tui.cli.dispatch as m; m.parse = lambda argv: 1 / 0\n"
        "sys.exit(m.run([]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", broken], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "ZeroDivisionError" in one_line(result.stderr)


def test_without_a_terminal_the_screen_points_to_the_plain_commands(winch: Winch) -> None:
    for words in ([], ["http://127.0.0.1:1/x"]):
        result = winch(*words)
        assert result.returncode == 2
        assert "winch get URL" in one_line(result.stderr)


def test_a_dumb_terminal_gets_the_same_hint(winch: Winch) -> None:
    controller, terminal = pty.openpty()
    try:
        result = subprocess.run(
            COMMAND,
            env={**winch.env, "TERM": "dumb"},
            stdin=terminal,
            stdout=terminal,
            stderr=subprocess.PIPE,
            text=True,
            timeout=50,
            check=False,
        )
    finally:
        os.close(controller)
        os.close(terminal)
    assert result.returncode == 2
    assert "type 'dumb'" in one_line(result.stderr)


def test_a_reader_that_leaves_is_no_error(winch: Winch) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = subprocess.run(
            [*COMMAND, "config", "show"],
            env=winch.env,
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=50,
            check=False,
        )
    finally:
        os.close(writer)
    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_is_no_error(winch: Winch, closed: str) -> None:
    script = f'exec "$@" {closed}'
    result = subprocess.run(
        ["/bin/sh", "-c", script, "sh", *COMMAND, "ls", "--json"],
        env=winch.env,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == ("" if " >&-" in f" {closed}" else "[]\n")


@pytest.mark.parametrize("words", [["ls"], ["ls", "--json"], ["pause", "--all"]])
def test_a_plain_command_loads_neither_textual_nor_aiohttp(winch: Winch, words: list[str]) -> None:
    result = subprocess.run(
        [
            *(sys.executable, "-P", "-c"),
            LOADED,
            *words,
        ],
        env=winch.env,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "[]"


def test_the_version_is_printed_alone(winch: Winch) -> None:
    result = winch("--version")
    assert result.returncode == 0
    assert result.stdout.startswith("winch ")
    assert result.stderr == ""
