"""`winch daemon`: run, start, stop and ask the process that does the work, or have it started.

`stop` never starts one; `status` is `winch status`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any

from core import launcher
from core.domain.errors import DaemonError, ExitCode, HostError, UnreachableError, UsageError
from tui.cli.daemon_process import commands
from tui.cli.service_access import connected, impatience, tell_broken_settings
from tui.cli.status import status
from tui.cli.terminal import out, say, say_step
from tui.input.remote import REMOTE
from tui.text import fmt
from tui.text.json_records import dump
from tui.text.wording import HELD

_ENDING = 30.0
"""Seconds that a daemon elsewhere has to end which has answered."""


def run(args: argparse.Namespace) -> int | Coroutine[Any, Any, int]:
    """Do what `winch daemon ACTION` asks for."""
    if args.action != "install" and (args.print or args.manager or args.linger):
        raise UsageError("--print, --manager and --linger are for `winch daemon install`")
    if args.json and args.action not in ("restart", "status"):
        raise UsageError("--json is for `winch daemon status` and `restart`")
    if args.action == "stop":
        tell_broken_settings()
    match args.action:
        case "run":
            launcher.leave_number_one()
            # It has signal handlers of its own: told to stop, it ends well, with 0.
            ready = partial(say, "the daemon runs; Ctrl-C ends it")
            launcher.run_engine(launcher.run_daemon(ready, commands))
            return ExitCode.OK
        case "start":
            return _start()
        case "stop":
            return _stop()
        case "restart":
            return _restart(args)
        case "install" | "uninstall":
            # Hardly ever.
            from tui.cli import daemon_install  # noqa: PLC0415

            return daemon_install.run(args)
        case _:
            return status(args)


async def join(args: argparse.Namespace) -> int:
    """Join stdin and stdout with the daemon, for a front end on another machine."""
    try:
        await launcher.join_stdio(start=not args.no_start)
    except UnreachableError as error:
        if not args.no_start:
            raise
        # By that the other end tells it from all else.
        say(error.message)
        return ExitCode.NOT_FOUND
    return ExitCode.OK


async def _start() -> int:
    async with connected() as service:
        say(f"the daemon runs, process {(await service.status()).pid}")
    return ExitCode.OK


async def _stop() -> int:
    if REMOTE.get() is not None:
        return await _stop_there()
    if os.environ.get("WINCH_HOOK"):
        # The daemon waits for the hook that this is a part of.
        async with await launcher.connect(start=False) as service:
            await service.shutdown()
        say("the daemon ends once this hook has ended")
        return ExitCode.OK
    with impatience("waiting for the daemon to end"):
        was_running = await launcher.stop_daemon(say)
    say("the daemon has ended" if was_running else "no daemon was running")
    return ExitCode.OK


async def _restart(args: argparse.Namespace) -> int:
    # Each further step is said as it begins.
    with impatience("waiting for the daemon to answer") as answered:

        def tell(step: str) -> None:
            answered()
            say_step(step)

        service = await launcher.restart_daemon(tell)
    async with service:
        status = await service.status()
    if args.json:
        out(dump({"version": status.version, "pid": status.pid, "paused": status.paused}))
        return ExitCode.OK
    held = f"; {HELD}" if status.paused else ""
    say(f"winch {fmt.clean(status.version)} runs, process {status.pid}{held}")
    return ExitCode.OK


async def _stop_there() -> int:
    """End the daemon of another machine, where no signal reaches it."""
    async with AsyncExitStack() as stack:
        try:
            service = await stack.enter_async_context(connected(start=False))
        except UnreachableError:
            say("no daemon was running")
            return ExitCode.OK
        events = await stack.enter_async_context(service.subscribe())
        with impatience("waiting for the daemon to end"):
            await service.shutdown()
            # Its connection may end before its last word.
            with suppress(DaemonError, HostError):
                try:
                    async with asyncio.timeout(_ENDING):
                        async for _ in events:
                            pass
                except TimeoutError:
                    say(f"it has not ended within {_ENDING:.0f} s; look at it there")
                    return ExitCode.OTHER
    say("the daemon has ended")
    return ExitCode.OK
