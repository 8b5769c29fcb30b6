"""Durations that are counted: what can be read from them, and never more than was put in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.domain.figures import BOUNDS, DurationCounter, Durations

_SECONDS = st.lists(st.floats(0.0, 100.0), min_size=1, max_size=60)


def _counted(*seconds: float) -> Durations:
    counter = DurationCounter()
    for each in seconds:
        counter.add(each)
    return counter.durations


@given(_SECONDS, st.floats(0.01, 1.0))
def test_a_quantile_lies_in_the_step_of_the_one_it_stands_for(
    seconds: list[float], share: float
) -> None:
    found, exact = _counted(*seconds), sorted(seconds)
    quantile = found.quantile(share)
    assert quantile is not None
    assert 0.0 <= quantile <= max(seconds)
    # As many as that are in the steps up to it.
    step = next((bound for bound in BOUNDS if quantile <= bound), max(seconds))
    assert sum(each <= step for each in exact) >= share * len(exact) - 1e-6


@given(_SECONDS, _SECONDS)
def test_what_came_since_is_what_came_between(before: list[float], after: list[float]) -> None:
    between = _counted(*before, *after).since(_counted(*before))
    alone = _counted(*after)
    assert between.counts == alone.counts
    assert abs(between.total - alone.total) < 1e-6
    assert alone.longest <= between.longest <= max(*before, *after, *BOUNDS)


def test_nothing_has_no_quantile() -> None:
    assert Durations().quantile(0.5) is None


def test_another_life_counts_as_it_is() -> None:
    """A service that was started again has counted fewer: these are all new."""
    fresh = _counted(0.1)
    assert fresh.since(_counted(0.1, 0.2, 0.3)) == fresh
