"""The engine inside a command's own process, for containers and for one file without a daemon."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from core.adapters.config import config_file
from core.adapters.system.paths import Paths
from core.domain.models import DownloadRecord, DownloadRequest, DownloadView, Status
from core.domain.service import DownloadService
from core.domain.value import Value


class Embedded(Value, frozen=True):
    """An engine inside this process, which runs only what was added by `add_own`.

    `stop_requested` is set when another process asks it to end.
    """

    service: DownloadService
    add_own: Callable[[Sequence[DownloadRequest]], Awaitable[list[DownloadRecord]]]
    stop_requested: asyncio.Event


@asynccontextmanager
async def embedded(
    destination: str | None = None, tell: Callable[[str], None] = lambda _: None
) -> AsyncIterator[Embedded]:
    """Run the engine in this process, under the same lock and on the same socket as a daemon.

    Where the state directory cannot be written, as in a container, the state is in the destination;
    `tell` gets a sentence about that. Raises LockedError when a daemon owns the state directory:
    then it is to be used instead.
    """
    # Loads the engine and all it stands on, which no other way through here needs.
    from core import daemon  # noqa: PLC0415
    from core.adapters.system import spare_state  # noqa: PLC0415

    beside = None if destination is None or os.environ.get("WINCH_HOME") else Path(destination)
    with spare_state.state_places(Paths.discover(os.environ), beside, tell) as places:
        is_over = False
        settings = config_file.load(places.paths.config_file, os.environ).settings
        async with daemon.running(places.paths, settings, embedded=True) as parts:
            engine = parts.engine
            yield Embedded(engine, engine.add_own, engine.stop_requested)
            is_over = not any(map(_can_go_on, await engine.downloads()))
        if is_over:
            spare_state.remove(places)


def _can_go_on(view: DownloadView) -> bool:
    """Tell whether anything of a download would be lost with its record."""
    if view.download.status is Status.FAILED:
        return view.progress.bytes_downloaded > 0
    return view.download.status not in (Status.COMPLETED, Status.CANCELLED)
