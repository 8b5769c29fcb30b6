"""Serve a `DownloadService` to other processes on a Unix socket.

Whatever a client sends or fails to read, it spoils nobody's day but its own: every line gets an
answer or an error, memory per client is bounded, and the service never waits for a reader.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
from collections.abc import Callable
from pathlib import Path

from core.domain.errors import DaemonError
from core.domain.figures import ClientFigures
from core.domain.service import DownloadService
from core.rpc.codec import MAX_LINE
from core.rpc.command import Commands
from core.rpc.session import Session, Traffic

_log = logging.getLogger(__name__)

_BACKLOG = 1024
_CLOSE_TIMEOUT = 2.0


class RpcServer:
    """The socket's side of a service.

    The caller owns the state directory (the instance lock), so a socket file that is there already
    is a dead one. `on_clients_changed` is called whenever `client_count` is another number.
    `check_interval` is how often, in seconds, the socket file is looked after. `commands` does
    whole commands for clients that load next to nothing themselves; without it they are refused.
    """

    def __init__(
        self,
        service: DownloadService,
        path: Path,
        *,
        name: str,
        max_line: int = MAX_LINE,
        check_interval: float = 2.0,
        commands: Commands | None = None,
    ) -> None:
        self.on_clients_changed: Callable[[], None] = lambda: None
        self._service = service
        self._path = path
        self._name = name
        self._max_line = max_line
        self._check_interval = check_interval
        self._commands = commands
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._watch: asyncio.Task[None] | None = None
        self._sessions: dict[asyncio.Task[None], Session] = {}
        self._numbers = itertools.count(1)
        self._closing = asyncio.Event()
        self._traffic = Traffic()

    @property
    def client_count(self) -> int:
        """How many clients have said hello; connections of one client count once."""
        return len({session.client for session in self._sessions.values() if session.client})

    @property
    def figures(self) -> ClientFigures:
        """Who asks, and how much was asked since the start."""
        return ClientFigures(
            clients=self.client_count,
            connections=len(self._sessions),
            requests=self._traffic.requests,
            errors=self._traffic.errors,
        )

    async def start(self) -> None:
        """Begin to listen; raises DaemonError when the socket cannot be made."""
        await self._listen()
        self._watch = asyncio.create_task(self._look_after_socket())

    async def close(self) -> None:
        """Take no more clients, finish what is being answered, and disconnect everybody."""
        self._closing.set()
        if self._watch is not None:
            await self._watch
        self._stop_listening()
        for session in self._sessions.values():
            session.end()
        if self._sessions:
            # A client that does not read cannot hold up the end.
            _, stuck = await asyncio.wait(self._sessions, timeout=_CLOSE_TIMEOUT)
            for task in stuck:
                task.cancel()
            await asyncio.gather(*stuck, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            listener, self._inode = _bind(self._path)
        except OSError as error:
            raise DaemonError(
                f"the socket {self._path} cannot be made: {error.strerror or error}",
                hint=f"check the permissions of {self._path.parent}",
            ) from error
        self._server = await asyncio.start_unix_server(
            self._connected, sock=listener, backlog=_BACKLOG
        )

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._socket_is_ours():
            # A name that stays is in nobody's way, and what is closed after this must be closed.
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _socket_is_ours(self) -> bool:
        try:
            return self._path.lstat().st_ino == self._inode
        except OSError:
            return False

    async def _look_after_socket(self) -> None:
        # A cleaner of old files may take the name away; the daemon would live on, out of reach.
        while not await self._closes_within(self._check_interval):
            if self._socket_is_ours():
                continue
            _log.warning("the socket %s is gone; making it again", self._path)
            self._stop_listening()
            try:
                await self._listen()
            except DaemonError as error:
                _log.warning("%s", error)

    async def _closes_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                await self._closing.wait()
        except TimeoutError:
            return False
        return True

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        session = Session(
            self._service,
            reader,
            writer,
            name=self._name,
            number=next(self._numbers),
            max_line=self._max_line,
            on_hello=self._clients_changed,
            commands=self._commands,
            traffic=self._traffic,
        )
        task = asyncio.current_task()
        if self._closing.is_set() or task is None:
            writer.transport.abort()
            return
        self._sessions[task] = session
        try:
            await session.run()
        finally:
            del self._sessions[task]
            if session.client:
                self._clients_changed()

    def _clients_changed(self) -> None:
        self.on_clients_changed()


def _bind(path: Path) -> tuple[socket.socket, int]:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        listener.bind(str(path))
        # Nobody can connect before listen(), so there is no moment at which others could.
        path.chmod(0o600)
        listener.setblocking(False)
        return listener, path.stat().st_ino
    except OSError:
        listener.close()
        raise
