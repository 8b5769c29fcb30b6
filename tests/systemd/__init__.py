"""A systemd of one user, to install winch's unit in: a real one, in namespaces of its own.

Where a machine has none, or lets nobody make namespaces, a stand-in does what it is needed for
(`stand_in.py`); what it starts, and how, it takes from the installed unit as well.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SYSTEMD = "/usr/lib/systemd/systemd"
_STAND_IN = Path(__file__).with_name("stand_in.py")
# Nobody is process 1 who might be taken for the system's own.
_BOOT = """
mount --make-rprivate / &&
{ umount -l /sys/fs/cgroup 2>/dev/null; mount -t cgroup2 none /sys/fs/cgroup; } &&
mkdir -p /sys/fs/cgroup/$1 && echo $$ >/sys/fs/cgroup/$1/cgroup.procs &&
mount -t tmpfs none /run && mkdir -p /run/systemd/system &&
{ "$2" --user & } && wait
"""


class UserManager:
    """The manager of one home; `boot` and `crash` are what a machine does to it."""

    def __init__(self, home: Path, *, real: bool) -> None:
        self._is_real = real
        self._runtime = home / "runtime"
        self._runtime.mkdir(mode=0o700)
        self._process: subprocess.Popen[bytes] | None = None
        self._group = f"winch-test-{os.getpid()}"
        self.directory = home / ".config" / "systemd" / "user"
        clean = {name: value for name, value in os.environ.items() if not _is_ours(name)}
        self.env = {
            **clean,
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(self._runtime),
            "SYSTEMD_LOG_LEVEL": "warning",
        }
        if not real:
            (home / "bin").mkdir()
            systemctl = home / "bin" / "systemctl"
            systemctl.write_text(f'#!/bin/sh\nexec {sys.executable} {_STAND_IN} ask "$@"\n')
            systemctl.chmod(0o755)
            self.env["PATH"] = f"{home / 'bin'}:{clean['PATH']}"

    def boot(self) -> None:
        """Start the manager, and with it what is enabled."""
        shutil.rmtree(self._runtime)
        self._runtime.mkdir(mode=0o700)
        if self._is_real:
            words = ("unshare", "-m", "-p", "-C", "-f", "--mount-proc", "--kill-child")
            command = [*words, "bash", "-c", _BOOT, "boot", self._group, _SYSTEMD]
        else:
            command = [sys.executable, str(_STAND_IN), "serve"]
        self._process = subprocess.Popen(
            command,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def answers(self, patience: float = 20.0) -> bool:
        """Tell whether the manager comes up."""
        until = time.monotonic() + patience
        while time.monotonic() < until and self._process and self._process.poll() is None:
            if self("systemctl", "--user", "show", "--property=Version").returncode == 0:
                return True
        return False

    def starts_units(self) -> bool:
        """Tell whether a unit like winch's can be started: not each kernel lets it be confined."""
        if not self._is_real:
            return True
        confined = ("-p", "LockPersonality=yes", "-p", "RestrictAddressFamilies=AF_UNIX")
        return self("systemd-run", "--user", "--wait", "--quiet", *confined, "true").returncode == 0

    def crash(self) -> None:
        """End the manager and all that it has started, at once."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None
            _remove_groups(self._group)

    def __call__(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a program where the manager is, as its user would."""
        inside: tuple[str, ...] = ()
        if self._is_real and self._process:
            (first, *_) = _children(self._process.pid) or [self._process.pid]
            inside = ("nsenter", f"--target={first}", "-m", "-p", "-C", f"--wd={Path.cwd()}")
        return subprocess.run(
            [*inside, *words], env=self.env, capture_output=True, text=True, timeout=50, check=False
        )


@contextmanager
def user_manager(home: Path) -> Iterator[UserManager]:
    """Boot a manager for a home: a real one if it can be had."""
    manager = UserManager(home, real=_may_be_real())
    manager.boot()
    if not manager.answers() or not manager.starts_units():
        manager.crash()
        shutil.rmtree(home)
        home.mkdir()
        manager = UserManager(home, real=False)
        manager.boot()
        assert manager.answers()
    try:
        yield manager
    finally:
        manager.crash()


def _may_be_real() -> bool:
    tools = ("systemctl", "unshare", "nsenter")
    return os.getuid() == 0 and Path(_SYSTEMD).exists() and all(map(shutil.which, tools))


def _remove_groups(name: str) -> None:
    """Remove the control groups of what has ended, in a moment or two."""
    for mount in Path("/proc/mounts").read_text("utf-8").splitlines():
        _, place, kind, *_ = mount.split()
        if kind == "cgroup2" and (top := Path(place, name)).is_dir():
            for _ in range(100):
                # From the inside out; one is busy until its last process is gone.
                for directory, _, _ in os.walk(top, topdown=False):
                    with suppress(OSError):
                        Path(directory).rmdir()
                if not top.exists():
                    break
                time.sleep(0.01)


def _children(pid: int) -> list[int]:
    return [
        int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    ]


def _is_ours(name: str) -> bool:
    return name.startswith(("WINCH_", "XDG_", "DBUS_"))
