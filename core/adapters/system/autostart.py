"""What starts the daemon without anybody: which the machine has, and which is installed.

The best first: systemd (or launchd on macOS) starts it at boot or login and again after a crash,
cron at boot alone.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from core.adapters.system.cron import Cron
from core.adapters.system.launchd import Launchd
from core.adapters.system.paths import Paths
from core.adapters.system.started_program import missing_program, service_name
from core.adapters.system.systemd import Systemd
from core.adapters.system.unit_files import unit_words
from core.domain.errors import DaemonError
from core.domain.upkeep import Finding

Manager = Systemd | Launchd | Cron

_SUBJECT = "reboot"
_INSTALL = "`winch daemon install`"


def installed(paths: Paths, environment: Mapping[str, str]) -> Systemd | Launchd | None:
    """Return what is installed to start, stop and watch the daemon of this state directory.

    Asks the disk alone, and not whether the manager answers.
    """
    manager = _better(service_name(paths), environment)
    return manager if manager.written() is not None else None


def every_installed(paths: Paths, environment: Mapping[str, str]) -> list[Manager]:
    """Return all that is installed for this state directory; asks cron as well."""
    name = service_name(paths)
    both: tuple[Manager, Manager] = (_better(name, environment), Cron(name, environment))
    return [manager for manager in both if manager.written() is not None]


def choose(paths: Paths, environment: Mapping[str, str], kind: str | None) -> Manager:
    """Return what is to start the daemon from now on: the best that is here, or of this kind.

    Raises DaemonError where nothing is, or not the kind that was asked for.
    """
    managers = {manager.kind: manager for manager in _all(service_name(paths), environment)}
    if kind is not None:
        managers = {kind: managers[kind]}
    elif sys.platform == "darwin":
        del managers["systemd"]
    else:
        del managers["launchd"]
    refusals = []
    for manager in managers.values():
        if (refusal := manager.refusal()) is None:
            return manager
        refusals.append(f"{manager.kind} ({refusal})")
    raise DaemonError(
        f"nothing here can start the daemon: {', '.join(refusals)}",
        hint="have what starts programs on this machine run `winch daemon run`",
    )


def pick(paths: Paths, environment: Mapping[str, str], kind: str | None) -> Manager:
    """Return what `choose` does; one of a kind also where that is not here. Raises DaemonError."""
    if kind is None:
        return choose(paths, environment, None)
    return next(each for each in _all(service_name(paths), environment) if each.kind == kind)


def is_outside(paths: Paths, environment: Mapping[str, str], pid: int) -> bool:
    """Tell whether there is a unit, and a process is none of it: it may end with its login."""
    manager = installed(paths, environment)
    if not isinstance(manager, Systemd):
        return False
    try:
        groups = Path(f"/proc/{pid}/cgroup").read_text("utf-8", "replace")
    except OSError:
        return False
    return f"/{manager.unit}" not in groups


def survival(paths: Paths, environment: Mapping[str, str]) -> Finding:
    """Return whether the daemon runs again after a reboot, and if not, why not; blocks."""
    managers = every_installed(paths, environment)
    if not managers:
        systemd = _better(service_name(paths), environment)
        ends = isinstance(systemd, Systemd) and systemd.ends_at_logout()
        earlier = ", and your logout ends it (KillUserProcesses=yes)" if ends else ""
        return _notice(f"nothing starts winch again before somebody uses it{earlier}", _INSTALL)
    manager = managers[0]
    if gone := missing_program(_words(manager)):
        return _notice(f"{manager.place} starts {gone}, which is gone", f"{_INSTALL} again")
    match manager:
        case Systemd():
            return _of_unit(manager)
        case Launchd():
            return _ok(f"{manager.place} starts winch when you log in, and again after a crash")
        case Cron():
            return _ok("a line of your crontab starts winch at boot, not after a crash")


def _of_unit(manager: Systemd) -> Finding:
    if not manager.is_enabled():
        return _notice(f"{manager.unit} is not enabled", f"systemctl --user enable {manager.unit}")
    if (refusal := manager.refusal()) is not None:
        return _notice(
            f"{manager.place} is there, but systemd does not answer: {refusal}",
            "until it does, the daemon is started without it",
        )
    lingers = manager.lingers()
    if lingers is None:
        return _notice(
            f"{manager.unit} starts winch when you log in; whether also without a login cannot be"
            " told here",
            "`loginctl enable-linger` makes sure that it does",
        )
    if not lingers:
        return _notice(
            f"{manager.unit} starts winch when you log in, ends it when you have logged out, and"
            " not at boot, as your account does not linger",
            "loginctl enable-linger",
        )
    return _ok(f"{manager.unit} starts winch at boot, and again after a crash")


def _words(manager: Manager) -> list[str]:
    """Return the program that is started, and its arguments, as they are written down."""
    text = manager.written() or ""
    match manager:
        case Systemd():
            return unit_words(text)
        case Launchd():
            import plistlib  # noqa: PLC0415 - only macOS has one

            with suppress(plistlib.InvalidFileException, ValueError, KeyError, TypeError):
                return [str(word) for word in plistlib.loads(text.encode())["ProgramArguments"]]
        case Cron():
            command = re.sub(r"^.*?; exec ", "", text.replace("\\%", "%"))
            with suppress(ValueError):
                words = shlex.split(command, comments=True)
                while words and (words[0] == "env" or "=" in words[0].partition("/")[0]):
                    words = words[1:]
                return words
    return []


def _all(name: str, environment: Mapping[str, str]) -> tuple[Systemd, Launchd, Cron]:
    return Systemd(name, environment), Launchd(name, environment), Cron(name, environment)


def _better(name: str, environment: Mapping[str, str]) -> Systemd | Launchd:
    kind = Launchd if sys.platform == "darwin" else Systemd
    return kind(name, environment)


def _ok(text: str) -> Finding:
    return Finding(subject=_SUBJECT, text=text)


def _notice(text: str, hint: str) -> Finding:
    return Finding(subject=_SUBJECT, text=text, level="notice", hint=hint)
