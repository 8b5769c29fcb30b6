"""How a daemon is ended: asked first, then by SIGTERM, then by SIGKILL, each after a stated time.

What is on disk bears all three, so none of them has to be left to the person. A signal goes only to
the process that holds the lock on the state directory.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from contextlib import suppress

from core.adapters.system import autostart
from core.adapters.system.instance_lock import InstanceLock
from core.adapters.system.paths import Paths
from core.domain.errors import DaemonError
from core.rpc.client import IncompatibleDaemonError, RemoteService, UnreachableError

ASKING = 10.0
"""Seconds that a daemon has to answer."""
ENDING = 30.0
"""Seconds that one has to end which has answered: it records what is under way."""
TERMINATING = 10.0
"""Seconds that it has after SIGTERM."""
KILLING = 5.0
"""Seconds that the kernel has to take a process away."""
_POLL = 0.05


async def stop(places: Paths, tell: Callable[[str], None]) -> bool:
    """End the daemon and return once its lock is free; False if none ran.

    `tell` gets a sentence for each step beyond asking. Raises DaemonError where it does not end
    even so, or cannot be reached by a signal.
    """
    lock = InstanceLock(places.lock_file)
    if await _stop_installed(places) and not lock.is_held():
        return True
    try:
        was_there = await _ask(places, lock)
    except IncompatibleDaemonError as error:
        reason = error.message
    except DaemonError as error:
        if not lock.is_held():
            raise
        reason = error.message
    else:
        if not was_there or await _is_free(lock, ENDING):
            return was_there
        reason = f"the daemon has not ended {ENDING:.0f} s after it was asked to"
    tell(f"{reason}; sending SIGTERM to {_who(lock)}")
    _signal(lock, signal.SIGTERM)
    with suppress(DaemonError):
        # One that was stopped (Ctrl-Z) hears of it only when it goes on.
        _signal(lock, signal.SIGCONT)
    if await _is_free(lock, TERMINATING):
        return True
    tell(
        f"it has not ended {TERMINATING:.0f} s later; sending SIGKILL to {_who(lock)}, what is on"
        " disk stays good"
    )
    _signal(lock, signal.SIGKILL)
    if await _is_free(lock, KILLING):
        return True
    raise DaemonError(
        f"{_who(lock)} does not end even so: the kernel waits for something, a disk maybe",
        hint="`winch doctor` looks at the disks; it ends by itself once that answers",
    )


async def _stop_installed(places: Paths) -> bool:
    """Have what is installed to start the daemon end it; False where that does not run it.

    One that this has started is started again by it when it is killed, or was a moment ago.
    """
    manager = autostart.installed(places, os.environ)
    return manager is not None and await asyncio.to_thread(manager.stop)


async def _ask(places: Paths, lock: InstanceLock) -> bool:
    """Have the daemon end; False where none runs. Raises DaemonError for one that does not answer.

    One that holds the lock and cannot be reached yet starts, or ends already.
    """
    try:
        async with asyncio.timeout(ASKING):
            while True:
                try:
                    async with await RemoteService.open(places.socket) as service:
                        # It may be gone before its answer is here, and then it was asked as well.
                        with suppress(DaemonError):
                            await service.shutdown()
                except UnreachableError:
                    if not lock.is_held():
                        return False
                    await asyncio.sleep(_POLL)
                else:
                    return True
    except TimeoutError:
        raise DaemonError(f"the daemon has not answered for {ASKING:.0f} s") from None


async def _is_free(lock: InstanceLock, patience: float) -> bool:
    """Tell whether nobody holds the lock within so many seconds."""
    try:
        async with asyncio.timeout(patience):
            # The kernel has no event for "somebody else's lock is free".
            while lock.is_held():  # noqa: ASYNC110
                await asyncio.sleep(_POLL)
    except TimeoutError:
        return False
    return True


def _signal(lock: InstanceLock, number: signal.Signals) -> None:
    if not lock.signal_owner(number) and lock.is_held():
        owner = lock.owner()
        where = f"{owner.host} as process {owner.pid}" if owner else "a process nobody knows"
        raise DaemonError(
            f"the daemon cannot be ended from here: the lock names {where}, which is none of this"
            " machine",
            hint="run `winch daemon stop` where it runs",
        )


def _who(lock: InstanceLock) -> str:
    owner = lock.owner()
    return f"process {owner.pid}" if owner else "its process"
