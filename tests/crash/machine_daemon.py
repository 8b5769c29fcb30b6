"""The real daemon, forked from a process that has loaded it: a start costs no start of Python."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from core.adapters.system.paths import Paths
from core.domain.errors import ErrorInfo
from core.rpc.client import RemoteService
from core.rpc.codec import Readiness, decode
from tests.crash import hurried

PATIENCE = 30.0
"""Seconds that a clean end may take."""
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["__main__", __name__])


class Daemon:
    """A daemon process that can be asked to end and can be killed."""

    def __init__(self, home: Path, settings: Mapping[str, str]) -> None:
        self.socket = Paths.discover({"WINCH_HOME": str(home)}).socket
        self._errors = home.with_name("stderr")
        self._environment = {**settings, "WINCH_HOME": str(home), "NETRC": "/nonexistent"}
        self._process: multiprocessing.process.BaseProcess | None = None

    @property
    def complaints(self) -> str:
        """What it wrote to its standard error."""
        return self._errors.read_text() if self._errors.exists() else ""

    def start(self) -> ErrorInfo | None:
        """Start it and return once it serves, or why it does not."""
        reader, writer = _FORKS.Pipe(duplex=False)
        arguments = (self._environment, self._errors, writer)
        self._process = _FORKS.Process(target=_serve, args=arguments)
        with reader:
            with writer:
                self._process.start()
            line = os.read(reader.fileno(), 65536)
        assert line, f"the daemon ended while it started: {self.complaints}"
        readiness: Readiness = decode(line, Readiness)
        if readiness.error is not None:
            self._process.join()
        return readiness.error

    async def connect(self) -> RemoteService:
        """Return its service."""
        return await RemoteService.open(self.socket)

    def kill(self) -> None:
        """kill -9, and return once it is gone."""
        assert self._process is not None
        self._process.kill()
        self._process.join()
        status = self._process.exitcode
        assert status == -signal.SIGKILL, f"it had ended by itself: {status}, {self.complaints}"

    async def ended(self) -> int | None:
        """Return its exit status once it has ended as it was asked to, None where it does not."""
        assert self._process is not None
        await asyncio.to_thread(self._process.join, PATIENCE)
        return self._process.exitcode

    def clear_away(self) -> None:
        """Leave no process behind, however the test went."""
        if self._process is not None and self._process.is_alive():
            self._process.kill()
            self._process.join()


def _serve(environment: Mapping[str, str], errors: Path, writer: Connection) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir("/")
    os.dup2(os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    ready = os.dup(writer.fileno())
    writer.close()
    sys.exit(hurried.main(["--ready-fd", str(ready)]))
