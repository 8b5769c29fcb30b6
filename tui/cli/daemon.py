"""`winch daemon`: run, start, stop and ask the process that does the work, or have it started.

`stop` and `status` never start one. `status` exits 1 when none runs, so that a script can ask.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

from core import launcher
from core.domain.errors import DaemonError, ExitCode, HostError, UsageError
from core.domain.models import Status
from core.domain.service import ServiceStatus
from core.rpc.client import UnreachableError
from tui.cli.daemon_process import commands
from tui.cli.service_access import connected, impatience, tell_broken_settings
from tui.cli.terminal import out, say
from tui.input.remote import REMOTE
from tui.text import fmt
from tui.text.json_records import dump, timestamp
from tui.text.vocabulary import COMMAND_STATES
from tui.text.wording import HELD, overall

_ENDING = 30.0
"""Seconds that a daemon elsewhere has to end which has answered."""


def run(args: argparse.Namespace) -> int | Coroutine[Any, Any, int]:
    """Do what `winch daemon ACTION` asks for."""
    if args.action != "install" and (args.print or args.manager or args.linger):
        raise UsageError("--print, --manager and --linger are for `winch daemon install`")
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
        case "install" | "uninstall":
            # Hardly ever.
            from tui.cli import daemon_install  # noqa: PLC0415

            return daemon_install.run(args)
        case _:
            return _status(as_json=args.json)


async def join(_: argparse.Namespace) -> int:
    """Join stdin and stdout with the daemon, for a front end on another machine."""
    await launcher.join_stdio()
    return ExitCode.OK


async def _start() -> int:
    async with connected() as service:
        say(f"the daemon runs, process {(await service.status()).pid}")
    return ExitCode.OK


async def _stop() -> int:
    if REMOTE.get() is not None:
        return await _stop_there()
    with impatience("waiting for the daemon to end"):
        was_running = await launcher.stop_daemon(say)
    say("the daemon has ended" if was_running else "no daemon was running")
    return ExitCode.OK


async def _stop_there() -> int:
    """End the daemon of another machine, where no signal reaches it."""
    async with connected() as service, service.subscribe() as events:
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


async def _status(*, as_json: bool) -> int:
    try:
        async with connected(start=False) as service:
            status = await service.status()
    except UnreachableError:
        out(dump({"running": False}) if as_json else "not running")
        return ExitCode.OTHER
    if as_json:
        out(dump(status_record(status), indent=2))
    else:
        out(*status_lines(status))
    return ExitCode.OK


def status_record(status: ServiceStatus) -> dict[str, object]:
    """Return the daemon's state as the object that scripts read."""
    totals = status.totals
    return {
        "running": True,
        "pid": status.pid,
        "version": status.version,
        "started_at": timestamp(status.started_at),
        "embedded": status.embedded,
        "counts": status.counts,
        "rate": round(status.rate) if status.rate else None,
        "clients": status.clients,
        "paused": status.paused,
        "totals": {
            "files": totals.files,
            "files_done": totals.files_done,
            "bytes_done": totals.bytes_done,
            "bytes_total": totals.bytes_total,
            "unsized": totals.unsized,
            "rate": round(totals.rate) if totals.rate else None,
            "eta": None if totals.eta is None else round(totals.eta),
        },
        "notices": list(status.notices),
    }


def status_lines(status: ServiceStatus) -> list[str]:
    """Return the daemon's state as lines for a person."""
    what = "a command" if status.embedded else "the daemon"
    counts = ", ".join(
        f"{count} {COMMAND_STATES[Status(state)]}"
        for state, count in status.counts.items()
        if count
    )
    return [
        f"running     {what}, process {status.pid}, winch {fmt.clean(status.version)}",
        f"since       {status.started_at.astimezone().strftime('%Y-%m-%d %H:%M:%S')}",
        f"downloads   {counts or 'none'}",
        *([f"overall     {overall(status.totals)}"] if status.totals.files else []),
        *([f"queue       {HELD.removeprefix('the queue is ')}"] if status.paused else []),
        f"rate        {fmt.rate(status.rate)}",
        f"clients     {status.clients}",
        *(f"notice      {fmt.clean(notice)}" for notice in status.notices),
    ]
