"""What a source yields, in portions: large where it comes fast, at once where it comes slowly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from core.domain.entries import Entry, Refused

PORTION = 500
"""Entries that are taken in at once."""
PATIENCE = 0.5
"""Seconds after which fewer are, too."""


async def portions(
    found: AsyncIterator[Entry | Refused],
) -> AsyncIterator[tuple[list[Entry], list[Refused]]]:
    """Yield entries and refused ones by portions; raises what the source raises."""
    entries: list[Entry] = []
    refused: list[Refused] = []
    waiting = asyncio.ensure_future(anext(found, None))
    try:
        while True:
            done, _ = await asyncio.wait(
                [waiting], timeout=PATIENCE if entries or refused else None
            )
            item = None
            if done and (item := waiting.result()) is not None:
                entries.append(item) if isinstance(item, Entry) else refused.append(item)
                waiting = asyncio.ensure_future(anext(found, None))
            if not done or item is None or len(entries) + len(refused) >= PORTION:
                if entries or refused:
                    yield entries, refused
                    entries, refused = [], []
                if done and item is None:
                    return
    finally:
        waiting.cancel()
        await asyncio.wait([waiting])
        if (close := getattr(found, "aclose", None)) is not None:
            await close()
