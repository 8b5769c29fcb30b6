"""A rate is an average over the recent past, and an ETA follows from it."""

from __future__ import annotations

import pytest

from core.policy.rate import WINDOW, RateWindow


def test_a_steady_stream_shows_its_rate() -> None:
    window = RateWindow(0.0)
    for tick in range(200):
        window.add(tick / 10, 100)
    assert window.rate(20.0) == pytest.approx(1000, rel=0.05)
    assert window.eta(20.0, 5000) == pytest.approx(5.0, rel=0.05)


def test_after_a_stall_the_rate_falls_to_nothing() -> None:
    window = RateWindow(0.0)
    window.add(1.0, 10_000)
    assert window.rate(1.0 + WINDOW + 0.1) == 0
    assert window.eta(1.0 + WINDOW + 0.1, 10) is None


def test_nothing_is_promised_without_a_total() -> None:
    window = RateWindow(0.0)
    window.add(1.0, 10_000)
    assert window.eta(1.0, None) is None


def test_the_first_moment_is_not_taken_for_a_rate() -> None:
    window = RateWindow(0.0)
    window.add(0.001, 1000)
    assert window.rate(0.001) <= 1000 / 0.25
