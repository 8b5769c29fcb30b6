"""The pool of buffers: bounded whatever the burst, and whole again after it."""

from __future__ import annotations

from contextlib import ExitStack

from hypothesis import given
from hypothesis import strategies as st

from core.policy.transfer.buffers import (
    BLOCK,
    CROWD,
    FIRST_BLOCK,
    LEAST,
    LONGEST_REST,
    MEMORY,
    MOST,
    SCARCE,
    SMALLEST,
    BufferPool,
    block_of,
    next_block,
    rest,
    taken_by,
)


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


def test_who_fills_blocks_gets_the_largest_and_who_does_not_the_smallest() -> None:
    size = FIRST_BLOCK
    for _ in range(10):
        size = next_block(size, size)
    assert size == BLOCK
    assert next_block(size, size // 2) == size
    for _ in range(10):
        size = next_block(size, size // 8)
    assert size == SMALLEST
    assert next_block(LEAST, LEAST) == FIRST_BLOCK


def test_nobody_rests_but_one_of_a_crowd_and_the_longer_the_less_memory_there_is() -> None:
    assert rest(MEMORY, CROWD) == rest(SCARCE, 1000) == 0
    assert 0 < rest(SCARCE + 1, 1000) < rest(2 * SCARCE, 1000)
    assert rest(10**12, 1000) == LONGEST_REST
