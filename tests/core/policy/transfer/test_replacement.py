"""Slow connections are replaced at once at first, and ever more rarely where that helps nobody."""

from __future__ import annotations

from core.policy.transfer.replacement import AT_ONCE, LONGEST, SHORTEST, Replacement


def replaced(replacement: Replacement, start: float, seconds: float) -> list[float]:
    """Return when a connection is replaced that is always slow, looked at 20 times a second."""
    times = []
    for step in range(int(seconds * 20)):
        now = start + step / 20
        if replacement.is_due(now):
            replacement.made(now)
            times.append(now)
    return times


def test_the_first_tries_come_at_once() -> None:
    assert len(replaced(Replacement(), 0.0, AT_ONCE * SHORTEST)) == AT_ONCE


def test_tries_that_help_nobody_come_to_no_more_than_one_a_minute() -> None:
    times = replaced(Replacement(), 0.0, 3600.0)
    assert len(times) < AT_ONCE + 10 + 3600 / LONGEST
    assert times[-1] - times[-2] >= LONGEST


def test_after_a_quiet_time_they_come_at_once_again() -> None:
    replacement = Replacement()
    quiet = replaced(replacement, 0.0, 600.0)[-1] + 2 * LONGEST + 1
    assert len(replaced(replacement, quiet, AT_ONCE * SHORTEST)) == AT_ONCE
