"""`winch add -i`: what a list names is queued as it is read, and stays whatever comes after it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from core.domain.errors import UsageError
from core.domain.models import DownloadRequest
from core.domain.service import DownloadService
from tui.cli.adding import add_all, tell_added, tell_ids
from tui.cli.refusals import Refusals
from tui.cli.service_access import connected
from tui.control.list_reading import in_place, portions_ahead


async def add_list(
    args: argparse.Namespace, shared: DownloadRequest, named: Sequence[DownloadRequest]
) -> int:
    """Queue what was named one by one, and then the list; print ids as they are on disk.

    Raises UsageError where there is nothing to queue.
    """
    refusals = Refusals(args.input)
    ids: list[str] = []
    service: DownloadService | None = None

    async def take(requests: Sequence[DownloadRequest]) -> None:
        nonlocal service
        if not requests:
            return
        if service is None:
            # No daemon is started for a list that names nothing.
            service = await stack.enter_async_context(connected())
        added = dict.fromkeys(await add_all(service, requests))
        if args.json:
            ids.extend(added)
        else:
            await tell_ids(added)
            sys.stdout.flush()

    async with AsyncExitStack() as stack:
        await take(named)
        async for portion in portions_ahead(args):
            refusals.tell(portion.refused)
            requests, refused = await in_place(shared, portion.entries)
            refusals.tell(refused)
            await take(requests)
        status = refusals.end()
        if service is None:
            raise UsageError("there is no URL to download", hint="see -i FILE")
        await tell_added(service, args, ids)
    return status
