"""A life of winch in half a second, in a process of its own: everything that changes files happens.

One download arrives over several connections, is paused, goes on and becomes whole; another one is
removed with its files; small ones come meanwhile, together, and some more as a collection. What was
acknowledged goes to stdout, a JSON object a line. The process waits for a line on stdin, so that a
tracer can come to it first.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import random
import secrets
import sys
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from core import daemon
from core.adapters.state import document
from core.adapters.system.paths import Paths
from core.domain.collections import CollectionRequest
from core.domain.entries import Entry
from core.domain.errors import WinchError
from core.domain.models import Download, DownloadRequest, DownloadView, Status, WaitReason
from core.domain.settings import (
    DownloadSettings,
    LimitSettings,
    RetrySettings,
    Settings,
)
from core.engine.service import Engine
from core.engine.transfer import body, checkpoint

T = TypeVar("T")

SETTINGS = Settings(
    downloads=DownloadSettings(preallocate=True),
    limits=LimitSettings(connections=4, min_split="64K"),
    retry=RetrySettings(base=0.0, cap=0.0),
)
IDS = tuple(f"{number:08x}" * 2 for number in range(1, 17))
"""The ids that its downloads get: whoever picks calls by their files has to know them."""
COLLECTION = "a-collection-of-its-own"
MEMBERS = 2
"""How many of the files are members of it, the last ones."""


_PR_SET_PTRACER = 0x59616D61


class _FailedError(Exception):
    """A download stopped and said why; the next start is to bring it to its end."""


def say(event: str, **details: object) -> None:
    """Tell whoever started this, in one call."""
    os.write(1, json.dumps({"event": event, **details}).encode() + b"\n")


async def main(threads: int, directory: str, urls: Sequence[str]) -> None:
    """Live; raises WinchError or _FailedError where something failed for good.

    With one thread for the files, the number of a call means the same in every run.
    """
    asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(threads))
    async with daemon.running(Paths.discover(os.environ), SETTINGS, embedded=False) as parts:
        engine = parts.engine
        first, second, *others = urls
        small, members = others[:-MEMBERS], others[-MEMBERS:]
        (whole,) = await _twice(partial(_add, engine, [first], directory))
        (other,) = await _twice(partial(_add, engine, [second], directory))
        await _until(engine, whole, lambda view: view.progress.bytes_downloaded > 0)
        await _twice(lambda: engine.pause([whole.id]))
        say("paused", id=whole.id)
        for download in await _twice(partial(_add, engine, small, directory)):
            await _until(engine, download, lambda view: view.download.status is Status.COMPLETED)
            say("completed", id=download.id)
        for id_ in await _collect(engine, members, directory):
            member = (await engine.find(id_)).download
            await _until(engine, member, lambda view: view.download.status is Status.COMPLETED)
            say("completed", id=id_)
        await _twice(lambda: engine.resume([whole.id]))
        say("resumed", id=whole.id)
        await _until(engine, other, lambda view: view.progress.bytes_downloaded > 0)
        say("removing", id=other.id)
        await _twice(lambda: engine.remove([other.id], files=True))
        say("removed", id=other.id)
        await _until(engine, whole, lambda view: view.download.status is Status.COMPLETED)
        say("completed", id=whole.id)
    say("stopped")


async def _add(engine: Engine, urls: Sequence[str], directory: str) -> Sequence[Download]:
    added = await engine.add([DownloadRequest(url=url, directory=directory) for url in urls])
    for download in added:
        say("added", id=download.id, url=download.request.url)
    return added


async def _collect(engine: Engine, urls: Sequence[str], directory: str) -> Sequence[str]:
    request = DownloadRequest(url="", directory=directory)
    wanted = CollectionRequest(name=COLLECTION, request=request)
    await _twice(lambda: engine.collect(wanted, fed=True))
    say("collected", name=COLLECTION)
    entries = [Entry(url=url, path=url.rpartition("/")[2]) for url in urls]
    added = await _twice(lambda: engine.add_entries(COLLECTION, entries))
    for id_, url in zip(added.ids, urls, strict=True):
        say("added", id=id_, url=url)
    say("fed", name=COLLECTION)
    return added.ids


async def _twice(ask: Callable[[], Awaitable[T]]) -> T:
    """Return what was asked for; what fails is tried again once, as a person would."""
    try:
        return await ask()
    except WinchError as error:
        say("refused", message=error.message)
        return await ask()


async def _until(
    engine: Engine, download: Download, condition: Callable[[DownloadView], bool]
) -> None:
    async with engine.subscribe() as events:
        async for _ in events:
            view = await engine.find(download.id)
            if condition(view) or view.download.status is Status.COMPLETED:
                return
            waits = view.download.wait_reason in (WaitReason.DISK_LOW, WaitReason.NO_NETWORK)
            if view.download.error is not None and (view.download.status.is_settled or waits):
                raise _FailedError(view.download.error.message)


if __name__ == "__main__":
    # All that a second of an ordinary life does, in a tenth of it.
    checkpoint.INTERVAL = 0.05
    document.WHOLE_PAUSE = document.REST = 0.03
    body.PATIENCE = 0.02
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
    except (WinchError, _FailedError) as failure:
        say("failed", message=getattr(failure, "message", str(failure)))
        sys.exit(1)
