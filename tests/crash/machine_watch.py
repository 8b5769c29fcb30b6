"""Follows the events of a daemon and checks every step of every download."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

from core.domain.errors import DaemonError
from core.domain.events import Added, Changed, Noticed, Removed, Snapshot
from core.domain.models import Download
from core.rpc.client import RemoteService
from tests.crash.machine_model import check_step


class Watch:
    """What a subscriber has heard of one daemon."""

    def __init__(self, service: RemoteService) -> None:
        self.downloads: dict[str, Download] = {}
        self.held = False
        """Whether the queue is held, be it that nobody could acknowledge it."""
        self.began = asyncio.Event()
        self._failure: AssertionError | None = None
        self._task = asyncio.create_task(self._follow(service))

    def verify(self) -> None:
        """Raise what was wrong so far."""
        if self._failure is not None:
            raise self._failure

    async def close(self) -> None:
        """Follow no longer."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _follow(self, service: RemoteService) -> None:
        with suppress(DaemonError):
            async with service.subscribe() as events:
                async for event in events:
                    if isinstance(event, Snapshot | Noticed):
                        self.held = event.paused
                    if isinstance(event, Snapshot):
                        self.downloads = {d.id: d for d in event.downloads}
                        self.began.set()
                    elif isinstance(event, Added | Changed):
                        self._take(event.downloads)
                    elif isinstance(event, Removed):
                        for id_ in event.ids:
                            self.downloads.pop(id_, None)

    def _take(self, downloads: Iterable[Download]) -> None:
        for download in downloads:
            before = self.downloads.get(download.id)
            self.downloads[download.id] = download
            if before is not None:
                try:
                    check_step(before.status, download.status)
                except AssertionError as failure:
                    self._failure = self._failure or failure
