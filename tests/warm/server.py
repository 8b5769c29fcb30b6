"""Loads winch once and forks a process of it for each client (see the package).

Called as `server.py SOCKET EXECUTABLE`; says `ready` on stdout and ends with its stdin.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import struct
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Above what clients have open, and below what a process may.
_OUT_OF_THE_WAY = 200


@dataclass
class Request:
    """What a client asks for: a process like this."""

    leads_session: bool
    umask: int
    directory: bytes
    files: dict[int, int]
    arguments: list[str]
    environment: dict[bytes, bytes]

    @classmethod
    def receive(cls, client: socket.socket) -> Request:
        head, files, _, _ = socket.recv_fds(client, 8, 64)
        if not head:
            raise ConnectionError
        (size,) = struct.unpack("=Q", head)
        data = bytearray()
        while len(data) < size:
            piece = client.recv(size - len(data))
            if not piece:
                raise ConnectionError
            data += piece
        leads, umask, directory, numbers, count, *rest = bytes(data).split(b"\0")
        split = int(count)
        return cls(
            leads_session=leads == b"1",
            umask=int(umask),
            directory=directory,
            files=dict(zip(map(int, numbers.split()), files, strict=True)),
            arguments=[os.fsdecode(argument) for argument in rest[:split]],
            environment=dict(pair.split(b"=", 1) for pair in rest[split:]),  # type: ignore[misc]
        )

    def close(self) -> None:
        for fd in self.files.values():
            os.close(fd)

    def become(self, executable: str) -> None:
        """Make this fork the process that was asked for, up to its first line of code."""
        if self.leads_session:
            os.setsid()
        moved = {n: fcntl.fcntl(fd, fcntl.F_DUPFD, _OUT_OF_THE_WAY) for n, fd in self.files.items()}
        self.close()
        os.closerange(0, 3)
        for number, fd in moved.items():
            os.dup2(fd, number)
            os.close(fd)
        os.umask(self.umask)
        os.chdir(self.directory)
        os.environb.clear()
        os.environb.update(self.environment)
        sys.executable = executable
        for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
            stream = None
            if number in self.files:
                stream = open(  # noqa: SIM115
                    number,
                    mode,
                    encoding="utf-8",
                    errors="backslashreplace" if number == 2 else None,
                    buffering=1 if number == 2 or os.isatty(number) else -1,
                    closefd=False,
                )
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)

    def run(self) -> None:
        _, kind, code, *words = self.arguments
        if kind == "-m":
            # As if it had not been loaded: it is loaded again, as the main module.
            sys.modules.pop(code, None)
            sys.argv = ["", *words]
            runpy.run_module(code, run_name="__main__", alter_sys=True)
        else:
            sys.argv = ["-c", *words]
            exec(code, {"__name__": "__main__"})


def load() -> None:
    """Load what the daemon and the commands load."""
    sys.path.insert(0, str(ROOT))
    importlib.import_module("core.daemon")
    commands = importlib.import_module("tui.cli")
    for module in pkgutil.iter_modules(commands.__path__, "tui.cli."):
        importlib.import_module(module.name)
    gc.collect()
    gc.freeze()


@dataclass(frozen=True)
class Child:
    """A process that was forked, and the client that stands for it."""

    pid: int
    ended: int
    client: socket.socket

    def tell(self, number: int) -> None:
        """Send a number to the client, if it still lives."""
        with suppress(OSError):
            self.client.sendall(struct.pack("=i", number))

    def close(self) -> None:
        os.close(self.ended)
        self.client.close()


def serve(address: str) -> Request:
    """Fork a process for each client; returns only in such a process, with what it is to become."""
    events = selectors.DefaultSelector()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    events.register(listener, selectors.EVENT_READ)
    events.register(0, selectors.EVENT_READ)
    children: set[Child] = set()
    os.write(1, b"ready\n")
    os.close(1)
    while True:
        for key, _ in events.select():
            if key.fd == 0:
                os._exit(0)
            if key.fileobj is listener:
                client, _ = listener.accept()
                try:
                    request = Request.receive(client)
                except ConnectionError:
                    # It was killed before it had said what it wants.
                    client.close()
                    continue
                pid = os.fork()
                if pid == 0:
                    for each in (events, listener, client, *children):
                        each.close()
                    return request
                request.close()
                child = Child(pid, os.pidfd_open(pid), client)
                children.add(child)
                child.tell(pid)
                events.register(child.ended, selectors.EVENT_READ, child)
                events.register(client, selectors.EVENT_READ, child)
            elif key.data in children:
                child = key.data
                if key.fileobj is child.client:
                    # Killed, so that it could not hand that on.
                    os.kill(child.pid, signal.SIGKILL)
                status = os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1])
                child.tell(status)
                events.unregister(child.ended)
                events.unregister(child.client)
                child.close()
                children.remove(child)


load()
request = serve(sys.argv[1])
request.become(sys.argv[2])
try:
    request.run()
except SystemExit as end:
    if not isinstance(end.code, int) or threading.active_count() > 1:
        raise
    # Like an end without this, but for taking all modules apart, which takes longer than most
    # commands do.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    os._exit(end.code)
