"""Where pieces lie, and whose bytes are in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.origins import PieceHashes
from core.policy.transfer.pieces import Origins, mismatch, stretch_of, touched


def pieces(count: int, length: int) -> PieceHashes:
    return PieceHashes(algorithm="md5", length=length, hexdigests=("0" * 32,) * count)


@given(st.integers(1, 50), st.integers(1, 500))
def test_the_pieces_cover_the_file_once(length: int, total: int) -> None:
    count = -(-total // length)
    plan = pieces(count, length)
    assert mismatch(plan, total) is None
    at = 0
    for index in range(count):
        start, end = stretch_of(plan, index, total)
        assert start == at < end
        assert list(touched(plan, start, end)) == [index]
        at = end
    assert at == total


@pytest.mark.parametrize("total", [0, 30, 41, 10**12])
def test_pieces_of_another_file_do_not_make_it_up(total: int) -> None:
    assert mismatch(pieces(4, 10), total) is not None


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 60), st.sampled_from("abc")), max_size=12
    ),
    st.integers(0, 60),
    st.integers(1, 30),
)
def test_the_sender_of_a_stretch_is_who_sent_each_byte_of_it_last(
    writes: list[tuple[int, int, str]], start: int, size: int
) -> None:
    origins = Origins[str]()
    authors: dict[int, str] = {}
    for first, last, who in writes:
        origins.came(first, last, who)
        authors |= dict.fromkeys(range(first, last), who)
    senders = {authors.get(at) for at in range(start, start + size)}
    assert origins.sole(start, start + size) == (senders.pop() if len(senders) == 1 else None)


def test_an_answer_that_comes_in_blocks_is_one_stretch() -> None:
    origins = Origins[str]()
    for at in range(0, 100_000, 10):
        origins.came(at, at + 10, "a")
    assert len(origins._starts) == 1
