"""A power cut at any call of a document: what is found then was so, and lacks nothing told.

Each life goes on from what a cut of the life before has left, while generations are written beside
appends, and some writes fail. After it the document has to be the one of some moment between the
last acknowledgement and the end, without a word of damage.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from core.adapters.state import journal
from core.adapters.state.document import Document
from core.adapters.state.generations import Loaded
from core.domain.errors import WinchError
from tests.core.adapters.state.power import Power, PowerCutError
from tests.core.adapters.state.test_document import EMPTY, Content, open_document

SEEDS = 60
LIVES = 8


class Life:
    """A document that lives until its power fails; `states` are all that it was in, from `owed`."""

    def __init__(self, place: Path, chance: random.Random) -> None:
        self.document: Document = open_document(place / "flock.json")
        self.states: list[Content] = [EMPTY]
        self.owed = 0
        self._chance = chance
        self._writing: asyncio.Task[None] | None = None

    async def live(self, found: Content) -> None:
        """Go on from what was found, until the end or a power cut."""
        loaded = await self.document.load()
        assert loaded.tables == found
        self.states = [found]
        for _ in range(self._chance.randint(1, 30)):
            match self._chance.choice(["change"] * 4 + ["flush"] * 3 + ["write", "wait", "wipe"]):
                case "change":
                    self._change()
                case "flush":
                    await self._flush()
                case "write" if self._writing is None:
                    self._writing = asyncio.create_task(self.document._write_now_and_then())
                case "wipe":
                    with contextlib.suppress(WinchError):
                        await self.document.wipe()
                case _:
                    await self._wait()
        await self._wait()
        if self._chance.random() < 0.5:
            last = len(self.states) - 1
            with contextlib.suppress(WinchError):
                await self.document.close()
                self.owed = last

    async def end(self) -> None:
        """Let go of it, as a power cut does."""
        self.document._due.cancel()
        self.document._due_whole.cancel()
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        self.document._due.cancel()
        self.document._due_whole.cancel()

    def _change(self) -> None:
        table, id_ = self._chance.choice(["sheep", "goats"]), str(self._chance.randint(1, 9))
        if self._chance.random() < 0.3:
            self.document.discard(table, id_)
        else:
            self.document.put(table, id_, self._chance.randint(1, 10**18))
        self.states.append({name: dict(table) for name, table in self.document.tables.items()})

    async def _flush(self) -> None:
        last = len(self.states) - 1
        with contextlib.suppress(WinchError):
            await self.document.flush()
            self.owed = last

    async def _wait(self) -> None:
        if self._writing is not None:
            writing, self._writing = self._writing, None
            with contextlib.suppress(WinchError):
                await writing


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_power_cut_at_any_call_costs_nothing_acknowledged(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    place, found = tmp_path / "0", EMPTY
    place.mkdir()
    for number in range(1, LIVES + 1):
        life = Life(place, chance)
        with pytest.MonkeyPatch.context() as patch:
            power = Power(place, patch, chance.randint(1, 120))
            fail_sometimes(patch, chance)
            patch.setattr(journal, "_CHUNK", chance.choice((64, 1 << 18)))  # several writes, or one
            with contextlib.suppress(PowerCutError):
                asyncio.run(run(life, found))
        place = tmp_path / str(number)
        place.mkdir()
        power.leave(chance, place)
        loaded = asyncio.run(read(place))
        assert loaded.notices == ()
        assert loaded.tables in life.states[life.owed :], f"life {number}"
        found = loaded.tables


async def run(life: Life, found: Content) -> None:
    try:
        await life.live(found)
    finally:
        await life.end()


async def read(place: Path) -> Loaded:
    """Return what the next start would find; nothing is changed by that."""
    document = open_document(place / "flock.json")
    return await document.load()


def fail_sometimes(patch: pytest.MonkeyPatch, chance: random.Random) -> None:
    """Let a write store half of its bytes and fail now and then, and a sync fail."""
    share = chance.choice((0.0, 0.0, 0.05, 0.3))
    write, syncs = os.write, {name: getattr(os, name) for name in ("fsync", "fdatasync")}
    fails = random.Random(chance.random())

    def write_half(descriptor: int, data: bytes) -> int:
        if fails.random() >= share:
            return write(descriptor, data)
        write(descriptor, memoryview(data)[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    patch.setattr(os, "write", write_half)
    for name, sync in syncs.items():

        def failing(descriptor: int, sync: Callable[[int], None] = sync) -> None:
            if fails.random() < share / 2:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            sync(descriptor)

        patch.setattr(os, name, failing)
