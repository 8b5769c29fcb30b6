"""An OpenSSH server with keys of its own, on another machine, and how a client finds it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests.ssh.machine import Machine, a_machine

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {directory}/host_key
AuthorizedKeysFile {directory}/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
UseDNS no
PrintMotd no
PrintLastLog no
PidFile none
MaxStartups 100
SetEnv PATH={path}
"""
_SSHD = "/usr/sbin/sshd"


class SshServer:
    """sshd as the first process of a machine; `port` stays the same as long as the machine does."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.directory = machine.directory / "sshd"
        self.directory.mkdir(mode=0o755)
        self.port = _free_port()
        self.make_host_key()
        self._config = self.directory / "sshd_config"
        self._config.write_text(
            _CONFIG.format(port=self.port, directory=self.directory, path=machine.path)
        )

    @property
    def host_key(self) -> str:
        """What this server is known by: the kind of its key, and the key."""
        return " ".join((self.directory / "host_key.pub").read_text().split()[:2])

    def make_host_key(self) -> None:
        """Be a server that nobody knows, from the next start on."""
        (self.directory / "host_key").unlink(missing_ok=True)
        make_key(self.directory / "host_key")

    def let_in(self, public_key: str) -> None:
        """Let whoever has this key be the machine's person."""
        keys = self.directory / "authorized_keys"
        keys.write_text(public_key)
        keys.chmod(0o644)

    def start(self) -> None:
        """Start the machine, and return once sshd listens."""
        process = self.machine.switch_on([_SSHD, "-D", "-e", "-f", str(self._config)])
        assert process.stderr is not None
        said = b""
        while b"Server listening" not in said:
            line = process.stderr.readline()
            assert line, f"sshd does not start: {said.decode()}"
            said += line

    def restart(self) -> None:
        """Take its power and start it again: all that ran there is gone."""
        self.machine.switch_off()
        self.start()


@contextmanager
def ssh_server() -> Iterator[SshServer]:
    """A machine that runs nothing but sshd, and has winch installed."""
    with a_machine() as machine:
        machine.install_winch()
        server = SshServer(machine)
        server.start()
        yield server


def make_key(path: Path) -> None:
    """Make a key without a passphrase, and `path`.pub."""
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(path)], check=True
    )


@cache
def missing() -> str:
    """Return why there can be no such server here; empty where there can."""
    if os.geteuid() != 0:
        return "another machine, and sshd, take root"
    if not Path(_SSHD).exists():
        return "there is no sshd"
    if shutil.which("cron") is None:
        return "there is no cron"
    spaces = ("unshare", "--mount", "--uts", "--pid", "--net", "--fork")
    tried = subprocess.run(
        [*spaces, "mount", "-t", "tmpfs", "tmpfs", "/run"], check=False, capture_output=True
    )
    return f"there are no namespaces: {tried.stderr.decode().strip()}" if tried.returncode else ""


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
    return port
