"""A host's connections are shared, and a host that has enough is left in peace."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.policy.host_budget import AT_ONCE, CLIMB, HostBudget


def test_who_is_alone_has_everything() -> None:
    budget = HostBudget(8)
    budget.join("h", "a")
    budget.join("h", "a")
    assert budget.share("h", "a", 0.0) == 8


@given(st.integers(1, 32), st.integers(1, 40))
def test_the_budget_is_used_and_everybody_has_a_connection(limit: int, count: int) -> None:
    budget = HostBudget(limit)
    owners = [str(number) for number in range(count)]
    for owner in owners:
        budget.join("h", owner)
    shares = [budget.share("h", owner, 0.0) for owner in owners]
    assert min(shares) >= 1
    assert max(shares) - min(shares) <= 1
    assert sum(shares) == max(limit, count)


def test_what_one_gives_back_the_others_get() -> None:
    budget = HostBudget(8)
    for owner in "ab":
        budget.join("h", owner)
    assert budget.share("h", "a", 0.0) == 4
    budget.leave("b")
    assert budget.share("h", "a", 0.0) == 8


def test_hosts_do_not_share() -> None:
    budget = HostBudget(8)
    budget.join("h", "a")
    budget.join("i", "b")
    assert budget.share("h", "a", 0.0) == budget.share("i", "b", 0.0) == 8


def test_a_host_that_refuses_gets_fewer_and_slowly_more_again() -> None:
    budget = HostBudget(8)
    budget.join("h", "a")
    budget.refused("h", 0.0, borne=3)
    budget.refused("h", AT_ONCE / 2, borne=1)
    assert budget.share("h", "a", 1.0) == 3
    assert budget.share("i", "a", 1.0) == 8
    assert budget.share("h", "a", CLIMB) == 4
    budget.refused("h", CLIMB, borne=2)
    assert budget.share("h", "a", CLIMB) == 2
    assert budget.share("h", "a", 8 * CLIMB) == 8
