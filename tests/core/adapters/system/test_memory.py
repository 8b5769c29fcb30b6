"""What is free in the middle of a heap goes back to the system, where the C library can."""

from __future__ import annotations

import asyncio

import pytest

from core.adapters.system import memory
from core.adapters.system.memory import give_back, keep_giving_back
from core.adapters.system.usage import process_figures

_COUNT, _SIZE = 20_000, 2000


def test_what_is_free_below_something_in_use_goes_back() -> None:
    give_back()
    # Too large for Python's own allocator, too small for a mapping each; the last one stays.
    blocks = [bytes(_SIZE) for _ in range(_COUNT)]
    last = blocks.pop()
    blocks.clear()
    before = process_figures().memory
    can = give_back()
    after = process_figures().memory
    assert last
    if can and before is not None and after is not None:
        assert before - after > _COUNT * _SIZE / 2


@pytest.mark.parametrize("is_idle", [False, True])
async def test_it_is_given_back_after_something_was_done(
    monkeypatch: pytest.MonkeyPatch, is_idle: bool
) -> None:
    loop, given = asyncio.get_running_loop(), asyncio.Event()
    monkeypatch.setattr(memory, "ROUND", 0.0)
    monkeypatch.setattr(memory, "WORTH_IT", 1e9 if is_idle else 0.0)
    monkeypatch.setattr(memory, "give_back", lambda: loop.call_soon_threadsafe(given.set))
    task = asyncio.create_task(keep_giving_back())
    if is_idle:
        for _ in range(20):
            await asyncio.sleep(0)
    else:
        await given.wait()
    assert given.is_set() is not is_idle
    task.cancel()
