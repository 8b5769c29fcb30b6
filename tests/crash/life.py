"""What the lives of winch that are traced have in common: they say what happens, and are quick.

Each is a process of its own, which waits for a line on stdin, so that a tracer can come to it
first, and says on stdout what was acknowledged, a JSON object a line.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import random
import secrets
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from core import daemon
from core.adapters.state import document
from core.adapters.system.paths import Paths
from core.domain.errors import WinchError
from core.domain.settings import (
    DownloadSettings,
    LimitSettings,
    RetrySettings,
    Settings,
)
from core.engine.service import Engine
from core.engine.transfer import checkpoint, receiving

T = TypeVar("T")

SETTINGS = Settings(
    downloads=DownloadSettings(preallocate=True),
    limits=LimitSettings(connections=4, min_split="64K"),
    retry=RetrySettings(base=0.0, cap=0.0),
)
IDS = tuple(f"{number:08x}" * 2 for number in range(1, 17))
"""The ids that its downloads get: whoever picks calls by their files has to know them."""

_PR_SET_PTRACER = 0x59616D61


class FailedError(Exception):
    """Something stopped and said why; the next start is to bring it to its end."""


def say(event: str, **details: object) -> None:
    """Tell whoever started this, in one call."""
    os.write(1, json.dumps({"event": event, **details}).encode() + b"\n")


@asynccontextmanager
async def engine(threads: int) -> AsyncIterator[Engine]:
    """Run an engine; with one thread for the files, the number of a call means the same in every
    run.
    """
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads))
    async with daemon.running(Paths.discover(os.environ), SETTINGS, embedded=False) as parts:
        yield parts.engine
    say("stopped")


async def twice(ask: Callable[[], Awaitable[T]]) -> T:
    """Return what was asked for; what fails is tried again once, as a person would."""
    try:
        return await ask()
    except WinchError as error:
        say("refused", message=error.message)
        return await ask()


def live(main: Callable[[int, str, Sequence[str]], Coroutine[Any, Any, None]]) -> None:
    """Be such a process: called with a number of threads, a directory and URLs."""
    # All that a second of an ordinary life does, in a tenth of it.
    checkpoint.INTERVAL = 0.05
    document.WHOLE_PAUSE = document.REST = 0.03
    receiving.PATIENCE = 0.02
    ids = iter(IDS)
    secrets.token_hex = lambda nbytes=None: next(ids)
    random.seed(0)
    # Where a process may only be traced by its parents: anybody may trace this one.
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
    say("ready", pid=os.getpid())
    if not sys.stdin.readline():
        sys.exit("nobody is left to look at this")
    try:
        asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3:]))
    except (WinchError, FailedError) as failure:
        say("failed", message=getattr(failure, "message", str(failure)))
        sys.exit(1)
