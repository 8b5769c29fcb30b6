"""Which failures are tried again, and after how long."""

from __future__ import annotations

from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import (
    ChecksumError,
    DiskFullError,
    HttpStatusError,
    NetworkError,
    NotFoundError,
    TlsError,
    UnknownHostError,
    WinchError,
)
from core.domain.settings import RetrySettings
from core.policy.queue.retry import (
    REFILL_BYTES,
    GiveUp,
    RetryAfter,
    RetryBudget,
    decide_retry,
)

decide = partial(decide_retry, RetrySettings(attempts=5, base=1.0, cap=60.0, retry_after_cap=100.0))


@given(st.integers(1, 5), st.floats(0, 1, exclude_max=True))
def test_the_wait_stays_below_a_doubling_ceiling(failures: int, jitter: float) -> None:
    decision = decide(NetworkError("x"), failures, retries=None, jitter=jitter)
    assert isinstance(decision, RetryAfter)
    assert decision.seconds == pytest.approx(min(60.0, 2.0 ** (failures - 1)) * jitter)


def test_after_the_last_attempt_it_gives_up() -> None:
    assert isinstance(decide(NetworkError("x"), 6, retries=None, jitter=0.5), GiveUp)
    assert isinstance(decide(NetworkError("x"), 1, retries=0, jitter=0.5), GiveUp)


@pytest.mark.parametrize(
    "error",
    [
        NotFoundError("x", status=404),
        HttpStatusError("x", status=403),
        HttpStatusError("x", status=501),
        TlsError("x"),
        ChecksumError("x"),
        DiskFullError("x"),
    ],
)
def test_a_permanent_cause_is_not_tried_again(error: WinchError) -> None:
    assert isinstance(decide(error, 1, retries=None, jitter=0.5), GiveUp)


@pytest.mark.parametrize(("asked", "waits"), [(7.0, 7.0), (0.0, 0.0), (9999.0, 100.0)])
def test_the_server_says_how_long_up_to_a_cap(asked: float, waits: float) -> None:
    error = HttpStatusError("x", status=503, retry_after=asked)
    decision = decide(error, 1, retries=None, jitter=0.5)
    assert decision == RetryAfter(waits, asked=asked == waits)
    assert isinstance(decision, RetryAfter)
    assert decision.when.endswith("as the server asks") == (asked == waits)


def test_failures_weigh_more_and_more_while_nothing_arrives() -> None:
    budget = RetryBudget()
    assert [budget.record_failure(0, 10**9) for _ in range(3)] == [1, 2, 3]


def test_what_arrives_makes_failures_good() -> None:
    budget = RetryBudget()
    for _ in range(5):
        budget.record_failure(0, None)
    assert budget.record_failure(2 * REFILL_BYTES, None) == 4
    assert budget.record_failure(100 * REFILL_BYTES, None) == 1


def test_of_a_small_file_every_hundredth_counts() -> None:
    budget = RetryBudget()
    assert [budget.record_failure(done, 100_000) for done in (0, 1_000, 2_000, 3_000)] == [
        1,
        1,
        1,
        1,
    ]


def test_a_server_that_cuts_after_every_byte_is_given_up() -> None:
    budget = RetryBudget()
    weights = [budget.record_failure(done, 1_000_000) for done in range(10)]
    assert weights == list(range(1, 11))


def test_bytes_that_come_a_second_time_make_nothing_good() -> None:
    budget = RetryBudget()
    budget.record_failure(5 * REFILL_BYTES, None)
    assert [budget.record_failure(done * REFILL_BYTES, None) for done in (0, 5, 0, 5)] == [
        2,
        3,
        4,
        5,
    ]


NIGHT = HttpStatusError("x", status=503, retry_after=50.0)


def test_a_wait_that_the_server_orders_uses_up_no_attempt() -> None:
    assert isinstance(decide(NIGHT, 99, retries=None, jitter=0.5), RetryAfter)
    assert isinstance(decide(NIGHT, 1, retries=0, jitter=0.5), GiveUp)
    at_once = HttpStatusError("x", status=503, retry_after=0.0)
    assert isinstance(decide(at_once, 99, retries=None, jitter=0.5), GiveUp)


@given(st.floats(0, 200_000))
def test_such_waits_end_by_their_age_and_come_more_rarely_with_it(age: float) -> None:
    decision = decide(NIGHT, 1, retries=None, jitter=0.5, age=age)
    assert isinstance(decision, GiveUp) == (age >= 86_400)
    if isinstance(decision, RetryAfter):
        assert 50.0 <= decision.seconds <= 100.0


def test_a_row_of_failures_begins_anew_with_the_next_byte() -> None:
    budget = RetryBudget()
    weights = [budget.record_failure(0, None, now, weighs=False) for now in (5.0, 6.0)]
    assert (weights, budget.since) == ([0, 0], 5.0)
    budget.record_failure(1, None, 7.0)
    assert budget.since == 7.0
    restored = RetryBudget(done=10, since=1.0)
    restored.record_failure(10, None, 9.0)
    assert restored.since == 1.0


def test_a_host_that_nobody_knows_is_asked_about_for_20_seconds() -> None:
    error = UnknownHostError("x")
    waited = 0.0
    for failures in range(1, 20):
        decision = decide_retry(
            RetrySettings(), error, failures, retries=None, jitter=0.5, age=waited
        )
        if isinstance(decision, GiveUp):
            break
        waited += decision.seconds
    assert 15 <= waited < 30


def test_a_host_that_is_waited_for_is_never_given_up() -> None:
    for failures in (1, 5, 1_000_000):
        decision = decide_retry(
            RetrySettings(),
            UnknownHostError("x"),
            failures,
            retries=0,
            jitter=0.5,
            age=1e9,
            waits_for_host=True,
        )
        assert isinstance(decision, RetryAfter)
        assert 1 <= decision.seconds <= 120
