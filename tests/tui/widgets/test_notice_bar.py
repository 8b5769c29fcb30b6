"""What a person ought to read stays in sight as long as it is so, and no longer."""

from core.domain.models import Phase, Progress, Status
from tests.fakes import FakeService
from tests.tui.samples import (
    HOSTILE,
    app_for,
    assert_harmless,
    queue,
    screen_text,
    until,
    until_gone,
)

LONG = "The list of downloads could not be read and was rebuilt from what is on disk. " * 3


async def test_a_notice_stands_below_the_header_until_it_is_taken_back() -> None:
    service = FakeService()
    await queue(service, "a.iso")
    service.notice("The disk is full.")
    app = app_for(service)
    async with app.run_test(size=(80, 24)) as pilot:
        shown = await until(pilot, "The disk is full.", "a.iso")
        assert shown.splitlines()[1].startswith(" ! The disk is full.")
        service.notice()
        await until_gone(pilot, "The disk is full.")
        assert screen_text(app).splitlines()[1].startswith("[1 All 1]")


async def test_a_notice_alone_repaints() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test() as pilot:
        await until(pilot, "Nothing to haul yet.")
        service.notice("The disk is full.")
        await until(pilot, "The disk is full.")


async def test_one_that_fits_says_no_more_and_several_say_how_many() -> None:
    service = FakeService()
    service.notice("The disk is full.")
    async with app_for(service).run_test(size=(60, 12)) as pilot:
        assert "press !" not in await until(pilot, "The disk is full.")
        service.notice("The disk is full.", "The clock was set back.")
        await until(pilot, "The disk is full.", "1 of 2, press !")
        service.notice(LONG)
        await until(pilot, "…  press !")


async def test_the_exclamation_mark_shows_them_in_full_as_they_come_and_go() -> None:
    service = FakeService()
    service.notice(LONG + "Really.", "The clock was set back.")
    app = app_for(service)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, "1 of 2")
        await pilot.press("exclamation_mark")
        await until(pilot, "Really.", "The clock was set back.", "Esc closes")
        service.notice("The clock was set back.")
        await until_gone(pilot, "Really.")
        service.notice()
        await until(pilot, "There is nothing to say now.")
        await pilot.press("escape")
        await until_gone(pilot, "Esc closes")
        assert app.screen is app.main


async def test_a_click_on_the_notice_shows_it_in_full() -> None:
    service = FakeService()
    service.notice("The disk is full.")
    async with app_for(service).run_test() as pilot:
        await until(pilot, "The disk is full.")
        assert await pilot.click("NoticeBar")
        await until(pilot, "Esc closes")


async def test_a_held_queue_says_so_in_the_header() -> None:
    service = FakeService()
    (id_,) = await queue(service, "a.iso")
    app = app_for(service)
    async with app.run_test(size=(40, 12)) as pilot:
        await until(pilot, "a.iso")
        await service.hold(True)
        shown = await until(pilot, "queue held")
        assert "queue held" in shown.splitlines()[0]
        service.change(id_, status=Status.ACTIVE, phase=Phase.DOWNLOADING)
        service.emit_progress({id_: Progress(bytes_downloaded=1, rate=2048.0)})
        await until(pilot, "2.00 KiB/s", "queue held")
        service.change(id_, status=Status.PENDING, phase=None)
        await until(pilot, "queue held")
        await service.hold(False)
        await until_gone(pilot, "queue held")


async def test_ascii_mode_shows_nothing_but_ascii() -> None:
    service = FakeService()
    service.notice(LONG)
    async with app_for(service, ascii=True).run_test(size=(80, 24)) as pilot:
        assert (await until(pilot, "~  press !")).isascii()
        await pilot.press("exclamation_mark")
        assert (await until(pilot, "Esc closes")).isascii()


async def test_hostile_notices_reach_no_terminal() -> None:
    service = FakeService()
    app = app_for(service)
    async with app.run_test(size=(100, 30)) as pilot:
        for number, text in enumerate(HOSTILE):
            service.notice(f"It is full, {number}. {text}", text)
            assert_harmless(await until(pilot, f"It is full, {number}."))
            await pilot.press("exclamation_mark")
            assert_harmless(await until(pilot, f"It is full, {number}.", "Esc closes"))
            await pilot.press("escape")
        assert app.is_running
