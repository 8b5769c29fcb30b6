"""Long lists in portions: the same as in one piece, and others have their turn in between."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from tests.fakes import FakeService
from tui.cli.portions import PORTION, portions, sorted_in_portions
from tui.cli.terminal import out, say
from tui.input.caller import CALLER, Caller


async def test_others_have_their_turn_after_each_portion() -> None:
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    task = asyncio.create_task(other())
    sizes = [len(part) async for part in portions(range(3 * PORTION + 1))]
    task.cancel()
    assert sizes == [PORTION, PORTION, PORTION, 1]
    assert turns >= 3


async def test_what_a_portion_printed_is_sent_before_the_next_one_is_made() -> None:
    sent: list[tuple[str, bool]] = []
    read = asyncio.Event()

    async def write(text: str, is_error: bool) -> None:
        sent.append((text, is_error))
        await read.wait()

    caller = Caller(service=FakeService(), write=write, directory="/", environment={}, columns=None)
    CALLER.set(caller)

    async def print_all() -> None:
        async for part in portions(range(2 * PORTION)):
            out(str(part[0]), "漢")
            say("\x1b")
            out("more")

    printing = asyncio.create_task(print_all())
    while not sent:  # noqa: ASYNC110
        await asyncio.sleep(0)
    # A reader that stops holds up the command, and nothing more is made for it.
    for _ in range(10):
        await asyncio.sleep(0)
    assert sent == [("0\n漢\n", False)]
    read.set()
    await printing
    assert sent[1:] == [("winch: �\n", True), ("more\n", False)]
    assert len(caller.printed) == 3


@given(st.lists(st.integers(), unique=True, max_size=50), st.integers(1, 60))
def test_sorting_in_portions_is_sorting(numbers: list[int], size: int) -> None:
    many = [number * 100 + extra for number in numbers for extra in range(size)]
    assert asyncio.run(sorted_in_portions(many, lambda n: -n)) == sorted(many, reverse=True)
