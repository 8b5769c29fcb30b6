"""Short commands, done in the daemon for a process that has loaded nothing of winch.

It is the same parser and the same function as in that process, with the engine for a service; what
they take from the process is the caller's (`tui.input.caller`). Whatever needs more of it than can
be sent (a question, stdin, a file it names) or is no ordinary call (a mistake, help, another
version) is refused before anything is done, and the caller does it as it always could.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import os

from core.domain.errors import WinchError
from core.domain.service import DownloadService
from core.domain.version import VERSION
from core.launcher import CommandCall, Write
from core.short_call import surroundings
from tui.cli import collections, daemon, listing, metrics, queue, settings, status
from tui.cli.dispatch import told, unforeseen
from tui.cli.main import SHORT
from tui.cli.parser import parse
from tui.input.caller import CALLER, Caller
from tui.input.commands import Command

# Loaded with this, in a thread: the first command must not hold up the daemon either.
_MODULES = {
    "collections": collections,
    "daemon": daemon,
    "listing": listing,
    "metrics": metrics,
    "queue": queue,
    "settings": settings,
    "status": status,
}
_OWN = "WINCH_"
_MOST_COLUMNS = 10_000
_MOST_OF_OPTIONS = 2048
"""Characters in words that begin with a dash: at each, argparse goes through all of them again."""

_log = logging.getLogger(__name__)


async def run(call: CommandCall, service: DownloadService, write: Write) -> int | None:
    """Do a command and return its exit status; None where its caller has to do it."""
    if not _is_alike(call) or (asked := _asked(call)) is None:
        return None
    command, args = asked
    own = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    caller = Caller(
        service=service,
        write=write,
        directory=call.directory,
        environment=own | call.environment,
        columns=call.columns,
    )
    # This task's alone: each request is one.
    CALLER.set(caller)
    try:
        module, _, function = command.handler.partition(":")
        done = getattr(_MODULES[module], function)(args)
        status: int = done if isinstance(done, int) else await done
    except WinchError as error:
        status = told(error)
    except Exception as error:
        _log.exception("a command failed in a way that was not foreseen")
        status = unforeseen(error)
    await caller.send()
    return status


def _is_alike(call: CommandCall) -> bool:
    """Tell whether a command does the same here as in the process of its caller."""
    if call.version != VERSION or call.surroundings != surroundings():
        return False
    if call.columns is not None and not 0 < call.columns <= _MOST_COLUMNS:
        return False
    own = all(name.startswith(_OWN) for name in call.environment)
    return own and call.directory.startswith("/")


def _asked(call: CommandCall) -> tuple[Command, argparse.Namespace] | None:
    """Return what the words ask for, None where that is not for here."""
    if sum(len(word) for word in call.words if word.startswith("-")) > _MOST_OF_OPTIONS:
        return None
    try:
        # What asks for help would print it.
        with contextlib.redirect_stdout(io.StringIO()):
            command, args = parse(call.words)
    except (WinchError, SystemExit):
        return None
    plain = args.command in SHORT and not args.debug and args.host is None and _is_plain(args)
    return (command, args) if plain else None


def _is_plain(args: argparse.Namespace) -> bool:
    """Tell whether a command needs nothing of its process but what is sent along."""
    match args.command:
        case "daemon":
            return bool(args.action == "status")
        case "add":
            # A path may lead through what only the caller has open, a login may be asked for.
            files = (args.input, args.cookies, args.manifest)
            names_files = any(file is not None and "://" not in file for file in files)
            return not names_files and (args.user is None or ":" in args.user)
        case "rm":
            return bool(args.yes or args.dry_run or not args.files)
        case "sync":
            return bool(args.yes or args.dry_run or not args.delete_extra)
        case _:
            return True
