"""Looks at directories and lists for the dialog; writes nothing, and waits for no hung mount.

Each look is a thread of its own: a mount that does not answer keeps its thread for ever, but
neither the screen nor the end of the process.
"""

from __future__ import annotations

import asyncio
import errno
import os
import stat
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TypeVar

from core.domain.errors import DestinationError, UsageError
from tui.input.places import DirectoryInfo
from tui.text.fmt import clean

T = TypeVar("T")

MOST_BYTES = 8 * 2**20
"""How long a list may be."""
_PATIENCE = 2.0
_AT_ONCE = 4
_MOST_ENTRIES = 20_000


class Disk:
    """The places of this machine: answers questions that may take for ever, a few at a time."""

    def __init__(self, base: str, patience: float = _PATIENCE) -> None:
        self.base = base
        self._patience = patience
        self._room = asyncio.Semaphore(_AT_ONCE)

    def path(self, text: str) -> str:
        """Return the absolute path that a person means; raises DestinationError."""
        return typed_path(text, self.base)

    async def directory(self, directory: str) -> DirectoryInfo:
        """Tell how a directory is, as a person wrote it."""
        try:
            return await self._ask(lambda: _directory(self.path(directory)))
        except DestinationError as error:
            return DirectoryInfo(trouble=error.message)
        except TimeoutError:
            return DirectoryInfo(trouble="does not answer")

    async def completions(self, text: str) -> list[str]:
        """Return how the name of a directory that begins so may go on, sorted."""
        try:
            return await self._ask(lambda: _completions(text, self.base))
        except TimeoutError:
            return []

    async def lists(self, names: list[str], base: str) -> dict[str, str | UsageError]:
        """Return what lists hold, or what is wrong with them, by their names."""
        found: dict[str, str | UsageError] = {}
        for name in names:
            try:
                found[name] = await self._ask(lambda name=name: _content(name, base))  # type: ignore[misc]
            except UsageError as error:
                found[name] = error
            except TimeoutError:
                found[name] = UsageError(f"{name} does not answer")
        return found

    async def _ask(self, work: Callable[[], T]) -> T:
        """Return what `work` returns; raises what it raises, and TimeoutError."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            self._room.release()
            if answer.done():
                return
            if error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(result)  # type: ignore[arg-type]

        def run() -> None:
            result, error = None, None
            try:
                result = work()
            except Exception as caught:
                error = caught
            # The loop may be gone by then.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, result, error)

        async with asyncio.timeout(self._patience):
            await self._room.acquire()
            threading.Thread(target=run, name="look", daemon=True).start()
            return await answer


def typed_path(text: str, base: str) -> str:
    """Return the path a person means; raises DestinationError for an unknown `~name`."""
    try:
        return str(Path(base) / Path(text.strip()).expanduser())
    except RuntimeError as error:
        raise DestinationError(f"'{text}' names no home directory") from error


def _directory(directory: str) -> DirectoryInfo:
    try:
        if not stat.S_ISDIR(os.stat(directory).st_mode):  # noqa: PTH116
            return DirectoryInfo(trouble="is not a directory")
        if not os.access(directory, os.W_OK | os.X_OK):
            return DirectoryInfo(trouble="is not writable")
        found = os.statvfs(directory)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            return DirectoryInfo(trouble="does not exist")
        return DirectoryInfo(trouble=f"cannot be used: {error.strerror}")
    except ValueError:
        return DirectoryInfo(trouble="is no name of a directory")
    return DirectoryInfo(free=found.f_bavail * found.f_frsize)


def _completions(text: str, base: str) -> list[str]:
    if text.startswith("~") and "/" not in text:
        return [text + "/"] if text == "~" else []
    head, slash, prefix = text.rpartition("/")
    head += slash
    try:
        with os.scandir(typed_path(head, base)) as entries:
            names = [
                entry.name
                for entry in islice(entries, _MOST_ENTRIES)
                if entry.name.startswith(prefix)
                and (prefix or not entry.name.startswith("."))
                and clean(entry.name) == entry.name
                and entry.is_dir()
            ]
    except (OSError, ValueError, DestinationError):
        return []
    return [f"{head}{name}/" for name in sorted(names)]


def _content(name: str, base: str) -> str:
    shown = clean(name)
    try:
        path = Path(typed_path(name, base))
        # Not blocking: a named pipe would wait for somebody who writes.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as stream:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise UsageError(f"{shown} is not a file of URLs")
            data = stream.read(MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no such file"
        raise UsageError(f"{shown} cannot be read: {reason}") from None
    except DestinationError as error:
        raise UsageError(error.message) from None
    if len(data) > MOST_BYTES:
        raise UsageError(
            f"{shown} is longer than {MOST_BYTES >> 20} MiB", hint="use winch add -i FILE"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{shown} is not UTF-8 text") from None
    if "\0" in text:
        raise UsageError(f"{shown} is not a file of URLs")
    return text
