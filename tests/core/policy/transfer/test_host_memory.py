"""What served best is remembered of the hosts that served last, and not for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.policy.transfer.growth import RAMP, WINDOW, Growth
from core.policy.transfer.host_memory import HOSTS, KEPT, HostMemory, ServedBest
from tests.core.policy.transfer.test_growth import update

NOW = datetime(2026, 11, 12, 12, tzinfo=UTC)


def test_the_last_word_counts_for_thirty_days() -> None:
    memory = HostMemory()
    memory.put("h", 3, NOW - timedelta(days=1))
    memory.put("h", 6, NOW)
    assert memory.get("h", NOW) == ServedBest(6, NOW)
    assert memory.get("h", NOW + KEPT) is None
    assert memory.get("i", NOW) is None


def test_it_is_bounded_and_forgets_who_served_longest_ago() -> None:
    memory = HostMemory()
    for number in range(HOSTS):
        memory.put(str(number), 2, NOW)
    memory.put("0", 2, NOW)
    memory.put("new", 2, NOW)
    assert len(memory) == HOSTS
    assert memory.get("0", NOW) is not None
    assert memory.get("1", NOW) is None


def test_growth_begins_there_and_looks_for_more_later() -> None:
    growth = Growth(0.0, start=6)

    def target(now: float) -> int:
        return update(growth, now, cap=8, received=0, left=2**40, rate=1e6)

    assert target(RAMP / 2) == 1
    assert target(RAMP) == 6
    assert target(RAMP + WINDOW / 2) == 6
    assert growth.has_begun_there
    assert target(RAMP + WINDOW) == 8
