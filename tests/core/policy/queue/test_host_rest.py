"""A host that asked for peace gets it from all, for a while, and then from all but one."""

from __future__ import annotations

from core.policy.queue.host_rest import EVERYONE, LONGEST, HostRests


def test_first_nobody_asks_and_then_one_at_a_time() -> None:
    rests = HostRests()
    rests.ask("h", 100.0, 0.0)
    assert [rests.limit("h", now) for now in (0.0, LONGEST - 1, LONGEST, 99.0)] == [0, 0, 1, 1]
    assert rests.limit("other", 0.0) == EVERYONE
    assert (rests.left("h", 10.0), rests.left("h", LONGEST)) == (LONGEST - 10.0, None)
    assert (rests.wake_at(0.0), rests.wake_at(LONGEST), rests.wake_at(100.0)) == (
        LONGEST,
        100.0,
        None,
    )
    assert rests.limit("h", 100.0) == EVERYONE


def test_it_ends_when_the_host_serves_and_goes_on_with_what_it_asks_last() -> None:
    rests = HostRests()
    rests.ask("h", 10.0, 0.0)
    rests.ask("h", 2.0, 5.0)
    assert (rests.limit("h", 9.0), rests.limit("h", 10.0)) == (0, EVERYONE)
    rests.ask("h", 100.0, 20.0)
    rests.hasten(LONGEST)
    assert rests.limit("h", 20.0) == 1
    rests.served("h")
    assert rests.limit("h", 20.0) == EVERYONE
