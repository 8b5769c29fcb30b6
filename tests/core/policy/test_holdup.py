"""A limit holds a download up where its connections wait for it all the time."""

from __future__ import annotations

import pytest

from core.domain.inspection import ConnectionState
from core.policy.holdup import WINDOW, Holdup


@pytest.mark.parametrize(
    ("limited", "receiving", "expected"),
    [(0.24, 0.01, True), (1.9, 0.1, True), (0.2, 0.05, False), (0.0, 0.25, False)],
)
def test_who_never_waits_for_the_server_is_held_up_here(
    limited: float, receiving: float, expected: bool
) -> None:
    holdup = Holdup(5.0)
    spent = {ConnectionState.LIMITED: limited, ConnectionState.RECEIVING: receiving}
    assert holdup.lasts(spent, 5.0 + WINDOW) is expected
    assert holdup.was_seen is expected


def test_between_two_waits_and_before_anything_is_known_the_limit_counts() -> None:
    holdup = Holdup(5.0)
    assert holdup.lasts({ConnectionState.RECEIVING: 0.1}, 5.0 + WINDOW / 2)
    assert holdup.lasts({ConnectionState.CONNECTING: 9.0}, 5.0 + WINDOW)
    assert holdup.lasts({ConnectionState.LIMITED: 9.0}, 5.0 + 2 * WINDOW)


def test_each_while_is_looked_at_anew() -> None:
    holdup = Holdup(0.0)
    spent = {ConnectionState.LIMITED: WINDOW}
    assert holdup.lasts(spent, WINDOW)
    spent[ConnectionState.RECEIVING] = WINDOW
    assert not holdup.lasts(spent, 2 * WINDOW)
    spent[ConnectionState.LIMITED] += WINDOW
    assert holdup.lasts(spent, 3 * WINDOW)
