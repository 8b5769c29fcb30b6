"""Connections are added where they help and given back where they do not (simulated time)."""

from __future__ import annotations

import itertools
from collections.abc import Callable

from core.policy.transfer.growth import LASTING, RAMP, Growth

GIB = 2**30


def update(
    growth: Growth,
    now: float,
    *,
    cap: int,
    received: int,
    left: int,
    rate: float,
    connections: int = 99,
    limited: bool = False,
    held_up: bool = False,
    busy: float = 0.0,
) -> int:
    """Take in how it goes where every connection is served; unless told otherwise all are there."""
    return growth.update(
        now,
        cap=cap,
        connections=connections,
        served=connections,
        received=received,
        left=left,
        rate=rate,
        setup=0.0,
        limited=limited,
        held_up=held_up,
        busy=busy,
    )


def simulate(rate_of: Callable[[int], float], seconds: float) -> list[int]:
    """Return the target at every 50 ms against a server that gives `rate_of(connections)`."""
    received, targets, now = 0.0, [], 0.0
    growth = Growth(now)
    connections = 1
    while now < seconds:
        rate = rate_of(connections)
        received += rate * RAMP
        now += RAMP
        connections = update(growth, now, cap=16, received=int(received), left=100 * GIB, rate=rate)
        targets.append(connections)
    return targets


def test_a_share_for_each_connection_is_used_at_once() -> None:
    targets = simulate(lambda n: n * 2e6, 60)
    assert targets[int(0.4 / RAMP)] == 16
    assert targets[-1] == 16
    assert sum(targets) / len(targets) > 15


def test_connections_that_do_not_help_are_given_back() -> None:
    targets = simulate(lambda _: 4e6, 60)
    assert targets[-1] == 1


def test_as_many_are_kept_as_help() -> None:
    targets = simulate(lambda n: min(n, 4) * 1e6, 60)
    assert targets[-1] == 4


def test_a_file_that_is_nearly_there_needs_no_more() -> None:
    assert update(Growth(0.0), 1.0, cap=8, received=10**9, left=10**7, rate=1e9) == 1


def test_the_cap_holds_when_it_falls() -> None:
    growth = Growth(0.0)
    for step in range(1, 5):
        update(growth, step * RAMP, cap=8, received=0, left=GIB, rate=1e6)
    assert update(growth, 2.0, cap=3, received=0, left=GIB, rate=1e6) == 3


def test_what_was_enough_is_put_to_the_test_again() -> None:
    now, growth, received = 0.0, Growth(0.0), 0.0
    connections, each = 1, 4e6
    while now < 200.0:
        # First the server gives 4 MB/s whatever comes, later 1 MB/s to each connection.
        rate = each if now < 60.0 else connections * 1e6
        received += rate * RAMP
        now += RAMP
        connections = update(growth, now, cap=8, received=int(received), left=100 * GIB, rate=rate)
        if now < 60.0 < now + RAMP:
            assert connections == 1
    assert connections == 8


def test_a_limit_of_our_own_and_a_stall_conclude_nothing() -> None:
    for limited, rate in ((True, 1e6), (False, 0.001)):
        growth, now = Growth(0.0), 0.0
        for _ in range(1200):
            now += RAMP
            target = update(
                growth, now, cap=8, received=int(now * rate), left=GIB, rate=rate, limited=limited
            )
        assert target == 8


def test_under_a_limit_no_more_are_opened_than_fill_it() -> None:
    # The server gives each connection 1 MB/s, of which the limit lets two pass.
    for start in (None, 8):
        growth, now, connections = Growth(0.0, start=start), 0.0, 1
        while now < 10.0:
            now += RAMP
            connections = update(
                growth,
                now,
                cap=8,
                received=int(now * 2e6),
                left=GIB,
                rate=2e6,
                limited=True,
                held_up=connections > 2,
            )
        assert connections <= 4


def test_a_raised_cap_counts_at_once() -> None:
    targets = simulate(lambda _: 4e6, 60)
    assert targets[-1] == 1
    growth, now = Growth(0.0), 0.0
    for _ in range(1200):
        now += RAMP
        update(growth, now, cap=8, received=int(now * 4e6), left=100 * GIB, rate=4e6)
    for _ in range(4):
        now += RAMP
        target = update(growth, now, cap=16, received=int(now * 4e6), left=100 * GIB, rate=4e6)
    assert target == 16


def test_a_trial_that_failed_is_not_made_again_for_a_minute() -> None:
    targets = simulate(lambda n: n * 30e3, 600)
    trials = [
        step * RAMP for step, (a, b) in enumerate(itertools.pairwise(targets)) if (a, b) == (16, 8)
    ]
    assert 2 <= len(trials) <= 5
    assert all(later - earlier >= LASTING for earlier, later in itertools.pairwise(trials))


def test_what_a_file_cannot_share_out_is_not_found_to_bring_nothing() -> None:
    # Two stretches: of eight connections that are wanted, two are there.
    growth, now, received, least = Growth(0.0), 0.0, 0.0, 8
    connections = 1
    for _ in range(1200):
        now += RAMP
        received += connections * 30e3 * RAMP
        target = update(
            growth,
            now,
            cap=8,
            connections=connections,
            received=int(received),
            left=GIB,
            rate=connections * 30e3,
        )
        connections = min(2, target)
        assert growth.enough is None
        least = min(least, connections) if now > 1.0 else least
    assert (target, least) == (8, 1), "it was tried with one"


def test_a_limit_that_holds_up_all_there_are_needs_no_more_of_them() -> None:
    growth = Growth(0.0)
    for step in range(1, 50):
        now = step * RAMP
        target = update(
            growth, now, cap=8, received=step, left=GIB, rate=30e3, limited=True, held_up=True
        )
    assert target == 1
    assert update(growth, now + RAMP, cap=8, received=step, left=GIB, rate=30e3, limited=True) > 1


def test_no_more_connections_are_opened_than_the_loop_has_time_for() -> None:
    growth, targets = Growth(0.0), [1]
    for step, busy in enumerate((0.9, 0.6, 0.3, 0.6, 0.1), 1):
        target = update(
            growth,
            step * RAMP,
            cap=8,
            connections=targets[-1],
            received=step,
            left=100 * GIB,
            rate=1e9,
            busy=busy,
        )
        targets.append(target)
    assert targets == [1, 1, 1, 2, 2, 8]


def test_a_loop_that_is_busy_with_something_else_holds_up_no_slow_download() -> None:
    growth = Growth(0.0)
    assert update(growth, RAMP, cap=8, received=1, left=100 * GIB, rate=5e6, busy=1.0) > 1
