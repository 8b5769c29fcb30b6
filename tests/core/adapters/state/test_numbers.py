"""A set of numbers, against Python's own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.adapters.state.numbers import Numbers


@given(st.lists(st.integers(0, 10_000) | st.integers(0, 2**63)))
def test_a_number_is_new_once(numbers: list[int]) -> None:
    found, known = Numbers(), set[int]()
    for number in numbers:
        assert found.add(number) == (number not in known)
        known.add(number)
