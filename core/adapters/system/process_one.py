"""Process number 1 of a container: whoever is that inherits every orphan, and has to bury it.

A hook or an ssh that outlives its parent becomes a child of process 1, and stays as a zombie until
that waits for it. The daemon waits for its own children only; so a parent of its own, which does
nothing else, is number 1, as `tini` or `podman run --init` would be.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

_HANDED_ON = (
    signal.SIGTERM,
    signal.SIGINT,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


def leave_number_one() -> None:
    """Go on as a child where this is process 1; the parent hands on signals and ends like it."""
    if os.getpid() != 1:
        return
    # Nothing that comes before there is somebody to hand it on to gets lost: the kernel drops what
    # process 1 has no handler for.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HANDED_ON)
    child = os.fork()
    if child:
        _be_init(child)
    _take_terminal()
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _be_init(child: int) -> None:
    """Wait for every process that becomes ours until the child has ended; end with its status."""
    for number in _HANDED_ON:
        signal.signal(number, lambda number, _: _send(child, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HANDED_ON)
    ended, status = 0, 0
    while ended != child:
        ended, status = os.wait()
    code = os.waitstatus_to_exitcode(status)
    # As a shell says it: what ended by a signal has no status of its own.
    os._exit(code if code >= 0 else 128 - code)


def _send(child: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, number)


def _take_terminal() -> None:
    """Be the one that Ctrl-C is for: it goes to a group, and would arrive twice."""
    os.setpgid(0, 0)
    with suppress(OSError, ValueError, AttributeError):
        if os.isatty(sys.stdin.fileno()):
            ignored = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
            os.tcsetpgrp(sys.stdin.fileno(), os.getpgrp())
            signal.signal(signal.SIGTTOU, ignored)
