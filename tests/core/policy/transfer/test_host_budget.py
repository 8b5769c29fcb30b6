"""A host's connections are shared, and a host that has enough is left in peace."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from core.policy.transfer.host_budget import FORGOTTEN, LATEST, SOONEST, HostBudget


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


def test_refusals_of_connections_opened_together_tell_what_is_borne() -> None:
    budget = budget_of("a")
    for left in (7, 6, 5, 4, 3):
        budget.refused("h", "a", 0.0, borne=left)
    assert budget.share("h", "a", 0.1) == 3
    assert budget.share("i", "a", 0.1) == 8


@given(serves=st.integers(1, 12), first=st.integers(0, 12), limit=st.integers(1, 12))
def test_a_host_is_back_at_what_it_serves_within_seconds_and_seldom_asked_for_more(
    serves: int, first: int, limit: int
) -> None:
    budget, refusals = budget_of("a", limit=limit), 0
    budget.refused("h", "a", 0.0, borne=min(first, serves))
    for tenth in range(1, 6000):
        now = tenth / 10
        wanted = budget.share("h", "a", now)
        assert 1 <= wanted <= limit
        budget.serving("h", "a", min(wanted, serves), now)
        if wanted > serves:
            refusals += 1
            budget.refused("h", "a", now, borne=serves)
        if now >= (SOONEST + 0.2) * min(serves, limit):
            assert budget.limit("h", now) >= min(serves, limit)
    assert refusals <= 6 + 600 / LATEST


def test_what_it_has_served_is_tried_again_in_one_step() -> None:
    budget = budget_of("a")
    budget.refused("h", "a", 0.0, borne=1)
    budget.serving("h", "a", 3, 1.0)
    budget.refused("h", "a", 10.0, borne=1)
    assert budget.limit("h", 10.1) == 1
    assert budget.limit("h", 10.1 + 2 * SOONEST) == 3


def test_what_others_are_served_counts_as_borne() -> None:
    budget = budget_of("a", "b")
    budget.serving("h", "b", 2, 0.0)
    budget.refused("h", "a", 0.0, borne=1)
    assert budget.limit("h", 0.0) == 3
    budget.leave("b")
    budget.refused("h", "a", 0.0, borne=1)
    assert budget.limit("h", 0.0) == 1


def test_a_refusal_is_forgotten() -> None:
    budget = budget_of("a")
    budget.refused("h", "a", 0.0, borne=1)
    assert budget.more_in("h", 0.25) == SOONEST - 0.25
    assert budget.limit("h", FORGOTTEN) == 8
    assert budget.more_in("h", FORGOTTEN) is None


def budget_of(*owners: str, limit: int = 8) -> HostBudget:
    budget = HostBudget(limit)
    for owner in owners:
        budget.join("h", owner)
    return budget
