"""A life of winch in half a second, in a process of its own: everything that changes files happens.

One download arrives over several connections, is paused, goes on and becomes whole; another one is
removed with its files; small ones come meanwhile, together, and some more as a collection.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from core.domain.collections import CollectionRequest
from core.domain.entries import Entry
from core.domain.models import Download, DownloadRequest, DownloadView, Status, WaitReason
from core.engine.service import Engine
from tests.crash import life
from tests.crash.life import FailedError, say, twice

COLLECTION = "a-collection-of-its-own"
MEMBERS = 2
"""How many of the files are members of it, the last ones."""


async def main(threads: int, directory: str, urls: Sequence[str]) -> None:
    """Live; raises WinchError or FailedError where something failed for good."""
    async with life.engine(threads) as engine:
        first, second, *others = urls
        small, members = others[:-MEMBERS], others[-MEMBERS:]
        (whole,) = await twice(partial(_add, engine, [first], directory))
        (other,) = await twice(partial(_add, engine, [second], directory))
        await _until(engine, whole, lambda view: view.progress.bytes_downloaded > 0)
        await twice(lambda: engine.pause([whole.id]))
        say("paused", id=whole.id)
        for download in await twice(partial(_add, engine, small, directory)):
            await _until(engine, download, lambda view: view.download.status is Status.COMPLETED)
            say("completed", id=download.id)
        for id_ in await _collect(engine, members, directory):
            member = (await engine.find(id_)).download
            await _until(engine, member, lambda view: view.download.status is Status.COMPLETED)
            say("completed", id=id_)
        await twice(lambda: engine.resume([whole.id]))
        say("resumed", id=whole.id)
        await _until(engine, other, lambda view: view.progress.bytes_downloaded > 0)
        say("removing", id=other.id)
        await twice(lambda: engine.remove([other.id], files=True))
        say("removed", id=other.id)
        await _until(engine, whole, lambda view: view.download.status is Status.COMPLETED)
        say("completed", id=whole.id)


async def _add(engine: Engine, urls: Sequence[str], directory: str) -> Sequence[Download]:
    added = await engine.add([DownloadRequest(url=url, directory=directory) for url in urls])
    for download in added:
        say("added", id=download.id, url=download.request.url)
    return added


async def _collect(engine: Engine, urls: Sequence[str], directory: str) -> Sequence[str]:
    request = DownloadRequest(url="", directory=directory)
    wanted = CollectionRequest(name=COLLECTION, request=request)
    await twice(lambda: engine.collect(wanted, fed=True))
    say("collected", name=COLLECTION)
    entries = [Entry(url=url, path=url.rpartition("/")[2]) for url in urls]
    added = await twice(lambda: engine.add_entries(COLLECTION, entries))
    for id_, url in zip(added.ids, urls, strict=True):
        say("added", id=id_, url=url)
    say("fed", name=COLLECTION)
    return added.ids


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
                raise FailedError(view.download.error.message)


if __name__ == "__main__":
    life.live(main)
