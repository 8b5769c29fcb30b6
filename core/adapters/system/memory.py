"""What is free inside this process goes back to the system.

glibc gives back only what is free at the end of a heap, and each thread that was ever at work may
have one of its own: after some hours of peaks more was free in them than in use. Other C libraries
are left to themselves.
"""

from __future__ import annotations

import asyncio
import ctypes
import time
from contextlib import suppress

from core.adapters.files.threads import run_to_end

ROUND = 60.0
"""Seconds between two times."""
WORTH_IT = 1.0
"""CPU seconds below which nothing was in use meanwhile that could be free by now."""


def give_back() -> bool:
    """Give back whole pages that are free, in some milliseconds; False where there is no way to."""
    with suppress(AttributeError):
        ctypes.CDLL(None).malloc_trim(ctypes.c_size_t(0))
        return True
    return False


async def keep_giving_back() -> None:
    """Do so every minute in which something was done, until cancelled."""
    used = time.process_time()
    while True:
        await asyncio.sleep(ROUND)
        if time.process_time() - used >= WORTH_IT:
            used = time.process_time()
            await run_to_end(give_back)
