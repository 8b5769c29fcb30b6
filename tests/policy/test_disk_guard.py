"""What active downloads have yet to write counts as taken, and two marks keep the guard calm."""

from __future__ import annotations

from core.policy.disk_guard import DiskGuard

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
