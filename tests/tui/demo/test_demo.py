"""`winch demo` from end to end without a terminal: whole files, and nothing left behind."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

SMALL = """
import sys
from tui.cli.demo import demonstrate
from tui.demo.files import KIB, DemoFile
sys.exit(demonstrate([
    DemoFile("plain.bin", 500 * KIB),
    DemoFile("stubborn.bin", 90 * KIB, ranges=False),
    DemoFile("moody.bin", 90 * KIB, fail_first=1),
    DemoFile("cut.bin", 900 * KIB, drop_after=600 * KIB),
    DemoFile("empty.bin", 0),
]))
"""
WHOLE = "import sys; from tui.cli.dispatch import run; sys.exit(run(['demo']))"


@pytest.fixture
def temporary() -> Iterator[Path]:
    """Return a place for temporary files where the test can see them, with a short path."""
    with tempfile.TemporaryDirectory(prefix="w", dir="/tmp") as directory:
        yield Path(directory)


@pytest.fixture
def env(tmp_path: Path, temporary: Path) -> dict[str, str]:
    """Return an environment with settings that the demo must not read."""
    clean = {name: value for name, value in os.environ.items() if "WINCH" not in name}
    own = {"WINCH_HOME": str(tmp_path / "mine"), "WINCH_LIMITS_ACTIVE": "nonsense"}
    return {**clean, **own, "TMPDIR": str(temporary)}


def start(code: str, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-c", code],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_every_file_arrives_whole_and_nothing_is_left(
    env: dict[str, str], tmp_path: Path, temporary: Path
) -> None:
    process = start(SMALL, env)
    stdout, stderr = process.communicate(timeout=50)
    assert process.returncode == 0, stderr
    assert [line.split()[0] for line in stdout.splitlines()] == [
        "plain.bin",
        "stubborn.bin",
        "moody.bin",
        "cut.bin",
        "empty.bin",
    ]
    assert all("whole, sha256 verified" in line for line in stdout.splitlines())
    assert "verified: " in stderr  # the one that was cut was continued, not begun again
    assert os.listdir(temporary) == []  # noqa: PTH208
    assert not (tmp_path / "mine").exists()


def test_ctrl_c_ends_it_with_its_daemon_and_its_files(env: dict[str, str], temporary: Path) -> None:
    process = start(WHOLE, env)
    assert process.stderr is not None
    for line in process.stderr:
        if ": downloading, " in line:
            break
    (path,) = temporary.glob("winch-demo-*/home/state/lock")
    with path.open("rb") as lock:
        with pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate(timeout=50)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # free: its daemon is gone
    assert process.returncode == 130
    assert "slow.bin                 not finished" in stdout
    assert os.listdir(temporary) == []  # noqa: PTH208


def test_nothing_is_left_where_the_socket_needs_a_shorter_place(
    env: dict[str, str], temporary: Path
) -> None:
    deep = temporary / "d"
    # Too long for a socket in the home of the demo, and not for one beside it.
    deep = temporary / ("d" * (69 - len(os.fsencode(deep))))
    deep.mkdir()
    process = start(SMALL, env | {"TMPDIR": str(deep)})
    _, stderr = process.communicate(timeout=50)
    assert process.returncode == 0, stderr
    assert list(deep.iterdir()) == []
