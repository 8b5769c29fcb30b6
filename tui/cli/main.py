"""The `winch` command: finds the command's code, runs it and turns every end into an exit status.

Nothing but the command that is asked for gets imported, because a shell prompt may run `winch ls`.
A traceback is shown with --debug only; without it every failure is one line on stderr.
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


def main() -> None:
    """Run winch with the arguments of the process and leave it with the exit status."""
    _prepare_streams()
    sys.exit(run(sys.argv[1:]))


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit status (see core.domain.errors.ExitCode)."""
    debug = "--debug" in argv
    try:
        status = _dispatch(argv)
        sys.stdout.flush()
    except WinchError as error:
        if debug:
            traceback.print_exc()
        say_once(sentence(error, brackets=False))
        return error.code.exit_status
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _reader_left()
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            return _unforeseen(error, debug=debug)
        say("there is no room for the output; make some, and run it again")
        _reader_left()
        return ExitCode.DISK
    except Exception as error:  # the last line of defence: no traceback without --debug
        return _unforeseen(error, debug=debug)
    return status


def _unforeseen(error: Exception, *, debug: bool) -> int:
    if debug:
        traceback.print_exc()
    say(f"unexpected {type(error).__name__}: {error}; run it again with --debug to see where")
    return ExitCode.OTHER


def _prepare_streams() -> None:
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # Closed by the caller (`>&-`): the next file or socket would become our stdout.
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A locale that cannot show a name is no reason to fail.
        cast("TextIOWrapper", stream).reconfigure(errors="replace")


def _dispatch(argv: Sequence[str]) -> int:
    command, args = parse(argv)
    module, _, function = command.handler.partition(":")
    handler: Handler = getattr(importlib.import_module(f"tui.cli.{module}"), function)
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
