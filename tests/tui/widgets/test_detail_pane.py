"""The pane before an in-memory service: what it asks for and draws, and when it does neither."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from textual.geometry import Region
from textual.pilot import Pilot

from core.domain.errors import DaemonError, ErrorCode, ErrorInfo
from core.domain.inspection import Inspection
from core.domain.models import Phase, Status, TimelineEntry
from core.domain.value import replace
from tests.fakes import FakeService
from tests.tui.samples import HOSTILE, NOW, app_for, assert_harmless, queue, screen_text
from tests.tui.text.inspected import TOTAL, WHY, inspected, moving
from tui.app import WinchApp
from tui.screens import main_parts
from tui.text.details import STEP
from tui.widgets import detail_pane
from tui.widgets.detail_pane import DetailPane

Look = Callable[[str], Inspection]


class Watched(FakeService):
    """A service that notes who is looked at, and lets a test answer."""

    def __init__(self, look: Look | None = None) -> None:
        super().__init__()
        self.looked: list[str] = []
        self.look = look or inspected
        self.gates: dict[str, asyncio.Event] = {}

    async def inspect(self, download_id: str) -> Inspection:
        self.looked.append(download_id)
        if download_id in self.gates:
            await self.gates[download_id].wait()
        return self.look(download_id)


async def until(pilot: Pilot[int], wanted: Callable[[], object]) -> None:
    """Wait until something is so."""
    try:
        async with asyncio.timeout(20):
            while not wanted():
                await pilot.pause()
    except TimeoutError:
        pytest.fail(f"not so, in\n{screen_text(app_of(pilot))}")


def app_of(pilot: Pilot[int]) -> WinchApp:
    assert isinstance(pilot.app, WinchApp)
    return pilot.app


def pane_of(pilot: Pilot[int]) -> DetailPane:
    return app_of(pilot).main.details


async def shows(pilot: Pilot[int], *texts: str) -> None:
    """Wait until the terminal shows all texts."""
    await until(pilot, lambda: all(text in screen_text(app_of(pilot)) for text in texts))


async def started(service: FakeService, *names: str) -> list[str]:
    """Put downloads into a service that are in the midst of it."""
    ids = await queue(service, *names, status=Status.ACTIVE)
    for id_ in ids:
        service.change(id_, phase=Phase.DOWNLOADING, total_bytes=TOTAL)
    service.emit_progress(dict.fromkeys(ids, moving()))
    return ids


async def test_it_shows_what_holds_a_download_up_and_where_its_pieces_are() -> None:
    service = Watched()
    await started(service, "a.iso")
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "a.iso")
        await pilot.press("enter")
        await shows(pilot, WHY[:60], "■ done", "Connections  2 to example.org", "192.0.2.1")


async def test_it_looks_again_and_again_while_it_is_shown_and_never_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(main_parts, "EVERY", 0.01)
    service = Watched()
    await started(service, "a.iso")
    async with app_for(service).run_test(size=(100, 60)) as pilot:
        await shows(pilot, "a.iso")
        await pilot.pause(0.1)
        assert service.looked == []
        await pilot.press("enter")
        await until(pilot, lambda: len(service.looked) > 3)
        await pilot.press("enter")
        await until(pilot, lambda: not pane_of(pilot).region)
        looked = len(service.looked)
        await pilot.pause(0.1)
        assert len(service.looked) == looked
        await pilot.press("enter")
        await until(pilot, lambda: len(service.looked) > looked + 1)


async def test_it_does_not_ask_for_what_nobody_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main_parts, "EVERY", 0.01)
    ticks = 0
    look_again = DetailPane._look_again

    def tick(pane: DetailPane) -> None:
        nonlocal ticks
        ticks += 1
        look_again(pane)

    monkeypatch.setattr(DetailPane, "_look_again", tick)
    service = Watched()
    await started(service, "a.iso")
    async with app_for(service).run_test(size=(100, 60)) as pilot:
        await shows(pilot, "a.iso")
        await pilot.press("enter")
        await shows(pilot, WHY[:20])
        await pilot.press("S")
        await until(pilot, lambda: not app_of(pilot).main.is_active)
        looked, enough = len(service.looked), ticks + 10
        await until(pilot, lambda: ticks > enough)
        assert len(service.looked) <= looked + 1


async def test_what_has_come_to_an_end_is_looked_at_only_when_something_happened_to_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(main_parts, "EVERY", 0.01)
    service = Watched()
    (id_,) = await queue(service, "a.iso", status=Status.COMPLETED)
    async with app_for(service).run_test(size=(100, 60)) as pilot:
        await shows(pilot, "a.iso")
        await pilot.press("enter")
        await shows(pilot, "Last answer")
        await pilot.pause(0.1)
        assert service.looked == [id_]
        error = ErrorInfo(code=ErrorCode.CHECKSUM, message="it is damaged", hint="")
        service.change(id_, error=error)
        await shows(pilot, "it is damaged [checksum]")
        assert service.looked == [id_, id_]


async def test_what_only_its_timeline_tells_is_looked_at_too() -> None:
    service = Watched()
    (id_,) = await queue(service, "a.iso", status=Status.COMPLETED)
    async with app_for(service).run_test(size=(100, 60)) as pilot:
        await shows(pilot, "a.iso")
        await pilot.press("enter")
        await shows(pilot, "Timeline", "the server answered 503")
        assert service.looked == [id_]
        service.look = lambda id_: inspected(
            id_, timeline=(TimelineEntry(at=NOW, text="brought back"),)
        )
        # A record of which the screen sees nothing new.
        service.change(id_)
        await shows(pilot, "brought back")
        assert service.looked == [id_, id_]


async def test_it_follows_the_cursor_and_never_shows_an_old_answer_of_another() -> None:
    service = Watched(
        lambda id_: inspected(
            id_,
            slowness=replace(inspected().slowness, sentence=f"it is {id_}"),  # type: ignore[type-var]
        )
    )
    first, second = await started(service, "a.iso", "b.iso")
    service.gates = {first: asyncio.Event(), second: asyncio.Event()}
    async with app_for(service).run_test(size=(100, 60)) as pilot:
        await shows(pilot, "b.iso")
        await pilot.press("enter")
        await until(pilot, lambda: service.looked == [first])
        await pilot.press("j")
        await shows(pilot, "/data/b.iso")
        service.gates[first].set()
        await until(pilot, lambda: service.looked == [first, second])
        await pilot.pause()
        assert "it is" not in screen_text(app_of(pilot))
        service.gates[second].set()
        await shows(pilot, f"it is {second}")


async def test_the_next_download_comes_whole_when_its_look_comes_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(detail_pane, "PATIENCE", 1000.0)
    service = Watched()
    _, second = await started(service, "a.iso", "b.iso")
    service.gates = {second: asyncio.Event()}
    async with app_for(service).run_test(size=(100, 60)) as pilot:
        await shows(pilot, "b.iso")
        await pilot.press("enter")
        await shows(pilot, "/data/a.iso", WHY[:20])
        await pilot.press("j")
        await until(pilot, lambda: second in service.looked)
        service.emit_progress({second: moving(rate=1.0)})
        await shows(pilot, "/data/a.iso", WHY[:20])
        service.gates[second].set()
        await shows(pilot, "/data/b.iso", WHY[:20])


async def test_a_look_that_fails_leaves_it_as_it_is() -> None:
    def fail(_: str) -> Inspection:
        raise DaemonError("the connection to the daemon was lost")

    service = Watched(fail)
    (id_,) = await started(service, "a.iso")
    async with app_for(service).run_test(notifications=True, size=(100, 60)) as pilot:
        await shows(pilot, "a.iso")
        await pilot.press("enter")
        await shows(pilot, "/data/a.iso")
        service.look = inspected
        service.change(id_, resume_verdict="verified")
        await shows(pilot, WHY[:20])
        service.look = fail
        service.change(id_, resume_verdict="unverified")
        await shows(pilot, WHY[:20], "unverified")
        assert "was lost" not in screen_text(app_of(pilot))


async def test_only_cells_that_look_different_are_drawn_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = Watched()
    (id_,) = await started(service, "a.iso")
    drawn: list[Region] = []
    refresh = DetailPane.refresh

    def note(self: DetailPane, *regions: Region, **how: Any) -> DetailPane:
        drawn.extend(regions or (self.size.region,))
        return refresh(self, *regions, **how)

    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "a.iso")
        pane = pane_of(pilot)
        # The graph gets a column with the time, however long the machine takes for this.
        monkeypatch.setattr(pane, "_clock", lambda: 100.0)
        await pilot.press("enter")
        await shows(pilot, WHY[:20])
        await pilot.pause()
        monkeypatch.setattr(DetailPane, "refresh", note)
        pane.rewrite()
        assert drawn == []
        service.emit_progress({id_: moving(eta=255)})
        await shows(pilot, "4:15 left")
        assert drawn
        # The second of `4:16 left`, in the line that says how it stands.
        assert all(region.y == 0 and region.width <= 2 for region in drawn)


async def test_tab_goes_there_and_back_and_esc_goes_back() -> None:
    service = Watched()
    await started(service, "a.iso", "b.iso")
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "b.iso")
        main, pane = app_of(pilot).main, pane_of(pilot)
        await pilot.press("tab")
        await until(pilot, lambda: pane.has_focus)
        await shows(pilot, WHY[:20])
        await pilot.press("tab")
        await until(pilot, lambda: main.table.has_focus)
        await pilot.press("tab", "escape")
        await until(pilot, lambda: main.table.has_focus)
        assert pane.display


async def test_its_keys_scroll_it_and_leave_the_cursor_alone() -> None:
    service = Watched()
    first, _ = await started(service, "a.iso", "b.iso")
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await shows(pilot, "b.iso")
        await pilot.press("tab")
        await shows(pilot, WHY[:20])
        pane = pane_of(pilot)
        await pilot.press("j")
        await until(pilot, lambda: pane.scroll_offset.y == 1)
        await pilot.press("pagedown")
        await until(pilot, lambda: pane.scroll_offset.y > 5)
        await pilot.press("pageup", "k")
        await until(pilot, lambda: pane.scroll_offset.y == 0)
        await pilot.press("G")
        await shows(pilot, "nginx")
        await pilot.press("g")
        await shows(pilot, "Why slow?")
        assert app_of(pilot).main.table.cursor_id == first


@pytest.mark.parametrize(("size", "beside"), [((80, 24), False), ((200, 60), True)])
async def test_it_stands_below_the_list_or_beside_it(size: tuple[int, int], beside: bool) -> None:
    service = Watched()
    await started(service, "a.iso")
    async with app_for(service).run_test(size=size) as pilot:
        await shows(pilot, "a.iso")
        await pilot.press("enter")
        await shows(pilot, WHY[:20])
        table, pane = app_of(pilot).main.table.region, pane_of(pilot).region
        assert (table.y == pane.y) == beside
        assert (table.x == pane.x) != beside
        assert min(table.height, table.width, pane.height, pane.width) >= 9


async def test_the_graph_knows_what_was_while_the_pane_was_hidden(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = Watched()
    (id_,) = await started(service, "a.iso")
    app = app_for(service)
    clock = [0.0]
    monkeypatch.setattr(app.main.details, "_clock", lambda: clock[0])
    async with app.run_test(size=(80, 24)) as pilot:
        await shows(pilot, "2.00 MiB/s")
        clock[0] = STEP
        service.emit_progress({id_: moving(rate=1024.0)})
        await shows(pilot, "1.00 KiB/s")
        clock[0] = 2 * STEP
        service.change(id_, status=Status.PAUSED, phase=None)
        await shows(pilot, "paused")
        await pilot.press("enter")
        await shows(pilot, "peak 2.00 MiB/s, mean 683 KiB/s, last 0:06")


async def test_a_hostile_name_stays_in_its_cells() -> None:
    service = Watched()
    (id_,) = await started(service, "a.iso")
    async with app_for(service).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app_of(pilot).main.table.cursor_id)
        await pilot.press("enter")
        await shows(pilot, WHY[:20])
        for number, text in enumerate(HOSTILE):
            service.change(id_, name=f"{number}!{text}")
            await shows(pilot, f"{number}!")
            assert_harmless(screen_text(app_of(pilot)))
        service.change(id_, name="")
        await pilot.pause()
        assert_harmless(screen_text(app_of(pilot)))
