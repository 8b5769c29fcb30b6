"""The line that brings a file here, read by a real shell and, where it is there, a real rsync."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from core.domain.errors import UsageError
from tui.text.rsync_line import rsync_line

NASTY = (
    "with space",
    "it's",
    'say "so"',
    "back\\slash",
    "$HOME `id` $(id)",
    "new\nline\ttab\x1b]52;c;aGk=\x07",
    "star*",
    "what?",
    "a[1].bin",
    "both\\and[x]*",
    "-P",
    "~",
    "Grüße 日本",
    "!history",
    ";&|<>",
)


def words_of(line: str) -> list[str]:
    """Return the words that a shell makes of a line."""
    script = f"printf '%s\\0' {line}"
    return subprocess.run(
        ["bash", "-c", script], capture_output=True, check=True, text=True
    ).stdout.split("\0")[:-1]


@pytest.mark.parametrize(
    ("ssh", "line"),
    [
        (("ssh", "server"), "rsync -P -s server:/d/x ."),
        (("ssh", "-p", "2222", "me@server"), "rsync -P -s -e 'ssh -p 2222' me@server:/d/x ."),
        (("ssh", "me@fe80::1"), "rsync -P -s 'me@[fe80::1]:/d/x' ."),
        (("ssh", "ssh://me@server:22"), "rsync -P -s -e 'ssh -p 22' me@server:/d/x ."),
        (("ssh", "ssh://server"), "rsync -P -s server:/d/x ."),
    ],
)
def test_the_machine_is_reached_as_winch_reaches_it(ssh: tuple[str, ...], line: str) -> None:
    assert rsync_line(ssh, ["/d/x"]) == line


def test_several_files_come_with_one_line() -> None:
    line = rsync_line(("ssh", "server"), ["/d/a b", "/d/c"])
    assert words_of(line)[3:] == ["server:/d/a b", "server:/d/c", "."]


@pytest.mark.parametrize("way", [("box",), ("incus", "exec", "box", "--")])
def test_a_machine_without_a_name_is_refused(way: tuple[str, ...]) -> None:
    with pytest.raises(UsageError):
        rsync_line(way, ["/d/x"])


@pytest.mark.parametrize("name", NASTY)
def test_a_shell_reads_the_name_as_one_word_of_a_line_without_controls(name: str) -> None:
    line = rsync_line(("ssh", "server"), [f"/d/{name}"])
    assert line.isprintable()
    *_, word, here = words_of(line)
    assert here == "."
    if not any(sign in name for sign in "*?["):
        assert word == f"server:/d/{name}"


@pytest.mark.skipif(shutil.which("rsync") is None, reason="there is no rsync")
def test_rsync_brings_exactly_what_is_named_whatever_is_in_the_name(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "it's here"
    there.mkdir()
    here.mkdir()
    for name in (*NASTY, "a1.bin", "starry", "whatx"):
        (there / name).write_text(name)
    # Behind `-p 22 -l me server` comes what a shell of its own reads, as with sshd.
    reach = here / "reach it"
    reach.write_text('#!/bin/sh\nshift 5\nexec sh -c "$*"\n')
    reach.chmod(0o755)
    line = rsync_line((str(reach), "-p", "22", "me@server"), [f"{there}/{name}" for name in NASTY])
    (tmp_path / "dest").mkdir()
    done = subprocess.run(
        ["bash", "-c", line], cwd=tmp_path / "dest", capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in (tmp_path / "dest").iterdir()) == sorted(NASTY)
