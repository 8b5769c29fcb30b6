"""The daemon without anybody: installed to start with the machine, taken back, looked at.

One that runs already goes over to what is installed: it stops at a checkpoint, and what starts it
from now on starts it again.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

from core import launcher
from core.adapters.system import autostart
from core.adapters.system.cron import Cron
from core.adapters.system.launchd import Launchd
from core.adapters.system.started_program import started_program
from core.adapters.system.systemd import Systemd
from core.adapters.system.unit_files import keep_edited
from core.domain.errors import DaemonError
from core.domain.service import ServiceStatus
from core.domain.value import Value

Tell = Callable[[str], None]


class Text(Value, frozen=True, kw_only=True):
    """What `install` would write, where, and which variables the daemon would not have."""

    text: str
    place: str
    left_out: list[str]


def text(kind: str | None) -> Text:
    """Return what would be written for what this machine has, or for a kind; touches nothing.

    Raises DaemonError.
    """
    paths = launcher.paths()
    manager = autostart.pick(paths, os.environ, kind)
    program, left_out = started_program(paths, os.environ)
    return Text(text=manager.text(program), place=manager.place, left_out=left_out)


async def install(kind: str | None, tell: Tell) -> list[str]:
    """Have the machine start the daemon from now on; `tell` hears of each step.

    Returns which variables that matter here it will not have. Raises DaemonError, StateError.
    """
    paths = launcher.paths()
    if kind is None and (before := autostart.installed(paths, os.environ)):
        # One that does not answer from here, as after `su`, is no reason for another.
        kind = before.kind
    manager = await asyncio.to_thread(autostart.choose, paths, os.environ, kind)
    program, left_out = started_program(paths, os.environ)
    for other in await asyncio.to_thread(autostart.every_installed, paths, os.environ):
        if other.kind != manager.kind:
            await _keep_edited(other, tell)
            await asyncio.to_thread(other.uninstall)
            tell(f"removed from {other.place}: two would start one daemon")
    running = await _running()
    if isinstance(manager, Launchd) and not (running and running.embedded):
        # It starts what it loads at once.
        await _end(running, tell)
    await _keep_edited(manager, tell)
    is_new = await asyncio.to_thread(manager.install, program)
    tell(f"written to {manager.place}" if is_new else f"{manager.place} has it already")
    match manager:
        case Systemd():
            await _hand_over(manager, running, tell, is_new=is_new)
        case Launchd():
            tell("launchd starts the daemon, now and whenever you log in")
        case Cron():
            tell("cron starts the daemon at boot; one that is killed starts with the next command")
    return left_out


async def uninstall(tell: Tell) -> None:
    """Take back what `install` has made; `tell` hears of each step, also where there is none."""
    managers = await asyncio.to_thread(autostart.every_installed, launcher.paths(), os.environ)
    goes_on = False
    for manager in managers:
        if not isinstance(manager, Cron) and await asyncio.to_thread(manager.is_active):
            running = await _running()
            goes_on = running is not None and _has_work(running)
            tell("the daemon ends at a checkpoint")
        stays = await asyncio.to_thread(manager.lingers) if isinstance(manager, Systemd) else None
        await _keep_edited(manager, tell)
        await asyncio.to_thread(manager.uninstall)
        tell(f"removed from {manager.place}")
        if stays:
            # Others may rest on it, and who has asked for it nobody has written down.
            tell("your account still lingers; `loginctl disable-linger` ends that for all of it")
    if not managers:
        tell("nothing is installed that starts the daemon")
    if goes_on:
        async with await launcher.connect():
            tell("the daemon goes on with what is unfinished, as one that was started on demand")


def lingers() -> bool | None:
    """Tell whether the unit runs without a login; None where that cannot be told, or is no matter.

    Blocks.
    """
    manager = autostart.installed(launcher.paths(), os.environ)
    return manager.lingers() if isinstance(manager, Systemd) else None


def linger() -> None:
    """Have what this account starts run from boot on; raises DaemonError. Blocks."""
    manager = autostart.installed(launcher.paths(), os.environ)
    if isinstance(manager, Systemd):
        manager.linger()


def is_outside_unit(pid: int) -> bool:
    """Tell whether a unit is installed, and the daemon, this process, was not started by it."""
    return autostart.is_outside(launcher.paths(), os.environ, pid)


async def _keep_edited(manager: autostart.Manager, tell: Tell) -> None:
    """Keep what somebody has changed by hand of what is about to be replaced or removed."""
    if not isinstance(manager, Cron) and (
        kept := await asyncio.to_thread(keep_edited, manager.file)
    ):
        tell(f"{manager.place} was changed by hand; as it was it is kept as {kept}")


async def _hand_over(
    manager: Systemd, running: ServiceStatus | None, tell: Tell, *, is_new: bool
) -> None:
    """Have the unit run the daemon, and none run beside it."""
    if await asyncio.to_thread(manager.is_active):
        if is_new:
            tell("the daemon ends at a checkpoint, and starts as the unit says now")
            await asyncio.to_thread(manager.restart)
        return
    if running and running.embedded:
        tell(f"a command, process {running.pid}, downloads: the daemon starts once that has ended")
        await asyncio.to_thread(manager.begin)
        return
    # Also one that does not say who it is: of another version, or hung.
    await _end(running, tell)
    if not await asyncio.to_thread(manager.start):
        raise DaemonError(
            f"{manager.unit} was written, but does not start",
            hint=f"systemctl --user status {manager.unit}",
        )
    tell(f"{manager.unit} runs the daemon")


async def _end(running: ServiceStatus | None, tell: Tell) -> None:
    if running:
        tell(f"the daemon that runs, process {running.pid}, ends at a checkpoint and starts anew")
    await launcher.stop_daemon(tell)


async def _running() -> ServiceStatus | None:
    try:
        async with await launcher.connect(start=False) as service:
            return await service.status()
    except DaemonError:
        return None


def _has_work(status: ServiceStatus) -> bool:
    return any(status.counts.get(state, 0) for state in ("active", "pending"))
