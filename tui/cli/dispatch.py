"""The `winch` command: finds the command's code, runs it and turns every end into an exit status.

Nothing but the command that is asked for gets imported. A traceback is shown with --debug only;
without it every failure is one line on stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import os
import sys
import traceback
from collections.abc import Callable, Coroutine, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Any, cast

from core.domain.errors import ExitCode, WinchError
from tui.cli.parser import parse
from tui.cli.terminal import say, say_once
from tui.text.fmt import sentence

Handler = Callable[[argparse.Namespace], int | Coroutine[Any, Any, int]]
"""A command; what reads stdin comes before there is a loop, so that Ctrl-C ends it."""


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit status (see core.domain.errors.ExitCode)."""
    try:
        status = _dispatch(argv)
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        return status_of(error, debug="--debug" in argv)
    return status


def status_of(error: BaseException, *, debug: bool = False) -> int:
    """Return the exit status of a command that this ended, and say what there is to say of it."""
    if isinstance(error, WinchError):
        return told(error, debug=debug)
    if isinstance(error, KeyboardInterrupt):
        return 130
    if isinstance(error, BrokenPipeError):
        return _reader_left()
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        say("there is no room for the output; make some, and run it again")
        _reader_left()
        return ExitCode.DISK
    # The last line of defence: no traceback without --debug.
    return unforeseen(error, debug=debug)


def told(error: WinchError, *, debug: bool = False) -> int:
    """Say what went wrong, and return the exit status that it stands for."""
    if debug:
        traceback.print_exception(error)
    say_once(sentence(error, brackets=False))
    return error.code.exit_status


def unforeseen(error: BaseException, *, debug: bool = False) -> int:
    """Say that something failed which nobody expected, and return the exit status for that."""
    if debug:
        traceback.print_exception(error)
    say(f"unexpected {type(error).__name__}: {error}; run it again with --debug to see where")
    return ExitCode.OTHER


def prepare_streams() -> None:
    """Make stdin, stdout and stderr such that a command can count on them."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Closed by the caller (`>&-`): the next file or socket would become our stdout.
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A locale that cannot show a name is no reason to fail.
        cast("TextIOWrapper", stream).reconfigure(errors="replace")


def prepare_home() -> None:
    """Give the process a home where nobody knows one: a user of a container may have no account.

    It is the one that container runtimes give them.
    """
    if "HOME" not in os.environ:
        try:
            Path.home()
        except RuntimeError:
            os.environ["HOME"] = "/"


def _dispatch(argv: Sequence[str]) -> int:
    command, args = parse(argv)
    module, _, function = command.handler.partition(":")
    handler: Handler = getattr(importlib.import_module(f"tui.cli.{module}"), function)
    if args.host is not None:
        # Few drive another machine.
        from tui.cli.hosts import run as run_there  # noqa: PLC0415

        return run_there(args, handler)
    done = handler(args)
    if isinstance(done, int):
        return done
    # Here, not above: `--help` needs no event loop.
    from tui.cli.signals import Signals  # noqa: PLC0415

    return Signals().run(done)


def _reader_left() -> int:
    """End as a program does that SIGPIPE ends; Python would complain at exit about the rest."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141
