"""When a download holds a place without using it."""

from __future__ import annotations

import pytest

from core.policy.queue.trickle import TrickleDetector


def useless(
    rate: float, *, seconds: int = 120, left: int | None = 10**9, limit: float | None = None
) -> list[int]:
    """Return the seconds at which a server that sends at this rate is found to trickle."""
    trickle = TrickleDetector(0.0)
    return [
        second
        for second in range(1, seconds)
        if trickle.observe(second, received=int(rate * second), left=left, limit=limit)
    ]


@pytest.mark.parametrize("rate", [0.0, 0.02, 1.0, 300.0])
def test_a_trickle_shows_after_a_minute_and_stays_one(rate: float) -> None:
    assert useless(rate) == list(range(60, 120))


def test_a_slow_line_is_none() -> None:
    assert useless(1500.0) == []


def test_what_a_limit_of_ours_holds_up_is_none() -> None:
    assert useless(300.0, limit=300.0) == []
    assert useless(0.0, limit=300.0) == []
    assert useless(300.0, limit=1e6)


def test_what_is_nearly_done_is_none() -> None:
    assert useless(300.0, left=100_000) == []


def test_a_server_that_wakes_is_forgiven() -> None:
    trickle = TrickleDetector(0.0)
    assert trickle.observe(100.0, received=1, left=None, limit=None)
    assert not trickle.observe(101.0, received=1_000_000, left=None, limit=None)
