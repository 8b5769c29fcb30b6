"""winch in a container, as far as namespaces are one: process 1, no account, a read-only root."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.tui.cli.conftest import COMMAND
from tests.unix import short_directory
from tui.demo.files import KIB, MIB, DemoFile
from tui.demo.server import DemoServer

FILE = DemoFile("file.bin", 300 * KIB)
SLOW = DemoFile("slow.bin", 3 * MIB, rate=MIB)
# Process 1 of namespaces of its own, as a user that no account belongs to.
USER = ("--map-user=4321", "--map-group=4321")
ALONE = ("unshare", "-U", *USER, "-p", "-f", "--mount-proc", "--kill-child")
# The same, below a root in which nothing but one directory can be written.
READ_ONLY = ("unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "bash", "-c")
_MOUNT = """
mount --make-rprivate / && mount --bind "$1" "$1" && mount -o remount,bind,ro / && cd / &&
shift && ! touch /tmp/written 2>/dev/null && exec unshare -U --map-user=4321 --map-group=4321 "$@"
"""

pytestmark = pytest.mark.skipif(
    sys.platform != "linux"
    or subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode != 0,
    reason="namespaces cannot be made here",
)


@pytest.fixture(scope="module")
def server() -> Iterator[DemoServer]:
    with DemoServer([FILE, SLOW]) as running:
        yield running


@pytest.fixture
def directory() -> Iterator[Path]:
    with short_directory() as made:
        yield made


def clean(**more: str) -> dict[str, str]:
    ours = ("WINCH", "XDG", "HOME")
    return {name: v for name, v in os.environ.items() if not name.startswith(ours)} | more


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def containerfile(directory: Path) -> tuple[list[str], dict[str, str]]:
    """Return what the README's example runs, and its environment, with its places below ours."""
    text = (Path(__file__).parents[3] / "README.md").read_text()
    said = dict(re.findall(r"^(ENV|ENTRYPOINT|CMD) (.+)$", text, re.MULTILINE))
    assert json.loads(said["ENTRYPOINT"]) == ["winch"]
    variables = dict(pair.split("=") for pair in said["ENV"].split())
    return json.loads(said["CMD"]), {k: f"{directory}{place}" for k, place in variables.items()}


@contextmanager
def container(words: list[str], env: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Start winch as process 1; what is left of it in the end is killed."""
    command = [*ALONE, *COMMAND, *words]
    with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


def test_process_one_buries_orphans_and_ends_at_a_checkpoint(directory: Path) -> None:
    words, variables = containerfile(directory)
    (directory / "downloads").mkdir()
    with container(words, clean(**variables)) as running:
        assert running.stderr is not None
        assert "the daemon runs" in running.stderr.readline()
        (one,) = children(running.pid)
        (daemon,) = children(one)
        # Somebody dies, and leaves a child behind that ends some time later.
        orphan = directory / "orphan"
        inside = ("nsenter", f"--target={one}", "--user", "--pid", "--preserve-credentials")
        subprocess.run([*inside, "sh", "-c", f"(echo >'{orphan}') &"], check=True)
        wait_for(lambda: orphan.exists() and children(one) == [daemon])
        # As `podman exec` does it.
        env = clean(**variables, HOME="/")
        add = [*COMMAND, "add", "--paused", "http://127.0.0.1:9/file"]
        subprocess.run(add, env=env, capture_output=True, check=True)
        listed = subprocess.run([*COMMAND, "ls", "--json"], env=env, stdout=-1, check=True).stdout
        assert json.loads(listed)[0]["download_path"] == f"{directory}/downloads/file"
        os.kill(one, signal.SIGTERM)
        assert running.wait(30) == 0
    log = Path(variables["WINCH_HOME"], "state", "winch.log")
    assert "winch ended" in log.read_text()


def test_process_one_ends_as_the_daemon_does(directory: Path) -> None:
    (directory / "config.toml").write_text("limits = 3\n")
    ended = subprocess.run(
        [*ALONE, *COMMAND, "daemon", "run"],
        env=clean(WINCH_HOME=str(directory)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


class ReadOnly:
    """Runs `winch get --embedded` where only the destination can be written."""

    def __init__(self, destination: Path) -> None:
        self.destination = destination

    def start(self, *words: str, **more: str) -> subprocess.Popen[str]:
        command = (*COMMAND, "get", "--embedded", "-d", str(self.destination), *words)
        return subprocess.Popen(
            [*READ_ONLY, _MOUNT, "container", str(self.destination), *command],
            env=clean(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def get(self, *words: str, **more: str) -> tuple[int, str, str]:
        stdout, stderr = (process := self.start(*words, **more)).communicate(timeout=50)
        return process.returncode, stdout, stderr

    @property
    def files(self) -> list[str]:
        return [path.name for path in self.destination.iterdir()]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount something read-only")
class TestReadOnlyRoot:
    def test_a_file_arrives_and_nothing_else(self, directory: Path, server: DemoServer) -> None:
        read_only = ReadOnly(directory)
        status, _, stderr = read_only.get(server.url(FILE))
        assert status == 0, stderr
        assert f"the state is in {directory}/.winch" in stderr
        assert hashlib.sha256((directory / FILE.name).read_bytes()).hexdigest() == FILE.sha256
        assert read_only.files == [FILE.name]

    def test_one_that_was_ended_is_continued(self, directory: Path, server: DemoServer) -> None:
        read_only, home = ReadOnly(directory), "/nonexistent"
        # What has failed before it began leaves nothing to continue.
        status, _, stderr = read_only.get(server.url(SLOW) + "not", HOME=home)
        assert status == 3, stderr
        assert read_only.files == []
        first = read_only.start(server.url(SLOW), HOME=home)
        assert first.stderr is not None
        while "downloading" not in (line := first.stderr.readline()) or " 0%" in line:
            assert first.poll() is None
        (one,) = children(first.pid)
        os.kill(one, signal.SIGTERM)
        _, stderr = first.communicate(timeout=30)
        assert first.returncode == 128 + signal.SIGTERM, stderr
        assert f"{SLOW.name}.part" in read_only.files
        status, stdout, stderr = read_only.get("--json", server.url(SLOW), HOME=home)
        assert status == 0, stderr
        assert json.loads(stdout)["resume_verdict"].startswith("verified")
        assert hashlib.sha256((directory / SLOW.name).read_bytes()).hexdigest() == SLOW.sha256
        assert read_only.files == [SLOW.name]

    def test_a_place_that_was_named_is_not_gone_round(
        self, directory: Path, server: DemoServer
    ) -> None:
        read_only = ReadOnly(directory)
        status, _, stderr = read_only.get(server.url(FILE), WINCH_HOME="/nonexistent")
        assert status == 1
        assert "/nonexistent cannot be made: Read-only file system" in stderr
        assert read_only.files == []
