"""The daemon on another machine, reached through a program that leads there."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Callable, Sequence

from core.adapters.system import remote_command
from core.adapters.system.remote_shell import RemoteShell
from core.domain.errors import HostError
from core.domain.machines import Host
from core.rpc.link import LinkedService

_TIMEOUT = 30.0
"""Seconds for a login elsewhere that asks nobody, and for a daemon there to start."""


async def connect(
    host: Host, patience: float | None, *, interactive: bool, start: bool
) -> LinkedService:
    """Return the service of the daemon there, which with `start` is started if none runs.

    Within `patience` seconds; unless `interactive` nothing is asked on the terminal. Raises
    HostError where it cannot be reached.
    """
    if patience is None and not interactive:
        patience = _TIMEOUT
    try:
        # Where a person is asked for a password, they have all the time they need.
        async with asyncio.timeout(patience):
            line = await RemoteShell.open(
                host, interactive=interactive, patience=patience, start=start
            )
            return await LinkedService.over(line, host.name)
    except TimeoutError:
        raise HostError(
            f"{host.name} has not answered for {patience:g} s",
            hint=f"see whether this works: {shlex.join(host.ssh)}",
        ) from None


async def run_command(
    host: Host,
    words: Sequence[str],
    tell: Callable[[str, bool], None],
    *,
    interactive: bool,
    patience: float | None = None,
) -> int:
    """Do a command of winch on another machine and return its exit status; raises HostError.

    `tell` gets each line as it comes, with whether it was on stderr; see `remote_command`.
    """
    return await remote_command.run(host, words, tell, interactive=interactive, patience=patience)
