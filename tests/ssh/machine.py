"""Another machine, as far as namespaces make one: its own processes, mounts, name and one person.

What runs there ends with it, as by a power cut, and nothing of it is left here: the list of its
users, /run, /var/log and the crontabs are its own. A real cron runs there, for what a boot starts.
The network is this machine's, so that downloads come from servers on the loopback. It takes root,
as sshd does.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests import warm

PERSON = "server"
"""Who works there, and what the machine is called."""
_USER = 54321
_ROOT = Path(__file__).parents[2]
_WARM = Path(warm.__file__).parent
_BOOT = r"""
set -e
mount --bind "$1/passwd" /etc/passwd
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -m 755 /run/sshd
mount -t tmpfs -o mode=755 tmpfs /var/log
mkdir -p "$1/crontabs"
chgrp crontab "$1/crontabs"
chmod 1730 "$1/crontabs"
mount --bind "$1/crontabs" /var/spool/cron/crontabs
hostname {name}
{reachable}
cron
shift
exec "$@"
"""


class Machine:
    """Begins switched off; `directory` holds what it keeps, which is not lost with its processes.

    `path` is where its shell looks for commands, `environment` what a login finds besides.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.home = directory / "home" / PERSON
        self.home.mkdir(parents=True)
        for each in (directory, self.home.parent, self.home):
            each.chmod(0o755)
        os.chown(self.home, _USER, _USER)
        users = Path("/etc/passwd").read_text()
        users += f"{PERSON}:*:{_USER}:{_USER}::{self.home}:/bin/bash\n"
        (directory / "passwd").write_text(users)
        self._bin = directory / "bin"
        self._bin.mkdir(mode=0o755)
        self.path = f"{self._bin}:/usr/local/bin:/usr/bin:/bin"
        self._process: subprocess.Popen[bytes] | None = None
        self._warm: subprocess.Popen[str] | None = None
        self._kept: list[int] = []

    def install_winch(self, python: str = sys.executable) -> None:
        """Put this winch where the person's shell finds it."""
        winch = self._bin / "winch"
        main = "from tui.cli.main import main; main()"
        winch.write_text(f"#!/bin/sh\nexec {shlex.quote(python)} -P -c '{main}' \"$@\"\n")
        winch.chmod(0o755)

    @contextmanager
    def without_winch(self) -> Iterator[None]:
        """Have no winch there for a while."""
        away = (self._bin / "winch").rename(self.directory / "winch-away")
        try:
            yield
        finally:
            away.rename(self._bin / "winch")

    def install_warm_winch(self) -> None:
        """Put a winch there which is loaded already (see tests.warm); lasts while it is on."""
        place = self.directory / "warm"
        place.mkdir()
        os.chown(place, _USER, _USER)
        address, python = place / "socket", self.directory / "warm-python"
        words = shlex.join(
            [sys.executable, "-IS", str(_WARM / "client.py"), str(address), sys.executable]
        )
        python.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        python.chmod(0o755)
        self._warm = self.run(
            sys.executable, "-P", str(_WARM / "server.py"), str(address), str(python)
        )
        assert self._warm.stdout is not None
        assert self._warm.stdout.readline() == "ready\n"
        self._kept = _children(self._warm.pid)
        self.install_winch(str(python))

    def clear(self) -> None:
        """Kill what its person runs, and delete what is in the home; the machine stays on."""
        for process in list(self.processes()):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        while any(self.processes()):
            time.sleep(0.002)
        for each in self.home.iterdir():
            if each.is_dir() and not each.is_symlink():
                shutil.rmtree(each)
            else:
                each.unlink()

    def processes(self) -> Iterator[int]:
        """The processes of its person, by the numbers that they have here."""
        there = (Path(f"/proc/{self._first_process()}") / "ns" / "pid").readlink()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (
                    (process / "ns" / "pid").readlink() == there
                    and process.stat().st_uid == _USER
                    and int(process.name) not in self._kept
                ):
                    yield int(process.name)

    def write(self, name: str, text: str) -> Path:
        """Write a file of the person's into the home there."""
        path = self.home / name
        for directory in reversed(path.relative_to(self.home).parents[:-1]):
            (self.home / directory).mkdir(exist_ok=True)
            os.chown(self.home / directory, _USER, _USER)
        path.write_text(text)
        os.chown(path, _USER, _USER)
        return path

    def switch_on(self, first: Sequence[str]) -> subprocess.Popen[bytes]:
        """Start it with a first process, whose end is the machine's; its stderr can be read."""
        self._process = subprocess.Popen(
            [
                *("unshare", "--mount", "--uts", "--pid", "--fork", "--kill-child"),
                *("--mount-proc", "--", "sh", "-c", self._boot(), "boot"),
                *(str(self.directory), *first),
            ],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd="/",
        )
        return self._process

    def switch_off(self) -> None:
        """Take its power: no process there hears of its end."""
        if (process := self._process) is None:
            return
        self._process = None
        process.kill()
        process.wait()
        assert process.stderr is not None
        # Open in every process there, so it ends once all of them have.
        process.stderr.read()
        process.stderr.close()
        if self._warm is not None:
            self._warm.communicate()
            self._warm, self._kept = None, []

    def run(self, *words: str) -> subprocess.Popen[str]:
        """Start a program there as its person, as init does: nobody has logged in.

        It sees the end of its stdin only when this is closed here.
        """
        return subprocess.Popen(
            [
                *("nsenter", "--target", str(self._first_process()), "--mount", "--uts", "--pid"),
                *("setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"),
                *("env", "-i", f"HOME={self.home}", f"PATH={self.path}", f"USER={PERSON}", *words),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd="/",
        )

    def _first_process(self) -> int:
        assert self._process is not None, "the machine is off"
        return _children(self._process.pid)[0]

    def _boot(self) -> str:
        return _BOOT.format(name=PERSON, reachable="\n".join(self._reachable()))

    def _reachable(self) -> Iterator[str]:
        """Give the commands that let its person run this Python, also one below /root."""
        hidden: dict[Path, list[Path]] = {}
        for path in {Path(sys.base_prefix), Path(sys.prefix), _ROOT}:
            above = [each for each in reversed(path.parents) if not each.stat().st_mode & 0o001]
            if above:
                hidden.setdefault(above[0], []).append(path)
        for number, (top, paths) in enumerate(hidden.items()):
            places = [(path, self.directory / f"kept-{number}-{n}") for n, path in enumerate(paths)]
            for path, place in places:
                yield f"mkdir -p {place} && mount --bind {shlex.quote(str(path))} {place}"
            yield f"mount -t tmpfs -o mode=755 tmpfs {shlex.quote(str(top))}"
            for path, place in places:
                words = shlex.quote(str(path))
                yield f"mkdir -p {words} && mount --bind {place} {words}"


def _children(process: int) -> list[int]:
    return [int(n) for n in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


@contextmanager
def a_machine() -> Iterator[Machine]:
    """A machine that is switched off, and off again at the end."""
    directory = Path(tempfile.mkdtemp(prefix="w", dir="/tmp"))
    machine = Machine(directory)
    try:
        yield machine
    finally:
        machine.switch_off()
        shutil.rmtree(directory)
