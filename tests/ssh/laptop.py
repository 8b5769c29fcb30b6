"""The laptop: another user's home, the configuration of ssh in it, and winch, driven from there."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.domain.machines import Host
from tests.pty import Pty
from tests.ssh.machine import PERSON
from tests.ssh.server import SshServer, make_key
from tests.warm import warm_python

MAIN = ("-P", "-c", "from tui.cli.main import main; main()")
_CONFIG = """
Host {name}
    HostName 127.0.0.1
    Port {port}
    User {user}
    IdentityFile {directory}/key
    UserKnownHostsFile {directory}/known_hosts
    GlobalKnownHostsFile /dev/null
    IdentitiesOnly yes
    IdentityAgent none
    StrictHostKeyChecking yes
    PreferredAuthentications publickey
"""


class Laptop:
    """`ssh` of its PATH finds the servers that it has been introduced to, and no others.

    `inside` goes before whatever runs ssh, see Link. ssh itself takes a home from the list of
    users, not from HOME, so its configuration is named.
    """

    def __init__(self, directory: Path, inside: Sequence[str] = ()) -> None:
        self.directory = directory
        self.home = directory / "home"
        self.home.mkdir(parents=True)
        self.place = directory / "cwd"
        self.place.mkdir()
        make_key(directory / "key")
        self.public_key = (directory / "key.pub").read_text()
        programs = directory / "bin"
        programs.mkdir()
        self._config = directory / "ssh_config"
        self._config.touch()
        ssh = programs / "ssh"
        self.options = ("-F", str(self._config))
        """What `ssh` needs where it is not the one of this laptop's PATH."""
        words = shlex.join([*inside, "/usr/bin/ssh", *self.options])
        ssh.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        ssh.chmod(0o755)
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("WINCH", "SSH", "XDG"))}
        path = f"{programs}:{os.environ['PATH']}"
        self.environment = clean | {"HOME": str(self.home), "PATH": path}

    def meet(self, server: SshServer, name: str = PERSON, *, user: str = PERSON) -> None:
        """Let it know a server by a name, and the server let it in."""
        server.let_in(self.public_key)
        self.know(server.port, server.host_key)
        self.name(name, server.port, user=user)

    def know(self, port: int, host_key: str) -> None:
        """Take this for the key of the host behind a port."""
        with (self.directory / "known_hosts").open("a") as known:
            known.write(f"[127.0.0.1]:{port} {host_key}\n")

    def name(self, name: str, port: int, *, user: str = PERSON) -> None:
        """Give a port of the loopback a name that `ssh` knows."""
        with self._config.open("a") as config:
            config.write(_CONFIG.format(name=name, port=port, user=user, directory=self.directory))

    def host(self, name: str = PERSON) -> Host:
        """Return a server as the machine that winch is to drive."""
        return Host(name=name, ssh=(str(self.directory / "bin" / "ssh"), name))

    def ssh(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run ssh to its end."""
        return self._run(["ssh", *words], stdin)

    def winch(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run winch to its end, here."""
        return self._run([warm_python(), *MAIN, *words], stdin)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start winch here."""
        return subprocess.Popen(
            [warm_python(), *MAIN, *words],
            env=self.environment,
            cwd=self.place,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def screen(self, *words: str, size: tuple[int, int] = (100, 30)) -> Pty:
        """Open winch's screen on a terminal here; leave the context and it is gone."""
        return Pty(*MAIN, *words, size=size, **self.environment)

    def json(self, *words: str) -> Any:
        """Return what a command prints as JSON."""
        result = self.winch(*words, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def _run(self, command: Sequence[str], stdin: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=self.environment,
            cwd=self.place,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
