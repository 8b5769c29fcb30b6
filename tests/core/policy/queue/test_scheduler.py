"""Who runs: by priority, then by place, never more than the limit, and not before the delay."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from core.domain.models import Download, DownloadRequest
from core.policy.queue.scheduler import Assignment, Scheduler


def download(number: int, *, priority: int = 0, order: float | None = None) -> Download:
    return Download(
        id=f"{number:04x}",
        request=DownloadRequest(url="http://h/f", directory="/d", priority=priority),
        name="f",
        order=float(number) if order is None else order,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def assign(scheduler: Scheduler, *, active: int, now: float, per_host: int = 99) -> Assignment:
    return scheduler.assign(
        active=active,
        now=now,
        per_host=lambda _: per_host,
        resting=lambda _: per_host,
        keeps=lambda _: False,
    )


def test_priority_goes_before_the_order_of_the_queue() -> None:
    scheduler = Scheduler()
    for number, priority in ((1, 0), (2, 5), (3, 0), (4, 5)):
        scheduler.wait(download(number, priority=priority))
    assert assign(scheduler, active=3, now=0.0).start == ("0002", "0004", "0001")
    assert assign(scheduler, active=3, now=0.0).start == ()


def test_an_end_makes_room_for_the_next() -> None:
    scheduler = Scheduler()
    for number in (1, 2):
        scheduler.wait(download(number))
    assert assign(scheduler, active=1, now=0.0).start == ("0001",)
    scheduler.forget("0001")
    assert assign(scheduler, active=1, now=0.0).start == ("0002",)


def test_a_delayed_download_waits_and_says_until_when() -> None:
    scheduler = Scheduler()
    scheduler.wait(download(1), not_before=10.0)
    early = assign(scheduler, active=4, now=9.9)
    assert (early.start, early.wake_at) == ((), 10.0)
    late = assign(scheduler, active=4, now=10.0)
    assert (late.start, late.wake_at) == (("0001",), None)


def test_delays_that_are_brought_forward_end_that_much_earlier() -> None:
    scheduler = Scheduler()
    scheduler.wait(download(1), not_before=100.0)
    scheduler.wait(download(2), not_before=40.0)
    scheduler.wait(download(3))
    assert scheduler.hasten(60.0) == {"0001": 40.0, "0002": -20.0}
    due = assign(scheduler, active=4, now=0.0)
    assert (due.start, due.wake_at) == (("0002", "0003"), 40.0)
    assert scheduler.hasten(0.0) == {"0001": 40.0}
    assert scheduler.hasten(40.0)["0001"] < 0
    assert assign(scheduler, active=4, now=0.0).start == ("0001",)


def test_a_delay_does_not_hold_up_the_others() -> None:
    scheduler = Scheduler()
    scheduler.wait(download(1), not_before=10.0)
    scheduler.wait(download(2))
    assert assign(scheduler, active=1, now=0.0).start == ("0002",)


def test_over_a_lowered_limit_the_last_ones_stop() -> None:
    scheduler = Scheduler()
    for number in (1, 2, 3):
        scheduler.wait(download(number))
    assign(scheduler, active=3, now=0.0)
    assert assign(scheduler, active=1, now=0.0).stop == ("0003", "0002")


def test_a_new_place_counts_while_waiting() -> None:
    scheduler = Scheduler()
    for number in (1, 2):
        scheduler.wait(download(number))
    scheduler.reorder(download(2, order=0.5))
    assert assign(scheduler, active=1, now=0.0).start == ("0002",)


def test_what_is_forgotten_does_not_start() -> None:
    scheduler = Scheduler()
    scheduler.wait(download(1), not_before=5.0)
    scheduler.wait(download(2))
    scheduler.forget("0001")
    scheduler.forget("0002")
    assert assign(scheduler, active=4, now=9.0).start == ()
    assert len(scheduler) == 0


def test_a_busy_host_does_not_hold_up_the_others() -> None:
    scheduler = Scheduler()
    for number in (1, 2, 3):
        scheduler.wait(download(number), host="busy")
    scheduler.wait(download(4), host="idle")
    first = assign(scheduler, active=4, now=0.0, per_host=2)
    assert (first.start, first.host_full) == (("0001", "0002", "0004"), ("0003",))
    scheduler.forget("0001")
    assert assign(scheduler, active=3, now=0.0, per_host=2).start == ("0003",)


def test_what_is_to_start_now_starts_beyond_the_limits_and_pushes_the_last_out() -> None:
    scheduler = Scheduler()
    for number in (1, 2):
        scheduler.wait(download(number), host="h")
    scheduler.wait(download(3), host="h", not_before=100.0)
    assert assign(scheduler, active=2, now=0.0, per_host=2).start == ("0001", "0002")
    scheduler.force("0003")
    assignment = assign(scheduler, active=2, now=0.0, per_host=2)
    assert (assignment.start, assignment.stop) == (("0003",), ("0002",))


def test_nobody_else_stops_while_one_is_stopping() -> None:
    scheduler = Scheduler()
    for number in (1, 2):
        scheduler.wait(download(number), host="h")
    assign(scheduler, active=2, now=0.0, per_host=9)
    scheduler.wait(download(3), host="h")
    scheduler.force("0003")
    assert assign(scheduler, active=2, now=0.0, per_host=9).stop == ("0002",)
    assert assign(scheduler, active=2, now=0.0, per_host=9).stop == ()
    assert assign(scheduler, active=1, now=0.0, per_host=9).stop == ("0003",)
    scheduler.forget("0002")
    scheduler.forget("0003")
    assert assign(scheduler, active=1, now=0.0, per_host=9).stop == ()


def test_what_would_lose_its_bytes_makes_no_room() -> None:
    scheduler = Scheduler()
    for number in (1, 2, 3):
        scheduler.wait(download(number))

    def stops(active: int) -> tuple[str, ...]:
        return scheduler.assign(
            active=active,
            now=0.0,
            per_host=lambda _: 9,
            resting=lambda _: 9,
            keeps=lambda id_: id_ > "0001",
        ).stop

    stops(3)
    assert stops(2) == ("0001",)
    scheduler.forget("0001")
    assert stops(1) == ()
    scheduler.forget("0002")
    assert stops(1) == ()


def test_what_was_forced_runs_beside_what_cannot_make_room_for_it() -> None:
    scheduler = Scheduler()
    for number in (1, 2):
        scheduler.wait(download(number))

    def now(id_kept: str) -> Assignment:
        return scheduler.assign(
            active=1,
            now=0.0,
            per_host=lambda _: 9,
            resting=lambda _: 9,
            keeps=lambda id_: id_ == id_kept,
        )

    assert now("0001").start == ("0001",)
    scheduler.force("0002")
    assert now("0001") == Assignment(start=("0002",))
    assert now("0001") == Assignment()
    assert now("nobody") == Assignment(stop=("0002",))


class TestACallOfItsOwn:
    """What somebody waits for runs beside the queue: nobody stops for it; it has a limit too."""

    def test_it_runs_beside_what_runs_up_to_the_limit(self) -> None:
        scheduler = Scheduler()
        for number in range(1, 9):
            scheduler.wait(download(number))
        assert assign(scheduler, active=2, now=0.0).start == ("0001", "0002")
        scheduler.expedite(["0006", "0007", "0008"])
        assert assign(scheduler, active=2, now=0.0) == Assignment(start=("0006", "0007"))
        scheduler.forget("0001")
        assert assign(scheduler, active=2, now=0.0).start == ("0003",)
        scheduler.forget("0006")
        assert assign(scheduler, active=2, now=0.0).start == ("0008",)

    def test_each_call_has_its_own(self) -> None:
        scheduler = Scheduler()
        for number in (1, 2, 3):
            scheduler.wait(download(number))
        scheduler.expedite(["0001"])
        scheduler.expedite(["0002"])
        assert set(assign(scheduler, active=1, now=0.0).start) == {"0001", "0002", "0003"}

    def test_it_keeps_its_lane_while_it_is_tried_again_and_until_it_leaves(self) -> None:
        scheduler = Scheduler()
        for number in (1, 2):
            scheduler.wait(download(number))
        scheduler.expedite(["0002"])
        assert assign(scheduler, active=1, now=0.0).start == ("0002", "0001")
        scheduler.wait(download(2), not_before=5.0)
        assert assign(scheduler, active=1, now=5.0).start == ("0002",)
        scheduler.leave("0002")
        scheduler.wait(download(2))
        assert assign(scheduler, active=1, now=5.0) == Assignment()

    def test_a_lowered_limit_holds_for_each(self) -> None:
        scheduler = Scheduler()
        for number in (1, 2, 3, 4):
            scheduler.wait(download(number))
        scheduler.expedite(["0003", "0004"])
        assign(scheduler, active=2, now=0.0)
        assert set(assign(scheduler, active=1, now=0.0).stop) == {"0002", "0004"}

    def test_a_hosts_limit_holds_for_it_and_a_hosts_rest_does_not(self) -> None:
        scheduler = Scheduler()
        for number, host in ((1, "h"), (2, "h"), (3, "h")):
            scheduler.wait(download(number), host=host)
        scheduler.expedite(["0003"])
        now = scheduler.assign(
            active=9, now=0.0, per_host=lambda _: 2, resting=lambda _: 0, keeps=lambda _: False
        )
        assert (now.start, now.host_full) == (("0003",), ("0001", "0002"))
        later = scheduler.assign(
            active=9, now=0.0, per_host=lambda _: 2, resting=lambda _: 9, keeps=lambda _: False
        )
        assert (later.start, later.host_full) == (("0001",), ("0002",))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["wait", "delay", "forget", "assign", "expedite", "leave"]),
            st.integers(0, 6),
            st.integers(-2, 2),
        ),
        max_size=60,
    )
)
def test_the_limit_holds_and_nothing_starts_twice(steps: list[tuple[str, int, int]]) -> None:
    scheduler = Scheduler()
    calls = 0
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
        elif step == "expedite":
            scheduler.expedite([item.id])
            calls += 1
        elif step == "leave":
            scheduler.leave(item.id)
        elif step == "assign":
            start = assign(scheduler, active=2, now=float(now)).start
            assert set(start) <= waiting
            assert len(start) == len(set(start))
            waiting -= set(start)
            running |= set(start)
        assert len(running) <= 2 + calls
        assert len(scheduler) == len(waiting) + len(running)


def test_what_lets_others_pass_starts_when_nobody_else_could() -> None:
    scheduler = Scheduler()
    for number, priority in ((1, 9), (2, 0), (3, 0)):
        scheduler.wait(download(number, priority=priority), host="h")
    assert assign(scheduler, active=1, now=0.0).start == ("0001",)

    def in_the_way(id_: str, now: float, per_host: int = 99) -> bool:
        return scheduler.is_in_the_way(id_, active=1, now=now, per_host=lambda _: per_host)

    assert in_the_way("0001", 0.0, per_host=1), "its own place at the host becomes free too"
    scheduler.let_pass("0001", until=600.0)
    scheduler.wait(download(1, priority=9), host="h")
    assert assign(scheduler, active=1, now=1.0).start == ("0002",)
    scheduler.forget("0002")
    assert assign(scheduler, active=1, now=2.0).start == ("0003",)
    assert not in_the_way("0003", 3.0), "the one that waits has had its turn"
    assert in_the_way("0003", 601.0)
    scheduler.forget("0003")
    assert assign(scheduler, active=1, now=4.0).start == ("0001",)


def test_nobody_is_in_the_way_beside_free_places_or_of_a_host_that_is_full() -> None:
    scheduler = Scheduler()
    scheduler.wait(download(1), host="one")
    scheduler.wait(download(2), host="two")
    assign(scheduler, active=2, now=0.0)
    scheduler.wait(download(3), host="two")

    def in_the_way(active: int) -> bool:
        return scheduler.is_in_the_way("0001", active=active, now=0.0, per_host=lambda _: 1)

    assert not in_the_way(3)
    assert not in_the_way(2)


def test_it_tells_who_waits_behind_whom_and_who_waits_longest() -> None:
    scheduler = Scheduler()
    for number in range(1, 7):
        scheduler.wait(download(number))
    assign(scheduler, active=2, now=0.0)
    scheduler.expedite(f"{number:04x}" for number in range(1, 6))
    assign(scheduler, active=2, now=0.0)
    loads = {lane.running: lane.waiting for lane in scheduler.lanes()}
    assert loads == {frozenset({"0001", "0002"}): 1, frozenset({"0003", "0004"}): 1}
    assert scheduler.longest_delay() is None
    scheduler.wait(download(7), not_before=50.0)
    scheduler.wait(download(8), not_before=40.0)
    assert scheduler.longest_delay() == ("0007", 50.0)
    scheduler.hasten(20.0)
    assert scheduler.longest_delay() == ("0007", 30.0)
    scheduler.forget("0007")
    assert scheduler.longest_delay() == ("0008", 20.0)
    assign(scheduler, active=9, now=20.0)
    assert scheduler.longest_delay() is None
    assert sum(lane.waiting for lane in scheduler.lanes()) == 0


@given(st.lists(st.tuples(st.sampled_from("wwwwrfff"), st.integers(0, 30), st.integers(0, 9))))
def test_whoever_waits_starts_in_order_whatever_came_and_went(
    steps: list[tuple[str, int, int]],
) -> None:
    scheduler = Scheduler()
    waiting: dict[str, tuple[float, str]] = {}
    running = 0
    for step, number, order in steps:
        one = download(number, order=float(order))
        if step == "f":
            scheduler.forget(one.id)
            waiting.pop(one.id, None)
        elif step == "w":
            scheduler.wait(one)
            waiting[one.id] = (float(order), one.id)
        else:
            first = sorted(waiting.values())[:1]
            expected = tuple(id_ for _, id_ in first)
            running += len(first)
            assert assign(scheduler, active=running, now=0.0).start == expected
            for id_ in expected:
                del waiting[id_]
                scheduler.forget(id_)
            running = 0
        assert len(scheduler) == len(waiting)
        assert scheduler.waiting_for("") == len(waiting)
