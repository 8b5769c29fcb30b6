"""Interrupted downloads are asked about once, and every answer does what it says."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.pilot import Pilot

from core.domain.errors import DaemonError
from core.domain.history import AttemptEnd, HistoryEntry, PhaseTimes
from core.domain.models import Interruption, Phase, Progress, Status
from core.domain.service import DownloadService
from core.domain.value import replace
from tests.fakes import FakeService
from tests.tui.samples import (
    HOSTILE,
    NOW,
    app_for,
    app_with,
    assert_harmless,
    queue,
    sample,
    screen_text,
    until,
    until_gone,
)
from tui.screens.recovery_dialog import RecoveryDialog
from tui.text.interrupted import needs, throughput

MIB = 1024**2
TITLE = "Interrupted downloads"


async def interrupted(service: FakeService, *names: str) -> list[str]:
    """Put downloads into a service that were a quarter here when winch ended three days ago."""
    ids = await queue(service, *names)
    for id_ in ids:
        interrupt(service, id_)
        service.emit_progress({id_: Progress(bytes_downloaded=MIB)})
    return ids


def interrupt(service: FakeService, id_: str, *, anew: bool = False) -> None:
    service.change(
        id_,
        status=Status.PAUSED,
        wait_reason=None,
        total_bytes=4 * MIB,
        interrupted=Interruption(at=NOW - timedelta(days=3), phase=Phase.DOWNLOADING, anew=anew),
    )


def attempt(
    number: int, begin: float, seconds: float, count: int, url: str = "https://example.org/x"
) -> HistoryEntry:
    """Return an attempt that brought in `count` bytes in `seconds`."""
    at = NOW + timedelta(seconds=begin)
    return HistoryEntry(
        number=number,
        download="x",
        url=url,
        host="h",
        name="x",
        directory="/data",
        group=None,
        started_at=at,
        ended_at=at,
        end=AttemptEnd.INTERRUPTED,
        bytes=count,
        phases=PhaseTimes(downloading=seconds),
    )


async def test_it_says_how_far_how_long_ago_and_what_they_did() -> None:
    service = FakeService()
    await interrupted(service, "a.iso", "b.iso", "c.iso", "d.iso")
    (done,) = await queue(service, "done.iso")
    service.change(done, status=Status.COMPLETED, wait_reason=None, total_bytes=MIB)
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        shown = await until(
            pilot,
            "4 downloads, interrupted 3 d ago",
            "25%",
            "4.00 MiB of 16.0 MiB",
            "1 of 5 files in the list",
            "4 downloading",
            "and 1 more",
            "gives up 4.00 MiB",
            "unknown: no rate was measured before",
        )
        assert " about " not in shown


async def test_what_begins_anew_in_any_case_is_not_given_up_and_does_not_go_on() -> None:
    service = FakeService()
    first, second = await interrupted(service, "a.iso", "b.iso")
    interrupt(service, first, anew=True)
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, "goes on, but 1 must begin anew", "gives up 1.00 MiB")
        interrupt(service, second, anew=True)
        await until(pilot, "all must begin anew", "gives up nothing")


async def test_it_says_how_long_it_takes_where_past_attempts_tell() -> None:
    service = FakeService()
    service.attempts = [attempt(1, 0, 100, 10 * MIB)]
    await interrupted(service, "a.iso")
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, "about 0:30, at 102 KiB/s as lately")


async def test_every_file_says_what_it_takes_at_the_rate_it_had_before() -> None:
    service = FakeService()
    known, _ = await interrupted(service, "known.iso", "other.iso")
    old, new = attempt(1, 0, 100, 10 * MIB), attempt(2, 200, 100, 10 * MIB)
    service.attempts = [
        replace(old, download=known, average_rate=1.0 * MIB),
        replace(new, download=known, average_rate=MIB / 10),
    ]
    async with app_for(service).run_test(size=(100, 30)) as pilot:
        await until(pilot, "as lately")
        await pilot.press("d")
        shown = (await until(pilot, "needs", "known.iso", "unknown")).splitlines()
        (line,) = [line for line in shown if "known.iso" in line and "unknown" not in line]
        assert "0:30" in line
        assert any("other.iso" in line and "unknown" in line for line in shown)


async def test_at_the_common_size_each_of_the_first_says_its_time() -> None:
    service = FakeService()
    known, other = await interrupted(service, "known.iso", "other.iso")
    service.attempts = [replace(attempt(1, 200, 100, 10 * MIB), download=known)]
    service.attempts = [replace(each, average_rate=MIB / 10) for each in service.attempts]
    service.change(other, total_bytes=None)
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        shown = (await until(pilot, "and 1 of unknown length")).splitlines()
        assert any("known.iso" in line and "time left 0:30" in line for line in shown)
        assert any("other.iso" in line and "time left unknown" in line for line in shown)
        await pilot.press("d")
        shown = (await until(pilot, "needs", "known.iso")).splitlines()
        assert any("known.iso" in line and "0:30" in line for line in shown)


async def test_it_says_nothing_of_the_whole_while_a_size_is_unknown() -> None:
    service = FakeService()
    service.attempts = [attempt(1, 0, 100, 10 * MIB)]
    first, _ = await interrupted(service, "a.iso", "b.iso")
    service.change(first, total_bytes=None)
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        shown = await until(
            pilot, "2.00 MiB of 4.00 MiB+", "View details", "about 0:30", "and 1 of unknown length"
        )
        assert "%  │" not in shown


@pytest.mark.parametrize("keys", [["r"], ["enter"], ["down", "up", "enter"]])
async def test_resume_lets_them_go_on(keys: list[str]) -> None:
    service = FakeService()
    ids = await interrupted(service, "a.iso", "b.iso")
    async with app_for(service).run_test() as pilot:
        await until(pilot, TITLE)
        await pilot.press(*keys)
        await until(pilot, "2 queued", gone=TITLE)
    assert service.calls[-1] == ("resume", tuple(ids))


async def test_resume_is_chosen_with_the_mouse_too() -> None:
    service = FakeService()
    ids = await interrupted(service, "a.iso")
    async with app_for(service).run_test() as pilot:
        await until(pilot, TITLE)
        assert await pilot.click("Choices", offset=(6, 0))
        await until(pilot, "queued", gone=TITLE)
    assert service.calls[-1] == ("resume", tuple(ids))


async def test_start_fresh_says_what_it_gives_up_and_asks_once_more() -> None:
    service = FakeService()
    ids = await interrupted(service, "a.iso", "b.iso")
    async with app_for(service).run_test() as pilot:
        await until(pilot, TITLE)
        await pilot.press("f")
        await until(pilot, "Give up 2.00 MiB of 2 downloads?")
        await pilot.press("enter")
        await until(pilot, TITLE, gone="Give up")
        assert not any(name == "start_fresh" for name, _ in service.calls)
        await pilot.press("down", "enter")
        await until(pilot, "Give up")
        await pilot.press("y")
        await until(pilot, "2 queued", gone=TITLE)
    assert service.calls[-1] == ("start_fresh", tuple(ids))


async def test_the_details_show_how_far_each_file_is_and_lead_back() -> None:
    service = FakeService()
    await interrupted(service, *(f"file-{number}.iso" for number in range(40)))
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, TITLE)
        await pilot.press("d")
        shown = await until(pilot, "file-0.iso", "1.00 MiB", "25%", "downloading", "3 d ago")
        assert "file-39.iso" not in shown
        await pilot.press("G")
        await until(pilot, "file-39.iso")
        await pilot.press("escape")
        await until(pilot, "View details", gone="Esc goes back")
        await pilot.press("r")
        await until(pilot, "40 queued")


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_cancel_leaves_them_paused_and_p_resumes_later(key: str) -> None:
    service = FakeService()
    (id_,) = await interrupted(service, "a.iso")
    app = app_for(service)
    async with app.run_test() as pilot:
        await until(pilot, TITLE)
        calls = len(service.calls)
        await pilot.press(key)
        await until(pilot, "Paused 1", gone=TITLE)
        assert app.is_running
        assert service.calls[calls:] == []
        await pilot.press("enter")
        await until(pilot, "Interrupted", "while downloading")
        await pilot.press("p")
        await until(pilot, "1 queued")
    assert service.calls[-1] == ("resume", (id_,))


async def test_nothing_is_asked_where_a_person_paused_or_it_goes_on_by_itself() -> None:
    service = FakeService()
    await queue(service, "a.iso", status=Status.PAUSED)
    (_, goes_on) = await queue(service, "b.iso", "c.iso")
    service.change(goes_on, interrupted=Interruption(at=NOW))
    app = app_for(service)
    async with app.run_test() as pilot:
        await until(pilot, "paused", "queued")
        assert app.screen is app.main


async def test_it_goes_away_when_somebody_else_decides() -> None:
    service = FakeService()
    first, second = await interrupted(service, "a.iso", "b.iso")
    async with app_for(service).run_test() as pilot:
        await until(pilot, "2 downloads, interrupted")
        await service.resume([first])
        await until(pilot, "1 download, interrupted")
        await service.resume([second])
        await until(pilot, "2 queued", gone=TITLE)


async def test_it_goes_away_below_the_details_when_somebody_else_decides() -> None:
    service = FakeService()
    await interrupted(service, "a.iso")
    app = app_for(service)
    async with app.run_test() as pilot:
        await until(pilot, TITLE)
        await pilot.press("d")
        await until(pilot, "Esc goes back")
        await service.resume(None)
        await until_gone(pilot, "a.iso  ")
        await pilot.press("escape")
        await until(pilot, "1 queued", gone=TITLE)
        assert app.screen is app.main


@pytest.mark.parametrize("key", ["y", "n"])
async def test_a_fresh_start_of_what_goes_on_by_now_is_not_asked_for(key: str) -> None:
    service = FakeService()
    await interrupted(service, "a.iso")
    app = app_for(service)
    async with app.run_test() as pilot:
        await until(pilot, TITLE)
        await pilot.press("f")
        await until(pilot, "Give up")
        await service.resume(None)
        while app.main.store.interrupted:
            await pilot.pause()
        await pilot.press(key)
        await until(pilot, "1 queued", gone=TITLE)
        assert app.screen is app.main
    assert service.calls[-1] == ("resume", None)


async def test_it_is_not_shown_twice() -> None:
    before, after = FakeService(), FakeService()
    await interrupted(before, "a.iso")
    await interrupted(after, "a.iso", "new.iso")
    services = [before, after]

    async def connect(*, start: bool = True) -> DownloadService:
        return services.pop(0)

    app = app_with(connect)
    async with app.run_test() as pilot:
        await until(pilot, TITLE)
        await pilot.press("escape")
        await until_gone(pilot, TITLE)
        before.lose()
        await until(pilot, "new.iso")
        assert app.screen is app.main


async def test_it_waits_for_a_dialog_that_is_open() -> None:
    before, after = FakeService(), FakeService()
    await queue(before, "old.iso")
    await interrupted(after, "new.iso")
    services = [before, after]

    async def connect(*, start: bool = True) -> DownloadService:
        return services.pop(0)

    app = app_with(connect)
    async with app.run_test() as pilot:
        await until(pilot, "old.iso")
        await pilot.press("a")
        await until(pilot, "URLs, one per line")
        before.lose()
        # Below the dialog, which hides the list.
        while len(app.main.store.interrupted) != 1:
            await pilot.pause()
        assert TITLE not in screen_text(app)
        await pilot.press("escape")
        await until(pilot, TITLE)


async def test_what_the_service_refuses_is_said() -> None:
    service = FakeService()
    await interrupted(service, "a.iso")

    async def refuse(ids: object) -> object:
        raise DaemonError("there is no room")

    service.resume = refuse  # type: ignore[method-assign, assignment]
    async with app_for(service).run_test(notifications=True) as pilot:
        await until(pilot, TITLE)
        await pilot.press("r")
        await until(pilot, "there is no room", "paused", gone=TITLE)


@pytest.mark.parametrize("ascii_only", [False, True])
async def test_every_answer_is_in_sight_on_a_small_terminal(ascii_only: bool) -> None:
    service = FakeService()
    service.attempts = [attempt(1, 0, 100, 10 * MIB)]
    await interrupted(service, "a.iso", "b.iso")
    async with app_for(service, ascii=ascii_only).run_test(size=(40, 12)) as pilot:
        shown = await until(pilot, "Resume", "Start fresh", "View details", "Cancel", "Needs")
        assert shown.isascii() or not ascii_only
        for key, text in (("d", "Esc goes back"), ("f", "n  Back")):
            await pilot.press(key)
            shown = await until(pilot, text)
            assert shown.isascii() or not ascii_only
            await pilot.press("escape")
            await until(pilot, "View details", gone=text)


async def test_hostile_names_reach_no_terminal() -> None:
    service = FakeService()
    names = [f"{number}!" for number in range(len(HOSTILE))]
    for id_, name, text in zip(await interrupted(service, *names), names, HOSTILE, strict=True):
        service.change(id_, name=name + text)
    app = app_for(service)
    async with app.run_test(size=(100, 60)) as pilot:
        assert_harmless(await until(pilot, TITLE, *names))
        await pilot.press("d")
        assert_harmless(await until(pilot, "Esc goes back", *names))
        assert app.is_running


async def test_keys_that_were_typed_ahead_act_in_their_order() -> None:
    service = FakeService()
    ids = await interrupted(service, "a.iso")
    app = app_for(service)
    async with app.run_test() as pilot:
        await _prompt(pilot)
        for key in ("f", "y"):
            app.post_message(events.Key(key, key))
        await until(pilot, "queued", gone=TITLE)
    assert service.calls[-1] == ("start_fresh", tuple(ids))


async def _prompt(pilot: Pilot[int]) -> None:
    await until(pilot, TITLE)
    assert isinstance(pilot.app.screen, RecoveryDialog)


def test_attempts_side_by_side_share_their_time() -> None:
    one, other, later = (
        attempt(1, 0, 10, 10 * MIB),
        attempt(2, 5, 10, 20 * MIB),
        attempt(3, 1000, 5, 10 * MIB),
    )
    assert throughput([one], [sample()]) == MIB
    assert throughput([other, one], [sample()]) == 2 * MIB
    assert throughput([later, one, other], [sample()]) == 2 * MIB


def test_too_short_a_time_tells_nothing() -> None:
    assert throughput([], [sample()]) is None
    assert throughput([attempt(1, 0, 0.5, 10 * MIB)], [sample()]) is None
    assert throughput([attempt(1, 0, 0.0, 10 * MIB)], [sample()]) is None
    assert throughput([attempt(1, 0, 10, 0)], [sample()]) is None


def test_what_other_servers_gave_tells_nothing() -> None:
    near = attempt(1, 0, 10, 100 * MIB, url="http://near.test/x")
    broken = attempt(2, 0, 10, 100 * MIB, url="http://[/x")
    assert throughput([near, broken], [sample()]) is None
    assert throughput([near, attempt(3, 0, 10, 10 * MIB)], [sample()]) == MIB


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 100), st.integers(1, 10**9)), min_size=1)
)
def test_the_throughput_lies_between_the_slowest_and_all_together(
    spans: list[tuple[int, int, int]],
) -> None:
    rate = throughput((attempt(n, *span) for n, span in enumerate(spans)), [sample()])
    rates = [count / seconds for _, seconds, count in spans]
    assert rate is not None
    assert min(rates) * 0.999 <= rate <= sum(rates) * 1.001


def test_all_together_are_not_done_before_the_slowest() -> None:
    slow, fast = sample(1, total_bytes=10 * MIB), sample(2, total_bytes=100 * MIB)
    both = [(slow, 0), (fast, 0)]
    rates = {slow.id: 0.1 * MIB, fast.id: 10.0 * MIB}
    assert needs(both, rates, 10.0 * MIB) == "about 1:40, the slowest at 102 KiB/s as lately"
    assert needs(both, {}, 10.0 * MIB) == "about 0:11, at 10.0 MiB/s as lately"
    assert needs(both[:1], rates, 10.0 * MIB) == "about 1:40, at 102 KiB/s as lately"
    assert needs(both, rates, None) == "about 1:40, the slowest at 102 KiB/s as lately"
    assert needs(both, {slow.id: 1.0}, None) == "unknown: no rate was measured before"
    unsized = [*both, (sample(3), 0), (sample(4), 0)]
    told = "about 1:40, the slowest at 102 KiB/s, and 2 of unknown length"
    assert needs(unsized, rates, 10.0 * MIB) == told
    assert needs(unsized[2:], rates, 1.0) == "unknown: nobody knows the length of 2 files"
