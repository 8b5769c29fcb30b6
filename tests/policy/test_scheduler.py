"""Who runs: by priority, then by place, never more than the limit, and not before the delay."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from core.domain.models import Download, DownloadRequest
from core.policy.scheduler import Scheduler


def download(number: int, *, priority: int = 0, order: float | None = None) -> Download:
    return Download(
        id=f"{number:04x}",
        request=DownloadRequest(url="http://h/f", directory="/d", priority=priority),
        name="f",
        order=float(number) if order is None else order,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def test_priority_goes_before_the_order_of_the_queue() -> None:
    scheduler = Scheduler()
    for number, priority in ((1, 0), (2, 5), (3, 0), (4, 5)):
        scheduler.wait(download(number, priority=priority))
    assert scheduler.assign(active=3, now=0.0).start == ("0002", "0004", "0001")
    assert scheduler.assign(active=3, now=0.0).start == ()


def test_an_end_makes_room_for_the_next() -> None:
    scheduler = Scheduler()
    for number in (1, 2):
        scheduler.wait(download(number))
    assert scheduler.assign(active=1, now=0.0).start == ("0001",)
    scheduler.forget("0001")
    assert scheduler.assign(active=1, now=0.0).start == ("0002",)


def test_a_delayed_download_waits_and_says_until_when() -> None:
    scheduler = Scheduler()
    scheduler.wait(download(1), not_before=10.0)
    early = scheduler.assign(active=4, now=9.9)
    assert (early.start, early.wake_at) == ((), 10.0)
    late = scheduler.assign(active=4, now=10.0)
    assert (late.start, late.wake_at) == (("0001",), None)


def test_a_delay_does_not_hold_up_the_others() -> None:
    scheduler = Scheduler()
    scheduler.wait(download(1), not_before=10.0)
    scheduler.wait(download(2))
    assert scheduler.assign(active=1, now=0.0).start == ("0002",)


def test_over_a_lowered_limit_the_last_ones_stop() -> None:
    scheduler = Scheduler()
    for number in (1, 2, 3):
        scheduler.wait(download(number))
    scheduler.assign(active=3, now=0.0)
    assert scheduler.assign(active=1, now=0.0).stop == ("0003", "0002")


def test_a_new_place_counts_while_waiting() -> None:
    scheduler = Scheduler()
    for number in (1, 2):
        scheduler.wait(download(number))
    scheduler.reorder(download(2, order=0.5))
    assert scheduler.assign(active=1, now=0.0).start == ("0002",)


def test_what_is_forgotten_does_not_start() -> None:
    scheduler = Scheduler()
    scheduler.wait(download(1), not_before=5.0)
    scheduler.wait(download(2))
    scheduler.forget("0001")
    scheduler.forget("0002")
    assert scheduler.assign(active=4, now=9.0).start == ()
    assert len(scheduler) == 0


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["wait", "delay", "forget", "assign"]),
            st.integers(0, 6),
            st.integers(-2, 2),
        ),
        max_size=60,
    )
)
def test_the_limit_holds_and_nothing_starts_twice(steps: list[tuple[str, int, int]]) -> None:
    scheduler = Scheduler()
    waiting: set[str] = set()
    running: set[str] = set()
    for now, (step, number, priority) in enumerate(steps):
        item = download(number, priority=priority)
        if step in ("wait", "delay") and item.id not in running:
            scheduler.wait(item, not_before=now + 3.0 if step == "delay" else 0.0)
            waiting.add(item.id)
        elif step == "forget":
            scheduler.forget(item.id)
            waiting.discard(item.id)
            running.discard(item.id)
        elif step == "assign":
            start = scheduler.assign(active=2, now=float(now)).start
            assert set(start) <= waiting
            waiting -= set(start)
            running |= set(start)
        assert len(running) <= 2
        assert len(scheduler) == len(waiting) + len(running)
