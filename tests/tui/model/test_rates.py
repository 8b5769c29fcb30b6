"""Rates of the last minutes: a rate holds until another is known, and memory has an end."""

from hypothesis import given
from hypothesis import strategies as st

from tui.model.rates import EVERY, MOST, RateTrace, Throughput
from tui.text.charts import sparkline
from tui.text.details import LONGEST, STEP


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


_moments = st.lists(st.tuples(st.floats(0, 20 * EVERY), st.floats(0, 1e12)), max_size=40)


@given(_moments, st.integers(1, 12))
def test_each_value_is_the_highest_rate_of_its_time(
    moments: list[tuple[float, float]], length: int
) -> None:
    moments.sort(key=lambda moment: moment[0])
    trace = RateTrace(length)
    for now, rate in moments:
        trace.note(now, rate)
    last = int(moments[-1][0] // EVERY) if moments else 0
    assert list(trace.values) == [
        max((rate for now, rate in moments if now // EVERY == slot), default=0.0)
        for slot in range(last - length + 1, last + 1)
    ]
    assert trace.is_flat is not any(trace.values)
    for ascii_only in (False, True):
        text = sparkline(trace.values, ascii_only=ascii_only)
        assert len(text) == length
        assert text.isascii() is ascii_only


def test_the_largest_value_has_full_height_and_none_lies_on_the_ground() -> None:
    trace = RateTrace(8)
    for number, rate in enumerate((1, 2, 3, 4, 5, 6, 7, 0)):
        trace.note(number * EVERY, rate)
    assert sparkline(trace.values) == "▂▃▄▅▆▇█▁"
    assert sparkline(trace.values, ascii_only=True) == ".:-=+*#_"


def test_nothing_moves_while_nobody_says_anything() -> None:
    trace = RateTrace(3)
    assert trace.is_flat
    assert sparkline(trace.values) == "▁▁▁"
    trace.note(1000.0, 5.0)
    assert sparkline(trace.values) == "▁▁█"
    trace.note(1000.0 + 2 * EVERY, 5.0)
    assert sparkline(trace.values) == "█▁█"
    trace.note(1000.0 + 100 * EVERY, 0.0)
    assert trace.is_flat
