"""Progress for a front end at the far end of a link: seldom, and in few bytes.

Thirty running downloads told four times a second, each with the names of its fields, come to
20 kB/s. Told once a second as bare figures they come to 2 kB/s, and nothing that a person reads
there is missing: rates and times left are rounded, bytes are not.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

import msgspec

from core.domain.events import Added, Changed, Event, ProgressBatch, Removed, Snapshot
from core.domain.models import Progress
from core.domain.value import replace

MOVED = "moved"
"""What the event is called that stands for a ProgressBatch."""

_Second = Annotated[int, msgspec.Meta(ge=0, le=10**11)]


class SubscribeParams(msgspec.Struct, forbid_unknown_fields=True):
    """How progress is wanted: at most once in so many seconds and short; at 0 as it is told."""

    interval: Annotated[float, msgspec.Meta(ge=0.0, le=60.0)] = 0.0


class _Figures(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One download: `age` is by how many seconds its last bytes are older than the newest."""

    bytes_downloaded: int
    rate: int | None = None
    eta: int | None = None
    connections: int = 0
    age: _Second | None = None


class _AllFigures(_Figures, array_like=True, frozen=True, gc=False):
    verified: int | None = None


class Moved(msgspec.Struct, frozen=True, omit_defaults=True):
    """A ProgressBatch in short; `at` is when the newest bytes came, by the clock over there."""

    revision: int
    moved: dict[str, _AllFigures]
    eta: int | None = None
    at: _Second = 0


def shortened(batch: ProgressBatch) -> dict[str, object]:
    """Return the event that says the same as a batch, but for fractions."""
    newest = max((_second(each) or 0 for each in batch.progress.values()), default=0)
    moved = {id_: _figures(each, newest) for id_, each in batch.progress.items()}
    data = {"revision": batch.revision, "moved": moved, "eta": _whole(batch.eta), "at": newest}
    return {"event": MOVED, "data": data}


def batch_of(moved: Moved) -> ProgressBatch:
    """Return what a short event says."""
    progress = {
        id_: Progress(
            bytes_downloaded=each.bytes_downloaded,
            rate=each.rate,
            eta=each.eta,
            connections=each.connections,
            verified=each.verified,
            updated_at=None
            if each.age is None
            else datetime.fromtimestamp(max(0, moved.at - each.age), UTC),
        )
        for id_, each in moved.moved.items()
    }
    return ProgressBatch(revision=moved.revision, progress=progress, eta=moved.eta)


async def thinned(events: AsyncIterator[Event], interval: float) -> AsyncGenerator[Event, None]:
    """Pass events on at once, and progress at most once in `interval` seconds, the latest of each.

    What another event says of a download never overtakes its progress, and after a Snapshot comes
    none that is older.
    """
    loop = asyncio.get_running_loop()
    held: dict[str, Progress] = {}
    latest = ProgressBatch(revision=0, progress=held)
    due = 0.0
    coming = asyncio.ensure_future(_next(events))
    try:
        while True:
            if held and loop.time() >= due:
                yield replace(latest, progress=held)
                held, due = {}, loop.time() + interval
            timeout = due - loop.time() if held else None
            if not (await asyncio.wait({coming}, timeout=timeout))[0]:
                continue
            if (event := coming.result()) is None:
                break
            coming = asyncio.ensure_future(_next(events))
            if isinstance(event, ProgressBatch):
                held.update(event.progress)
                latest = event
                continue
            if isinstance(event, Snapshot):
                held = {}
            elif first := _taken(held, event):
                yield replace(latest, progress=first)
            latest = replace(latest, revision=event.revision)
            yield event
        if held:
            yield replace(latest, progress=held)
    finally:
        coming.cancel()
        await asyncio.gather(coming, return_exceptions=True)


async def _next(events: AsyncIterator[Event]) -> Event | None:
    return await anext(events, None)


def _taken(held: dict[str, Progress], event: Event) -> dict[str, Progress]:
    """Take out what is held of an event's downloads; return what has to be told before it."""
    match event:
        case Added(downloads=downloads) | Changed(downloads=downloads):
            named = [download.id for download in downloads if download.id in held]
            return {id_: held.pop(id_) for id_ in named}
        case Removed(ids=ids):
            for id_ in ids:
                held.pop(id_, None)
    return {}


def _figures(progress: Progress, newest: int) -> _Figures:
    second = _second(progress)
    age = None if second is None else newest - second
    bytes_, rate, eta = progress.bytes_downloaded, _whole(progress.rate), _whole(progress.eta)
    if progress.verified is None:
        return _Figures(bytes_, rate, eta, progress.connections, age)
    return _AllFigures(bytes_, rate, eta, progress.connections, age, progress.verified)


def _second(progress: Progress) -> int | None:
    at = progress.updated_at
    return None if at is None else max(0, int(at.timestamp()))


def _whole(value: float | None) -> int | None:
    return None if value is None or not math.isfinite(value) else round(value)
