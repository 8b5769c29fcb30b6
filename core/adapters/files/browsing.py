"""What a front end on another machine asks about this one: who and where it is, its directories.

A mount that does not answer keeps a thread for ever, but neither the loop nor the end of the
process: each look has one of its own, few at a time.
"""

from __future__ import annotations

import asyncio
import errno
import os
import pwd
import socket
import stat
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

from core.domain.machines import MOST_DIRECTORIES, DirectoryView, Machine
from core.domain.text import valid
from core.domain.version import VERSION

_PATIENCE = 2.0
_AT_ONCE = 4
_MOST_ENTRIES = 20_000


class Surroundings:
    """This machine, as somebody elsewhere sees it; looks give up after `patience` seconds."""

    def __init__(self, patience: float = _PATIENCE) -> None:
        self._patience = patience
        self._room = asyncio.Semaphore(_AT_ONCE)

    def machine(self, directory: str) -> Machine:
        """Return what this machine is; `directory` is where files go by its settings."""
        return Machine(
            name=valid(socket.gethostname()),
            user=_user(),
            home=valid(str(_home())),
            directory=valid(_absolute(directory, str(_home()))),
            version=VERSION,
            platform=sys.platform,
        )

    async def browse(self, directory: str, path: str, prefix: str) -> DirectoryView:
        """Look at a directory; what is relative begins at `directory`, as the settings have it."""
        meant = _absolute(path, _absolute(directory, str(_home())))
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[DirectoryView] = loop.create_future()

        def settle(view: DirectoryView) -> None:
            self._room.release()
            if not answer.done():
                answer.set_result(view)

        def run() -> None:
            view = _look(meant, prefix)
            # The loop may be gone by then.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, view)

        try:
            async with asyncio.timeout(self._patience):
                await self._room.acquire()
                threading.Thread(target=run, name="look", daemon=True).start()
                return await answer
        except TimeoutError:
            return DirectoryView(path=valid(meant), trouble="does not answer")


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def _user() -> str:
    try:
        return valid(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        return str(os.geteuid())


def _absolute(path: str, base: str) -> str:
    with suppress(RuntimeError):
        path = str(Path(path.strip()).expanduser())
    return os.path.normpath(Path(base, path))


def _look(path: str, prefix: str) -> DirectoryView:
    shown = valid(path)
    try:
        if not stat.S_ISDIR(os.stat(path).st_mode):  # noqa: PTH116
            return DirectoryView(path=shown, trouble="is not a directory")
        is_writable = os.access(path, os.W_OK | os.X_OK)
        names = _directories(path, prefix)
        found = os.statvfs(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return DirectoryView(path=shown, trouble="does not exist")
        return DirectoryView(path=shown, trouble=f"cannot be used: {error.strerror}")
    except ValueError:
        return DirectoryView(path=shown, trouble="is no name of a directory")
    if not is_writable:
        return DirectoryView(path=shown, trouble="is not writable", directories=names)
    return DirectoryView(path=shown, free=found.f_bavail * found.f_frsize, directories=names)


def _directories(path: str, prefix: str) -> tuple[str, ...]:
    def matching() -> Iterator[str]:
        with suppress(PermissionError), os.scandir(path) as entries:
            for entry in islice(entries, _MOST_ENTRIES):
                name = entry.name
                is_meant = name.startswith(prefix) and (prefix or not name.startswith("."))
                # A name that cannot be sent cannot be asked for either.
                if is_meant and valid(name) == name and entry.is_dir():
                    yield name

    return tuple(sorted(matching())[:MOST_DIRECTORIES])
