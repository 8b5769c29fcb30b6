"""The sparkline at the top has a value for each stretch of time, and moves on with it."""

from hypothesis import given
from hypothesis import strategies as st

from tui.model.rate_trace import EVERY, RateTrace

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
        text = trace.text(ascii_only=ascii_only)
        assert len(text) == length
        assert text.isascii() is ascii_only


def test_the_largest_value_has_full_height_and_none_lies_on_the_ground() -> None:
    trace = RateTrace(8)
    for number, rate in enumerate((1, 2, 3, 4, 5, 6, 7, 0)):
        trace.note(number * EVERY, rate)
    assert trace.text() == "▂▃▄▅▆▇█▁"
    assert trace.text(ascii_only=True) == ".:-=+*#_"


def test_nothing_moves_while_nobody_says_anything() -> None:
    trace = RateTrace(3)
    assert trace.is_flat
    assert trace.text() == "▁▁▁"
    trace.note(1000.0, 5.0)
    assert trace.text() == "▁▁█"
    trace.note(1000.0 + 2 * EVERY, 5.0)
    assert trace.text() == "█▁█"
    trace.note(1000.0 + 100 * EVERY, 0.0)
    assert trace.is_flat
