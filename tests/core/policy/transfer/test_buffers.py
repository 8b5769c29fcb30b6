"""The pool of buffers: bounded whatever the burst, and whole again after it."""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from core.policy.transfer.buffers import BLOCK, LEAST, MEMORY, MOST, BufferPool, block_of, taken_by


def test_the_first_ones_get_what_makes_them_fast() -> None:
    pool = BufferPool()
    with pool.lend() as first, pool.lend() as second:
        assert (first, second) == (MOST, MOST)
        assert block_of(first) == BLOCK


def test_a_thousand_requests_at_once_stay_within_the_pool_and_the_least_of_each() -> None:
    pool = BufferPool()
    with ExitStack() as held:
        granted = [held.enter_context(pool.lend()) for _ in range(1000)]
    assert sum(map(taken_by, granted)) <= MEMORY + 1000 * taken_by(LEAST)
    assert min(granted) == LEAST


@given(st.lists(st.booleans(), max_size=300))
def test_it_is_bounded_and_gets_everything_back(steps: list[bool]) -> None:
    pool = BufferPool()
    held: list[tuple[ExitStack, int]] = []
    for takes in steps:
        if takes or not held:
            stack = ExitStack()
            held.append((stack, stack.enter_context(pool.lend())))
        else:
            held.pop(0)[0].close()
        assert sum(taken_by(buffer) for _, buffer in held) <= MEMORY + len(held) * taken_by(LEAST)
    for stack, _ in held:
        stack.close()
    with pool.lend() as buffer:
        assert buffer == MOST
