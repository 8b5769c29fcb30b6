"""Serve a `DownloadService` to other processes on a Unix socket.

Whatever a client sends or fails to read, it spoils nobody's day but its own: every line gets an
answer or an error, memory per client is bounded, and the service never waits for a reader. Nor do
clients take away what downloads need: their number is bounded far below the open files that a
process may have, and where all places are taken those go first that have not even said hello, and
then those of the process that has most of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import itertools
import logging
import resource
import socket
from collections import Counter
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path

from core.domain.errors import DaemonError
from core.domain.figures import ClientFigures
from core.domain.service import DownloadService
from core.rpc import codec
from core.rpc.codec import MAX_LINE
from core.rpc.command import Commands
from core.rpc.session import Session
from core.rpc.shared import Shared
from core.rpc.unix_peer import process_of

_log = logging.getLogger(__name__)

MOST_CONNECTIONS = 1024
"""Connections at the same time; fewer where a quarter of the open files of a process are fewer."""
_OF_ALL_FILES = 4
_YOUNG = 1.0
"""Seconds for which a connection that has not said hello is not taken for one that never does."""
_OLD = 60.0
"""Seconds after which the only connection of a process goes, if it is idle and none is worse."""
_BREATH = 0.1
"""Seconds until the next attempt where the system has no more open files."""
_BACKLOG = 1024
_AT_ONCE = 32
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
        most_connections: int = MOST_CONNECTIONS,
    ) -> None:
        self.on_clients_changed: Callable[[], None] = lambda: None
        self._service = service
        self._path = path
        self._name = name
        self._max_line = max_line
        self._check_interval = check_interval
        self._commands = commands
        self._listener: socket.socket | None = None
        self._inode = 0
        self._watch: asyncio.Task[None] | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._shared = Shared()
        self._sessions: dict[asyncio.Task[None], Session | None] = {}
        self._most_connections = most_connections
        self._places: dict[Session, None] = {}
        self._mute: dict[Session, None] = {}
        """Those that have not said hello, the oldest first."""
        self._owners: Counter[int] = Counter()
        self._numbers = itertools.count(1)
        self._closing = asyncio.Event()

    @property
    def client_count(self) -> int:
        """How many clients have said hello; connections of one client count once."""
        return len({each.client for each in self._sessions.values() if each and each.client})

    @property
    def figures(self) -> ClientFigures:
        """Who asks, and how much was asked since the start."""
        return ClientFigures(
            clients=self.client_count,
            connections=len(self._places),
            requests=self._shared.requests,
            errors=self._shared.errors,
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
        await self._stop_listening()
        for session in self._sessions.values():
            if session is not None:
                session.end()
        if self._sessions:
            # A client that does not read cannot hold up the end.
            _, stuck = await asyncio.wait(self._sessions, timeout=_CLOSE_TIMEOUT)
            for task in stuck:
                task.cancel()
            await asyncio.gather(*stuck, return_exceptions=True)

    async def _listen(self) -> None:
        try:
            self._listener, self._inode = _bind(self._path)
        except OSError as error:
            raise DaemonError(
                f"the socket {self._path} cannot be made: {error.strerror or error}",
                hint=f"check the permissions of {self._path.parent}",
            ) from error
        self._accepting = asyncio.create_task(self._accept(self._listener))

    async def _stop_listening(self) -> None:
        if self._accepting is not None and self._listener is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
            self._listener.close()
            self._accepting = self._listener = None
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
            await self._stop_listening()
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

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for number in itertools.count(1):
            try:
                connection, _ = await loop.sock_accept(listener)
            except OSError as error:
                # Without a pause this would be tried again at once, for as long as it lasts.
                _log.warning("nobody could be let in: %s", error.strerror or error)
                if error.errno in (errno.EMFILE, errno.ENFILE):
                    self._make_room(owner=None)
                await asyncio.sleep(_BREATH)
                continue
            try:
                self._admit(connection)
            except Exception:
                _log.exception("a client could not be let in")
                connection.close()
            if number % _AT_ONCE == 0:
                # Who is there already has its turn, however many come at once.
                await asyncio.sleep(0)

    def _admit(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        owner = process_of(connection)
        if len(self._places) >= self._most() and not self._make_room(owner):
            with contextlib.suppress(OSError):
                connection.send(_refusal(self._name, len(self._places)))
            connection.close()
            return
        task = asyncio.create_task(self._serve(connection, owner))
        self._sessions[task] = None
        task.add_done_callback(self._left)

    def _most(self) -> int:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files == resource.RLIM_INFINITY:
            return self._most_connections
        return min(self._most_connections, files // _OF_ALL_FILES)

    def _make_room(self, owner: int | None) -> bool:
        """Let go whoever deserves it least, if that is less than a newcomer of this process."""
        now = asyncio.get_running_loop().time()
        mute = next(iter(self._mute), None)
        if mute is not None and now - mute.since >= _YOUNG:
            self._let_go(mute, "it did not say hello, and others want to")
            return True
        most, count = max(self._owners.items(), key=itemgetter(1), default=(owner, 0))
        if most == owner:
            return False
        if count > 1:
            ofs = [each for each in self._places if each.owner == most]
            worst = max(ofs, key=lambda each: each.is_idle)
            self._let_go(worst, "its process has most of all connections, and others want one")
            return True
        oldest = next((each for each in self._places if each.is_idle), None)
        if oldest is None or now - oldest.since < _OLD:
            return False
        self._let_go(oldest, "it waits for nothing, and others want its place")
        return True

    def _let_go(self, session: Session, reason: str) -> None:
        self._leave(session)
        session.drop(reason)

    def _leave(self, session: Session) -> None:
        """Count a connection no more: it has ended, or is about to."""
        self._mute.pop(session, None)
        if session in self._places:
            del self._places[session]
            self._owners[session.owner] -= 1
            if not self._owners[session.owner]:
                del self._owners[session.owner]

    async def _serve(self, connection: socket.socket, owner: int | None) -> None:
        task = asyncio.current_task()
        assert task is not None
        reader, writer = await asyncio.open_unix_connection(sock=connection)
        session = Session(
            self._service,
            reader,
            writer,
            name=self._name,
            number=next(self._numbers),
            max_line=self._max_line,
            on_hello=self._greeted,
            commands=self._commands,
            shared=self._shared,
            owner=owner,
        )
        self._sessions[task] = session
        self._places[session] = self._mute[session] = None
        self._owners[session.owner] += 1
        if self._closing.is_set():
            session.end()
        await session.run()

    def _left(self, task: asyncio.Task[None]) -> None:
        session = self._sessions.pop(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a connection failed in a way that was not foreseen", exc_info=error)
        if session is not None:
            self._leave(session)
            if session.client:
                self._clients_changed()

    def _greeted(self, session: Session) -> None:
        self._mute.pop(session, None)
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
        listener.listen(_BACKLOG)
        return listener, path.stat().st_ino
    except OSError:
        listener.close()
        raise


def _refusal(name: str, connections: int) -> bytes:
    """Return what a client hears for which there is no place."""
    error = DaemonError(
        f"the daemon has {connections} connections, and takes no more",
        hint="end what holds them: `winch daemon status` tells how many clients there are",
    )
    return codec.encode_hello(name, error.info())
