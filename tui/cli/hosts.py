"""`-H HOST`: a command for the daemon of another machine, or of several at once.

It is the same function as for this machine, over one connection that ssh makes. What is about the
machine itself is not done from afar: a line says what to type instead.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shlex
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial

from core import launcher
from core.domain.errors import UnreachableError, UsageError, WinchError
from core.domain.host_names import ALL
from core.domain.machines import Host, Machine
from core.domain.service import DownloadService
from tui.cli.dispatch import Handler
from tui.cli.signals import Signals
from tui.cli.terminal import out, say_as_it_is
from tui.control.configuration import load_settings
from tui.input.remote import REMOTE, Remote, name_machine, there_line
from tui.text.fmt import clean

Check = Callable[[DownloadService, Machine], Awaitable[None]]

_FROM_AFAR = frozenset(
    {
        *("add", "cancel", "clean", "collections", "daemon", "events", "export", "get"),
        *("history", "import", "limit", "log", "ls", "metrics", "move", "pause", "report"),
        *("resume", "retry", "rm", "set", "show", "stats", "status", "sync", "top", "verify"),
        "wait",
    }
)
"""Commands that only ask the service. Any other would do something to this machine instead."""
_OF_THE_DAEMON = frozenset({"start", "status", "stop"})
_BESIDE_THE_DAEMON = frozenset({"restart", "install", "uninstall"})
"""What no daemon does to itself: that machine's winch does it, in a process of its own."""
_OF_HERE = frozenset({"completions", "demo", "rpc-stdio"})
"""Commands that are for the shell, or the person, where they are typed."""
_WITH_PATHS = frozenset({"add", "get", "import"})
"""Commands for which the machine has to be known before they begin."""
_STARTS_NONE = frozenset({"events", "log", "metrics", "status", "top"})
"""Commands that leave alone what somebody has stopped; `daemon` does so unless it is to start."""
_AGAIN = 30.0
"""Seconds for a connection in the place of one that was lost."""
_ONE_AT_A_TIME = frozenset({"events", "export", "get", "import", "metrics", "top"})


def run(args: argparse.Namespace, handler: Handler) -> int:
    """Do a command for the machines of `-H`, and return its exit status.

    Raises UsageError where it makes no sense there, and HostError where one cannot be reached.
    """
    hosts = launcher.hosts_named(args.host, load_settings())
    if args.command is None:
        # It has a connection of its own to each of them.
        done = handler(args)
        assert isinstance(done, int)
        return done
    _check_sense(args, hosts[0])
    if is_one(args.host):
        if is_beside_the_daemon(args):
            begin = partial(run_there, hosts[0], args, interactive=_has_terminal())
            return Signals().run(begin())
        check = partial(check_home, args, hosts[0]) if args.command in _WITH_PATHS else None
        return on_one(hosts[0], lambda: handler(args), check, start=starts(args))
    _check_several(args, hosts)
    # Few ask several at once.
    from tui.cli.several_hosts import on_several  # noqa: PLC0415

    return on_several(hosts, args, handler)


def is_one(text: str) -> bool:
    """Tell whether `-H` was given one machine, and no list of them."""
    return "," not in text and text != ALL


def is_beside_the_daemon(args: argparse.Namespace) -> bool:
    """Tell whether a command is for that machine's winch, and not for the daemon there."""
    return args.command == "daemon" and args.action in _BESIDE_THE_DAEMON


async def run_there(
    host: Host, args: argparse.Namespace, *, interactive: bool, patience: float | None = None
) -> int:
    """Have the winch of another machine do a command about its daemon; raises HostError."""
    # Hardly ever.
    from core import remote  # noqa: PLC0415

    words = ["daemon", args.action]
    words += [f"--{name}" for name in ("print", "linger", "json") if getattr(args, name)]
    words += ["--manager", args.manager] if args.manager else []

    def tell(line: str, is_error: bool) -> None:
        (say_as_it_is if is_error else out)(clean(line))

    return await remote.run_command(host, words, tell, interactive=interactive, patience=patience)


def starts(args: argparse.Namespace) -> bool:
    """Tell whether a command wants a daemon to be started where none runs, as it does here."""
    if args.command == "daemon":
        return bool(args.action == "start")
    return args.command not in _STARTS_NONE


def on_one(
    host: Host, begin: Callable[[], object], check: Check | None = None, *, start: bool = True
) -> int:
    """Begin something for the daemon of a machine, and return the exit status of that.

    With `check` the machine is known before, and so are the paths there; with `start` a daemon is
    started there where none runs. Raises HostError.
    """
    link = Link(host, interactive=_has_terminal(), start=start)
    remote = Remote(host, link.service)
    # Before there is a loop: it has the context of the moment in which it is made.
    before = REMOTE.set(remote)
    try:
        with asyncio.Runner() as runner:
            remote.run = runner.run
            try:
                return _begun(link, remote, begin, check)
            except WinchError as error:
                name_machine(error, host)
                raise
            finally:
                runner.run(link.close())
    finally:
        REMOTE.reset(before)


def _begun(link: Link, remote: Remote, begin: Callable[[], object], check: Check | None) -> int:
    async def open_() -> int:
        # That none runs is for the command to say.
        with suppress(UnreachableError):
            service = await link.service()
            if check is not None:
                remote.machine = await service.machine()
                await check(service, remote.machine)
        return 0

    if status := Signals().run(open_()):
        return status
    done = begin()
    if isinstance(done, int):
        return done
    assert asyncio.iscoroutine(done)
    return Signals().run(done)


class Link:
    """The connection to a machine: there is one at a time, and another once it is lost."""

    def __init__(
        self,
        host: Host,
        *,
        interactive: bool = False,
        patience: float | None = None,
        start: bool = True,
    ) -> None:
        self._host = host
        self._interactive = interactive
        self._patience = patience
        self._start = start
        self._none_runs: UnreachableError | None = None
        self._stack = AsyncExitStack()
        self._service: launcher.RemoteService | None = None

    async def service(self, *, start: bool = True) -> DownloadService:
        """Return the service of the machine; raises HostError, or UnreachableError.

        Unless `start` none is started there now, whatever the command wants otherwise.
        """
        if self._none_runs is not None:
            # One login is enough to know.
            raise self._none_runs
        if self._service is None or self._service.is_lost:
            await self.close()
            try:
                service = await launcher.connect(
                    host=self._host,
                    patience=self._patience,
                    interactive=self._interactive,
                    start=self._start and start,
                )
            except UnreachableError as error:
                self._none_runs = error
                raise
            self._service = await self._stack.enter_async_context(service)
            # Whoever was asked for a password has had the time; a network that is gone has not.
            self._patience = self._patience or _AGAIN
        return self._service

    async def close(self) -> None:
        """Leave the machine. Idempotent."""
        self._service = None
        await self._stack.aclose()


def home_here() -> str:
    """Return the home of whoever types the command."""
    return os.path.expanduser("~")  # noqa: PTH111 - Path raises where there is none


async def check_home(
    args: argparse.Namespace, host: Host, service: DownloadService, there: Machine
) -> None:
    """Raise UsageError for a `~` that the shell has made this machine's home of."""
    wanted, home = args.directory or "", home_here()
    if there.home == home or not f"{wanted}/".startswith(f"{home.rstrip('/')}/"):
        return
    if (await service.browse(home)).trouble:
        raise UsageError(
            f"{wanted} is in the home that you have here, and there is none like it on {host.name}",
            hint=f"quote it, so that it is the home there: -d '~{wanted.removeprefix(home)}'",
        )


def _check_sense(args: argparse.Namespace, host: Host) -> None:
    action = getattr(args, "action", None)
    words = [args.command, *([action] if isinstance(action, str) else [])]
    is_here = args.command == "daemon" and action not in _OF_THE_DAEMON | _BESIDE_THE_DAEMON
    if args.command not in _FROM_AFAR or is_here:
        raise UsageError(
            f"`winch {shlex.join(words)}` is about the machine that it runs on",
            hint="leave out -H"
            if args.command in _OF_HERE
            else f"type: {there_line(host, *words)}",
        )
    if getattr(args, "embedded", False):
        raise UsageError(
            "--embedded is in this process, and -H in the daemon of another machine",
            hint="leave out one of them",
        )


def _check_several(args: argparse.Namespace, hosts: list[Host]) -> None:
    """Raise UsageError for what nobody can mean for several machines."""
    words = getattr(args, "words", ())
    exports = args.command == "history" and words[:1] == ["export"]
    if args.command in _ONE_AT_A_TIME or exports:
        raise UsageError(
            f"`winch {args.command}` is for one host at a time", hint=f"-H {hosts[0].name}"
        )
    if getattr(args, "input", None) == "-":
        raise UsageError("stdin can be read once, and there are several hosts", hint="-i FILE")
    user = getattr(args, "user", None)
    if user is not None and ":" not in user:
        raise UsageError("no password is asked for several hosts", hint="--user USER:PASSWORD")


def _has_terminal() -> bool:
    """Tell whether ssh can ask somebody for a password, wherever stdin and stdout lead."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
