"""How a daemon hands over to the next one: it stops at a checkpoint, and that goes on from there.

Whoever is there meanwhile waits for the next one, rather than start one of their own: a file says
that it is under way, and by whom.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core import starting
from core.adapters.config import config_file
from core.adapters.system.instance_lock import InstanceLock
from core.adapters.system.paths import Paths
from core.adapters.system.process import Surroundings, surroundings_of
from core.domain.errors import DaemonError, WinchError
from core.domain.service import ServiceStatus
from core.domain.value import replace
from core.domain.version import VERSION
from core.rpc.client import RemoteService
from core.stopping import stop

_LONGEST = 120.0
"""Seconds that it can take: a daemon has so long to end by itself or by force, and to start."""
_POLL = 0.1
_ANSWERING = 5.0
_OWN = ("PATH", "HOME", "WINCH_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME")
_OWN_PREFIXES = ("PYTHON", "VIRTUAL_ENV", "LD_", "DYLD_")
"""Variables that tell where this winch is and where it keeps its state: never the other one's."""
_NOBODYS = ("NOTIFY_SOCKET", "WATCHDOG_", "INVOCATION_ID", "JOURNAL_STREAM")
"""Those that a service manager has given to one process."""


async def restart(places: Paths, tell: Callable[[str], None]) -> RemoteService:
    """Have this winch's daemon follow the one that runs, in its surroundings; return its service.

    `tell` gets a sentence for each step. Raises ConfigError, before anything is stopped, where it
    would not take its settings, and DaemonError where it does not come up, with the way on; what
    was downloaded is kept in any case.
    """
    before = await _status(places)
    if before is not None and before.embedded:
        raise DaemonError(
            f"a command does the work itself, process {before.pid}, and cannot hand it over",
            hint="once it has ended, the daemon starts with the next command",
        )
    lock = InstanceLock(places.lock_file)
    owner = lock.owner() if lock.is_held() else None
    former = None if owner is None else surroundings_of(owner.pid)
    surroundings = None if former is None else _taken_over(former)
    # What the next one would stumble over is no reason to stop this one.
    config_file.load(
        places.config_file,
        starting.environment_of_daemon() if surroundings is None else surroundings.environment,
    )
    places.prepare()
    with _announced(places.handover_file):
        if owner is not None:
            who = "the daemon" if before is None else f"winch {before.version}"
            tell(f"{who}, process {owner.pid}, stops at a checkpoint")
        await stop(places, tell)
        tell(f"winch {VERSION} starts")
        try:
            return await starting.start(places, surroundings)
        except WinchError as error:
            why = f"{error.message} ({error.hint})" if error.hint else error.message
            raise DaemonError(
                f"the daemon of winch {VERSION} does not come up: {why}",
                hint=f"nothing is lost: {_way_on(former)}",
            ) from error


async def until_done(places: Paths) -> None:
    """Wait until a handover that is under way has ended, well or not."""
    # Nobody can be asked: one daemon has ended, and the next is not there.
    while is_under_way(places.handover_file):  # noqa: ASYNC110
        await asyncio.sleep(_POLL)


def is_under_way(file: Path) -> bool:
    """Tell whether somebody sees to a handover, and has not died over it."""
    try:
        age = time.time() - file.stat().st_mtime
        pid = int(file.read_text("ascii")[:20])
        if pid <= 1 or pid == os.getpid() or not -_LONGEST < age < _LONGEST:
            return False
        os.kill(pid, 0)
    except (OSError, ValueError, OverflowError):
        return False
    return True


@contextmanager
def _announced(file: Path) -> Iterator[None]:
    # Where it cannot be said, on a full disk, whoever comes meanwhile may start a daemon as well.
    with suppress(OSError):
        file.write_text(str(os.getpid()), "ascii")
    try:
        yield
    finally:
        with suppress(OSError):
            file.unlink(missing_ok=True)


async def _status(places: Paths) -> ServiceStatus | None:
    """Return what the daemon says of itself; None where none does in a form that is known here."""
    with suppress(WinchError, TimeoutError):
        async with (
            asyncio.timeout(_ANSWERING),
            await RemoteService.open(places.socket) as service,
        ):
            return await service.status()
    return None


def _taken_over(former: Surroundings) -> Surroundings:
    """Return the surroundings of a daemon for this winch's."""
    own = starting.environment_of_daemon()
    kept = {
        name: value
        for name, value in former.environment.items()
        if not _is_own(name) and not name.startswith(_NOBODYS)
    }
    return replace(former, environment=kept | {name: own[name] for name in own if _is_own(name)})


def _is_own(name: str) -> bool:
    return name in _OWN or name.startswith(_OWN_PREFIXES)


def _way_on(former: Surroundings | None) -> str:
    """Return how downloads go on where the next one does not come up."""
    before = Path(former.command[0]).with_name("winch") if former and former.command else None
    if before is not None and before.exists() and before.parent != Path(sys.executable).parent:
        return f"`{before} daemon start` brings the one before back"
    # Either is the same program, or its files are no longer what it was.
    return "once that is mended, `winch daemon start` goes on"
