"""A line is a sorted list, whoever comes and leaves."""

from __future__ import annotations

import random

import pytest

from core.policy.queue.line import Entry, Line


def entry(number: int) -> Entry:
    return Entry(number // 1000, float(number % 1000), f"{number:08x}", "h", 0)


@pytest.mark.parametrize("from_the_front", [0.0, 0.5, 0.95])
def test_who_is_there_is_there_in_order(from_the_front: float) -> None:
    chance = random.Random(7)
    line, expected = Line(), list[Entry]()
    for step in range(3000):
        if expected and chance.random() < (0.3 if step < 1500 else 0.7):
            front = chance.random() < from_the_front
            line.remove(expected.pop(0 if front else chance.randrange(len(expected))))
        else:
            new = entry(chance.randrange(10**6))
            if new in expected:
                continue
            line.add(new)
            expected = sorted([*expected, new])
        assert len(line) == len(expected)
        assert line.head(3) == expected[:3]
        if expected:
            assert line.first == expected[0]
    assert list(line) == expected
