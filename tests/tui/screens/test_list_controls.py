"""What the list shows, as the keyboard and the mouse change it: views, filter, order, groups."""

from textual import events

from core.domain.models import DownloadRequest, Phase, Progress, Status, WaitReason
from tests.fakes import FakeService
from tests.tui.samples import app_for, queue, until, until_gone


async def test_views_show_their_states_and_count_all_of_them() -> None:
    service = FakeService()
    first, second, *_ = await queue(service, "a.iso", "b.iso", "c.iso")
    service.change(first, status=Status.FAILED, wait_reason=None)
    service.change(second, status=Status.PAUSED, wait_reason=None)
    app = app_for(service)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "[1 All 3]", "3 Queued 1", "4 Paused 1", "6 Failed 1")
        await pilot.press("6")
        await until(pilot, "[6 Failed 1]", "a.iso", gone="c.iso")
        service.change(first, status=Status.PAUSED)
        await until(pilot, "[6 Failed 0]", "Nothing here.", "4 Paused 2")
        await pilot.click("TabsBar", offset=(3, 0))
        await until(pilot, "[1 All 3]", "a.iso", "c.iso")


async def test_a_filter_follows_the_typing_and_a_mistake_is_said_under_it() -> None:
    service = FakeService()
    await queue(service, "a.iso", "b.zip")
    app = app_for(service)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "b.zip")
        await pilot.press("slash", *"zip")
        await until(pilot, "Filter zip", "1 All 1", gone="a.iso")
        await pilot.press(*" size:>x")
        shown = await until(pilot, "'x' is not a size")
        assert shown.index("Filter zip size:>x") < shown.index("'x' is not a size")
        await pilot.press("enter")
        await until(pilot, "'x' is not a size")
        await pilot.press("escape")
        await until(pilot, "a.iso", "b.zip", gone="Filter zip")
        await pilot.press("slash", *"!zip", "enter")
        await until(pilot, "/!zip", "a.iso", gone="b.zip")
        await pilot.press("escape")
        await until(pilot, "b.zip", gone="/!zip")


async def test_keys_typed_ahead_through_a_filter_act_in_their_order() -> None:
    service = FakeService()
    _, second = await queue(service, "a.iso", "p.zip")
    app = app_for(service)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "p.zip")
        for key in ("slash", *"p.zip", "enter", "p", "s", "n", "P"):
            app.post_message(events.Key(key, key if len(key) == 1 else None))
        await until(pilot, "/p.zip", "name ↑", "queue held", "4 Paused 1")
    assert service.calls[1:] == [("pause", (second,)), ("hold", None)]


async def test_n_goes_round_the_matches_and_is_nothing_without_a_filter() -> None:
    service = FakeService()
    first, _, third = await queue(service, "a.iso", "b.zip", "c.iso")
    app = app_for(service)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "c.iso")
        await pilot.press("n")
        assert app.main.table.cursor_id == first
        await pilot.press("slash", *"iso", "enter", "n")
        assert app.main.table.cursor_id == third
        await pilot.press("n")
        assert app.main.table.cursor_id == first
        await pilot.press("N")
        assert app.main.table.cursor_id == third
    assert service.calls[1:] == []


async def test_the_same_letter_again_turns_the_sort_round_and_backslash_takes_it_away() -> None:
    service = FakeService()
    first, second = await queue(service, "a.iso", "b.iso")
    app = app_for(service)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "b.iso")
        await pilot.press("s")
        await until(pilot, "Sort by", "n name")
        await pilot.press("n")
        await until(pilot, "name ↑", gone="Sort by")
        await pilot.press("s", "n")
        shown = await until(pilot, "name ↓")
        assert shown.index("b.iso") < shown.index("a.iso")
        assert app.main.table.cursor_id == first
        await pilot.press("s", "exclamation_mark", "backslash")
        shown = await until(pilot, gone="name ↓")
        assert shown.index("a.iso") < shown.index("b.iso")
        await pilot.click("DownloadTable", offset=(6, 0))
        await until(pilot, "name ↑")
    assert second != first


async def test_a_group_folds_with_its_sums_and_is_marked_as_a_whole() -> None:
    service = FakeService()
    requests = [
        DownloadRequest(url=f"http://h/{n}.iso", directory="/data", group="set") for n in range(3)
    ]
    first, *_ = await service.add(requests)
    moving = {"status": Status.ACTIVE, "phase": Phase.DOWNLOADING, "wait_reason": None}
    service.change(first.id, total_bytes=2048, **moving)
    app = app_for(service)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "▼ set (3)", "0.iso", "1.iso")
        service.emit_progress({first.id: Progress(bytes_downloaded=1024, rate=512.0, eta=2)})
        await pilot.press("enter")
        await until(pilot, "▶ set (3)", "1 active", "512 B/s", "2.00 KiB+", gone="0.iso")
        await pilot.press("space")
        await until(pilot, "3 marked")
        await pilot.press("l", "escape")
        await until(pilot, "0.iso", gone="marked")
        await pilot.press("j", "h")
        await until(pilot, "▶ set (3)", gone="0.iso")


async def test_escape_goes_back_a_step_at_a_time() -> None:
    service = FakeService()
    await queue(service, "a.iso", "b.iso", "c.zip")
    app = app_for(service)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "c.zip")
        await pilot.press("3", "slash", *"iso", "enter", "v", "j")
        await until(pilot, "2 marked", "range", "/iso")
        await pilot.press("escape")
        await until(pilot, "/iso", gone="marked")
        await pilot.press("escape")
        await until(pilot, "c.zip", "[3 Queued 3]", gone="/iso")
        await pilot.press("escape")
        await until(pilot, "[1 All 3]")


async def test_marks_have_a_sign_and_survive_what_hides_them() -> None:
    service = FakeService()
    first, *_ = await queue(service, "a.iso", "b.iso", "c.zip")
    app = app_for(service)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "c.zip")
        await pilot.press("space", "slash", *"zip", "enter", "i")
        await until(pilot, "●· c.zip", "2 marked (1 hidden)")
        await pilot.press("backslash")
        await until(pilot, "●· a.iso", "●· c.zip", "2 marked", gone="●· b.iso")
        await service.remove([first])
        await until(pilot, "1 marked")


async def test_the_header_says_limit_network_and_a_held_queue() -> None:
    service = FakeService()
    await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(size=(120, 30)) as pilot:
        await until(pilot, "a.iso")
        service.change(
            (await service.downloads())[0].download.id, wait_reason=WaitReason.NO_NETWORK
        )
        await until(pilot, "no network  1 queued")
        await service.hold(True)
        await until(pilot, "queue held")
        await service.hold(False)
        await until_gone(pilot, "queue held")
