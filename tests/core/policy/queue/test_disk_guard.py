"""What active downloads have yet to write counts as taken, and two marks keep the guard calm."""

from __future__ import annotations

from core.policy.queue.disk_guard import DiskGuard, LengthTrust

DISK, OTHER = 1, 2


def guard() -> DiskGuard:
    return DiskGuard(low=100, high=150)


def test_a_download_may_start_where_it_leaves_the_low_mark() -> None:
    assert guard().missing("a", DISK, needed=400, free=500) == 0
    assert guard().missing("a", DISK, needed=401, free=500) == 1


def test_what_others_have_yet_to_write_is_taken() -> None:
    disk = guard()
    disk.reserve("a", DISK, 300)
    assert disk.missing("b", DISK, needed=200, free=500) == 100
    assert disk.missing("b", OTHER, needed=200, free=500) == 0


def test_a_download_does_not_stand_in_its_own_way() -> None:
    disk = guard()
    disk.reserve("a", DISK, 300)
    assert disk.missing("a", DISK, needed=300, free=500) == 0


def test_a_reservation_shrinks_and_ends() -> None:
    disk = guard()
    disk.reserve("a", DISK, 300)
    disk.reserve("a", DISK, 100)
    assert disk.missing("b", DISK, needed=300, free=500) == 0
    assert disk.missing("b", DISK, needed=301, free=500) == 1
    disk.release("a")
    disk.release("a")
    assert disk.missing("b", DISK, needed=400, free=500) == 0


def test_one_that_waited_needs_the_high_mark() -> None:
    disk = guard()
    assert not disk.may_go_on("a", DISK, needed=100, free=249)
    assert disk.may_go_on("a", DISK, needed=100, free=250)


def test_below_the_low_mark_a_disk_is_low() -> None:
    assert guard().is_low(99)
    assert not guard().is_low(100)


def test_a_length_is_believed_in_full_until_the_first_bytes_are_due() -> None:
    credit = LengthTrust(0.0, grace=60.0)
    assert [credit.of(10**9, now) for now in (0.0, 59.9, 60.0, 10**6)] == [10**9, 10**9, 0, 0]


def test_then_it_is_believed_as_far_as_bytes_come() -> None:
    credit = LengthTrust(0.0, grace=60.0)
    for second in range(600):
        credit.note(1_000_000 * second, float(second))
    assert credit.of(10**9, 600.0) == 10**9
    assert credit.of(10**9, 661.0) == 0, "nothing came for a minute"
    for second in range(700, 800):
        credit.note(600_000_000 + second, float(second))
    assert 0 < credit.of(10**9, 800.0) < 100_000, "it trickles"
