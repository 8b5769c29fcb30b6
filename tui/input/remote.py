"""On which other machine a command is done, and which paths are meant there.

What a command would look up on its own machine it asks for here, so that no path of this one ever
gets to the other: home and default directory are those of the machine that has the files.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from core.domain.errors import UsageError, WinchError
from core.domain.service import DownloadService

if TYPE_CHECKING:
    from core.domain.machines import Host, Machine


class Connection(Protocol):
    """Gives the service of another machine; unless `start` none is started there for it."""

    async def __call__(self, *, start: bool = True) -> DownloadService: ...


@dataclass(slots=True)
class Remote:
    """Another machine, for whose daemon a command is.

    `service` gives the connection that there is, and another one where that was lost. `machine` is
    known where the command has paths. `run` runs a coroutine in the loop of the connection, where
    the command has none yet.
    """

    host: Host
    service: Connection
    run: Callable[[Coroutine[Any, Any, int]], int] | None = None
    machine: Machine | None = None

    @property
    def there(self) -> Machine:
        """The machine, of a command that has paths."""
        assert self.machine is not None
        return self.machine


REMOTE: ContextVar[Remote | None] = ContextVar("REMOTE", default=None)
"""None: the command is for the daemon of this machine."""


def winch_command() -> str:
    """Return how winch is called for the machine that a command is for."""
    remote = REMOTE.get()
    return "winch" if remote is None else f"winch -H {remote.host.name}"


def there_line(host: Host, *words: str) -> str:
    """Return what does a command of winch on a machine, for a shell here."""
    return f"{shlex.join(host.ssh)} {host.winch} {shlex.join(words)}"


def name_machine(error: WinchError, host: Host) -> None:
    """Say of a directory that is missing where it is to be made: nobody shall make it here."""
    if error.hint.startswith("mkdir "):
        error.message = f"on {host.name}: {error.message}"
        with suppress(ValueError):
            # Words for the shell there, through the one here.
            error.hint = shlex.join([*host.ssh, shlex.join(shlex.split(error.hint))])


def remote_path(text: str, machine: Machine) -> str:
    """Return a path as a person means it on another machine; raises UsageError for `~name`.

    What is relative begins at that machine's directory of downloads.
    """
    text = text.strip()
    if text == "~" or text.startswith("~/"):
        text = f"{machine.home.rstrip('/')}/{text[2:]}"
    elif text.startswith("~"):
        raise UsageError(
            f"'{text}' is a home that only the other machine knows", hint="write it in full"
        )
    elif not text.startswith("/"):
        text = f"{machine.directory.rstrip('/')}/{text}"
    # Not by the file system, which is another one; `..` stays, as a link there may give it meaning.
    parts = [part for part in text.split("/") if part not in ("", ".")]
    return "/" + "/".join(parts)
