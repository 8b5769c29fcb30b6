"""A life in which a collection is gathered out of sight, to be whole or not there.

It goes to a directory `set`. Where that is there already, its files get their names one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import urlsplit

from core.domain.collections import CollectionRequest, CollectionState
from core.domain.entries import Entry
from core.domain.models import DownloadRequest, Status
from core.engine.service import Engine
from tests.crash import life
from tests.crash.life import FailedError, say, twice

NAME = "a-set"
DIRECTORY = "set"


async def main(threads: int, directory: str, urls: Sequence[str]) -> None:
    """Live; raises WinchError or FailedError where something failed for good."""
    async with life.engine(threads) as engine:
        await feed(engine, directory, urls, partial(say, name=NAME))
        await until_published(engine)
        say("published", name=NAME)


async def feed(
    engine: Engine, directory: str, urls: Sequence[str], tell: Callable[[str], None]
) -> None:
    """Ask for the collection and name its files, as their addresses do; tell what was answered."""
    request = CollectionRequest(
        name=NAME,
        request=DownloadRequest(url="", directory=f"{directory}/{DIRECTORY}"),
        together=True,
    )
    await twice(lambda: engine.collect(request, fed=True))
    tell("collected")
    entries = [Entry(url=url, path=urlsplit(url).path[1:]) for url in urls]
    await twice(lambda: engine.add_entries(NAME, entries))
    tell("fed")


async def until_published(engine: Engine) -> None:
    """Return once it has its name; raises FailedError where that comes to nothing by itself."""
    async with engine.subscribe() as events:
        async for _ in events:
            collection = (await engine.collection(NAME)).collection
            if collection.state is CollectionState.PUBLISHED:
                return
            if collection.publish_error is not None:
                raise FailedError(collection.publish_error.message)
            if collection.refused:
                raise FailedError(collection.refused[0].reason)
            for view in await engine.downloads():
                error, status = view.download.error, view.download.status
                if error is not None and (status is Status.FAILED or view.download.wait_reason):
                    raise FailedError(error.message)


if __name__ == "__main__":
    life.live(main)
