"""The list of `-i`, read in a thread of its own while the daemon takes in what came before.

A pipe may be silent for hours, and Ctrl-C ends the command all the same: nobody waits for the
thread.
"""

from __future__ import annotations

import argparse
import asyncio
import threading
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress

from core import launcher
from core.domain.entries import Entry, Refused
from core.domain.errors import WinchError
from core.domain.models import DownloadRequest
from tui.input.remote import REMOTE
from tui.input.url_lists import ListPortion, entry_request, list_portions

_AHEAD = 2
"""Portions that are read before the first of them is taken."""


async def portions_ahead(args: argparse.Namespace) -> AsyncIterator[ListPortion]:
    """Yield what the list names, as it comes; raises UsageError."""
    loop = asyncio.get_running_loop()
    found: asyncio.Queue[ListPortion | Exception | None] = asyncio.Queue()
    room, is_left = threading.Semaphore(_AHEAD), threading.Event()

    def read() -> None:
        end: Exception | None = None
        # The loop may be gone by the time that a pipe answers.
        with suppress(RuntimeError):
            try:
                for portion in list_portions(args):
                    room.acquire()
                    if is_left.is_set():
                        return
                    loop.call_soon_threadsafe(found.put_nowait, portion)
            except Exception as error:
                # Whoever waits for the next portion has to hear of it, whatever it is.
                end = error
            loop.call_soon_threadsafe(found.put_nowait, end)

    threading.Thread(target=read, name="list", daemon=True).start()
    try:
        while isinstance(portion := await found.get(), ListPortion):
            room.release()
            yield portion
    finally:
        is_left.set()
        room.release()
    if portion is not None:
        raise portion


async def in_place(
    shared: DownloadRequest, entries: Sequence[Entry]
) -> tuple[list[DownloadRequest], list[Refused]]:
    """Return what to ask for to have entries, once the directories are there that they go to.

    Those whose directory cannot be made are refused. Raises DestinationError.
    """
    requests = [entry_request(shared, entry) for entry in entries]
    wanted = {request.directory for request in requests} - {shared.directory}
    wrong = await _made(shared.directory, sorted(wanted)) if wanted else {}
    refused = [
        Refused(where=entry.where, reason=error.message, code=error.code)
        for entry, request in zip(entries, requests, strict=True)
        if (error := wrong.get(request.directory)) is not None
    ]
    return [request for request in requests if request.directory not in wrong], refused


async def _made(root: str, directories: Sequence[str]) -> Mapping[str, WinchError]:
    """Make directories on the machine that the files are for; return what is wrong with which."""
    if (remote := REMOTE.get()) is None:
        return await launcher.make_below(root, directories)
    service = await remote.service()
    wrong = await service.make_directories(root, directories)
    return {directory: error.to_error() for directory, error in wrong.items()}
