"""Memory for bodies: how much each reader has, and what of it is used again."""

from __future__ import annotations

from core.adapters.net.blocks import BlockPool
from core.policy.transfer.buffers import BLOCK_MEMORY, CROWD_MEMORY, LEAST


def test_blocks_get_small_as_there_are_many_and_what_is_held_is_bounded() -> None:
    pool = BlockPool()
    held = [pool.take(10**9) for _ in range(1000)]
    assert held[0].size == 2**20
    assert held[-1].size == LEAST
    assert pool.used <= BLOCK_MEMORY + 1000 * LEAST
    for block in held:
        pool.give_back(block)
    assert pool.used == 0
    assert pool.take(10**9).size == 2**20
    assert pool.take(30_000).size == 2 * LEAST
    assert pool.take(5, least=300_000).size == 2**19


def test_a_crowd_shares_less_memory_than_a_few() -> None:
    pool = BlockPool()
    for _ in range(1000):
        pool.take(2**17)
    assert pool.used <= CROWD_MEMORY + 1000 * LEAST


def test_a_block_that_somebody_may_still_write_from_is_not_lent_again() -> None:
    pool = BlockPool()
    block = pool.take(1)
    pool.give_back(block, reusable=False)
    assert pool.take(1) is not block


def test_blocks_are_kept_for_the_next_until_the_last_reader_leaves() -> None:
    pool = BlockPool()
    pool.join()
    pool.join()
    held = [pool.take(10**9) for _ in range(8)]
    for block in held:
        pool.give_back(block)
    assert {id(pool.take(10**9)) for _ in held} == {id(block) for block in held}
    for block in held:
        pool.give_back(block)
    pool.leave()
    kept = pool.take(10**9)
    assert kept in held
    pool.give_back(kept)
    pool.leave()
    assert pool.take(10**9) not in held
