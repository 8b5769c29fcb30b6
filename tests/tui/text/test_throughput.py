"""Rates of the last minutes: a rate holds until another is known, and memory has an end."""

from hypothesis import given
from hypothesis import strategies as st

from tui.text.throughput import LONGEST, MOST, STEP, Throughput


def test_a_rate_holds_until_another_is_reported() -> None:
    rates = Throughput()
    rates.watch("a", 4.0, 0.0)
    rates.note(["a"], lambda _: 8.0, 3 * STEP)
    assert rates.recent("a", 4 * STEP) == [4, 4, 4, 8, 8]


def test_the_last_of_many_reports_in_a_step_counts() -> None:
    rates = Throughput()
    rates.watch("a", 4.0, 0.0)
    rates.note(["a"], lambda _: 5.0, STEP / 2)
    assert rates.recent("a", 0.0) == [5]


def test_nothing_known_is_nothing_moving() -> None:
    rates = Throughput()
    rates.watch("a", 4.0, 0.0)
    rates.note(["a"], lambda _: None, STEP)
    assert rates.recent("a", STEP) == [4, 0]


def test_what_stands_still_ends_with_its_last_report() -> None:
    rates = Throughput()
    rates.watch("a", 4.0, 0.0)
    rates.note(["a"], lambda _: None, STEP)
    assert rates.recent("a", None) == [4, 0]


def test_only_those_that_were_looked_at_last_are_followed() -> None:
    rates = Throughput()
    for number in range(MOST + 1):
        rates.watch(str(number), 1.0, 0.0)
        rates.watch("1", 1.0, 0.0)
    assert rates.recent("0", 0.0) == []
    assert rates.recent("1", 0.0) == [1]
    rates.note(["another"], lambda _: 1.0, 0.0)
    assert rates.recent("another", 0.0) == []


@given(
    st.lists(st.tuples(st.floats(0, 5000), st.floats(1, 1e9)), max_size=400).map(sorted),
    st.floats(5000, 9000),
    st.integers(1, 400),
)
def test_no_more_is_returned_than_was_asked_for_and_the_latest_is_last(
    reports: list[tuple[float, float]], at: float, count: int
) -> None:
    rates = Throughput()
    rates.watch("a", 1.0, 0.0)
    for moment, rate in reports:
        rates.note(["a"], lambda _, rate=rate: rate, moment)  # type: ignore[misc]
    shown = rates.recent("a", at, count)
    assert 1 <= len(shown) <= count
    assert shown[-1] == (reports[-1][1] if reports else 1.0)
    assert len(rates.recent("a", at)) <= LONGEST
