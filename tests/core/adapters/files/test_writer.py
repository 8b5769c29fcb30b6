"""The writing thread: what waits when it comes is written, and told, together."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from core.adapters.files.writer import Writer


async def test_each_of_many_writes_hears_how_it_ended_and_later_ones_win(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    writer, told, all_told = Writer(), dict[int, OSError | None](), asyncio.Event()

    def write(number: int, descriptor: int, offset: int, data: bytes) -> None:
        def ended(error: OSError | None, _: float) -> None:
            told[number] = error
            if len(told) == 5:
                all_told.set()

        writer.write(descriptor, offset, [data[:1], memoryview(data)[1:]], ended)

    try:
        write(0, fd, 0, b"once")
        write(1, -1, 0, b"nowhere")
        write(2, fd, 4, b"and")
        write(3, fd, 4, b"more")
        await asyncio.sleep(0)
        write(4, fd, 0, b"Once")
        async with asyncio.timeout(20):
            await all_told.wait()
        assert os.pread(fd, 99, 0) == b"Oncemore"
    finally:
        os.close(fd)
    assert [number for number, error in told.items() if error is not None] == [1]


def test_two_loops_share_a_writer_and_each_hears_of_its_own(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    writer = Writer()

    async def write(offset: int, data: bytes) -> OSError | None:
        told = asyncio.get_running_loop().create_future()
        writer.write(fd, offset, [data], lambda error, _: told.set_result(error))
        async with asyncio.timeout(20):
            return await told

    try:
        assert asyncio.run(write(0, b"one")) is None
        assert asyncio.run(write(3, b"two")) is None
        assert os.pread(fd, 99, 0) == b"onetwo"
    finally:
        os.close(fd)
