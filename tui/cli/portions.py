"""A long list, in portions: what is done for somebody in the daemon must not hold up its downloads.

Between two portions all else of the loop has its turn, and what was printed goes out.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from heapq import merge
from itertools import islice
from typing import Any, TypeVar

from tui.input.caller import CALLER

T = TypeVar("T")

PORTION = 500
"""Rows that are filtered, sorted or printed at once: some milliseconds."""


async def portions(items: Sequence[T], size: int = PORTION) -> AsyncIterator[Sequence[T]]:
    """Give the items by portions, in their order."""
    for start in range(0, len(items), size):
        if start:
            await _turn()
        yield items[start : start + size]


async def sorted_in_portions(items: Sequence[T], key: Callable[[T], Any]) -> list[T]:
    """Return the items in the order of `key`, of which no two may be equal."""
    runs = [sorted(part, key=key) async for part in portions(items)]
    merged = merge(*runs, key=key)
    result: list[T] = []
    while part := list(islice(merged, PORTION)):
        result += part
        await _turn()
    return result


async def _turn() -> None:
    if (caller := CALLER.get()) is not None:
        if caller.printed:
            await caller.send()
        else:
            # Who left before the first row of a long list wants none of it made.
            await caller.write("", False)
    await asyncio.sleep(0)
