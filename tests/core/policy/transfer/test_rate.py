"""A rate is an average over the recent past."""

from __future__ import annotations

import pytest

from core.policy.transfer.rate import WINDOW, RateWindow


def test_a_steady_stream_shows_its_rate() -> None:
    window = RateWindow(0.0)
    for tick in range(200):
        window.add(tick / 10, 100)
    assert window.rate(20.0) == pytest.approx(1000, rel=0.05)


def test_after_a_stall_the_rate_falls_to_nothing() -> None:
    window = RateWindow(0.0)
    window.add(1.0, 10_000)
    assert window.rate(1.0 + WINDOW + 0.1) == 0


def test_the_first_moment_is_not_taken_for_a_rate() -> None:
    window = RateWindow(0.0)
    window.add(0.001, 1000)
    assert window.rate(0.001) <= 1000 / 0.25
