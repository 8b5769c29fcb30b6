"""The list: what it draws, what it does not draw again, and whom the cursor follows."""

from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.pilot import Pilot

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.events import Added, Changed, Event, ProgressBatch, Removed, Snapshot
from core.domain.models import Download, Phase, Progress, Status, WaitReason
from tests.tui.samples import FORBIDDEN, HOSTILE, NOW, sample
from tui.model.selection import Selection
from tui.model.store import DownloadStore
from tui.model.view import View
from tui.widgets.download_table import DownloadTable

MOVING = {"status": Status.ACTIVE, "phase": Phase.DOWNLOADING, "total_bytes": 4096}


class RecordingTable(DownloadTable):
    """A table that notes what it draws and what it asks to be drawn again."""

    def __init__(self, store: DownloadStore) -> None:
        self.time = NOW
        self.view = View(store, now=self._time)
        self.selection = Selection(self.view, store)
        super().__init__(store, self.view, self.selection, now=self._time)
        self.is_loaded = True
        self.drawn: list[int] = []
        self.refreshed: list[Region] = []

    def _time(self) -> datetime:
        return self.time

    def render_line(self, y: int):  # type: ignore[no-untyped-def]
        self.drawn.append(y)
        return super().render_line(y)

    def refresh(self, *regions: Region, **options: bool):  # type: ignore[no-untyped-def, override]
        self.refreshed.extend(regions)
        return super().refresh(*regions, **options)


class TableApp(App[None]):
    """Nothing but a table over a store."""

    def __init__(self, downloads: Iterable[Download]) -> None:
        super().__init__()
        self.store = DownloadStore()
        self.store.apply(Snapshot(revision=1, downloads=tuple(downloads), progress={}))
        self.table = RecordingTable(self.store)

    def compose(self) -> ComposeResult:
        yield self.table

    def apply(self, event: Event) -> None:
        """Let something happen."""
        self.table.follow(self.store.apply(event))

    async def settle(self, pilot: Pilot[None]) -> None:
        """Bring the table up to date and forget what was drawn until then."""
        self.table.update_rows()
        await pilot.pause()
        self.table.drawn.clear()
        self.table.refreshed.clear()

    def line(self, y: int) -> str:
        return self.table.render_line(y).text


def downloads(count: int) -> list[Download]:
    return [sample(number) for number in range(count)]


async def test_only_what_is_in_sight_is_drawn() -> None:
    app = TableApp(downloads(50_000))
    async with app.run_test(size=(80, 24)) as pilot:
        await app.settle(pilot)
        app.table.refresh()
        await pilot.pause()
        assert sorted(set(app.table.drawn)) == list(range(24))
        await pilot.press("G")
        assert app.line(23).startswith("▌ · file-49999.iso")


async def test_progress_refreshes_the_cells_that_differ_and_no_others() -> None:
    app = TableApp([*downloads(3), sample(3, **MOVING)])
    async with app.run_test(size=(80, 24)) as pilot:
        await app.settle(pilot)
        progress = {sample(3).id: Progress(bytes_downloaded=1024, rate=10.0, eta=9)}
        app.apply(ProgressBatch(revision=2, progress=progress))
        names = {s.x + offset: s.column for s in app.table.slots for offset in range(s.width)}
        assert {region.y for region in app.table.refreshed} == {4}
        assert [names[region.x] for region in app.table.refreshed] == [
            "bar",
            "percent",
            "rate",
            "eta",
        ]


async def test_what_looks_the_same_is_not_drawn_again() -> None:
    app = TableApp([sample(1, **MOVING)])
    async with app.run_test(size=(80, 24)) as pilot:
        await app.settle(pilot)
        # One byte more: another report, the same picture.
        app.apply(ProgressBatch(revision=2, progress={sample(1).id: Progress(bytes_downloaded=1)}))
        app.table.update_rows()
        await pilot.pause()
        assert app.table.refreshed == []
        assert app.table.drawn == []


async def test_what_is_out_of_sight_costs_no_drawing() -> None:
    app = TableApp(downloads(100))
    async with app.run_test(size=(80, 24)) as pilot:
        await app.settle(pilot)
        app.apply(Changed(revision=2, downloads=(sample(90, name="renamed.iso"),)))
        app.table.update_rows()
        await pilot.pause()
        assert app.table.drawn == []


async def test_a_count_down_goes_on_without_any_event() -> None:
    waiting = sample(1, wait_reason=WaitReason.RETRY, retry_at=NOW + timedelta(seconds=42))
    app = TableApp([waiting])
    async with app.run_test(size=(80, 24)) as pilot:
        await app.settle(pilot)
        assert "retry in 0:42" in app.line(1)
        app.table.time += timedelta(seconds=2)
        app.table.update_rows()
        assert [region.y for region in app.table.refreshed] == [1]
        assert "retry in 0:40" in app.line(1)


async def test_keys_move_the_cursor_and_stop_at_the_ends() -> None:
    app = TableApp(downloads(60))
    async with app.run_test(size=(80, 24)) as pilot:
        await app.settle(pilot)
        at = {}
        for key in ("k", "j", "down", "up", "pagedown", "pageup", "G", "j", "g", "end", "home"):
            await pilot.press(key)
            assert app.table.cursor_id is not None
            at[key] = int(app.table.cursor_id, 16)
            assert 1 <= at[key] - app.table.scroll_offset.y + 1 < 24
        assert at == {
            "k": 0,
            "j": 59,
            "down": 2,
            "up": 1,
            "pagedown": 24,
            "pageup": 1,
            "G": 59,
            "g": 0,
            "end": 59,
            "home": 0,
        }


async def test_the_cursor_stays_with_its_download_when_rows_come_and_go_above_it() -> None:
    app = TableApp([sample(number) for number in range(10, 60)])
    async with app.run_test(size=(80, 24)) as pilot:
        await app.settle(pilot)
        await pilot.press(*["j"] * 30)
        chosen, top = app.table.cursor_id, app.table.scroll_offset.y
        app.apply(Added(revision=2, downloads=tuple(downloads(5))))
        await app.settle(pilot)
        assert app.table.cursor_id == chosen
        assert app.table.scroll_offset.y == top + 5
        app.apply(Removed(revision=3, ids=tuple(d.id for d in downloads(3))))
        await app.settle(pilot)
        assert app.table.cursor_id == chosen
        assert app.table.scroll_offset.y == top + 2


async def test_the_cursor_goes_to_the_neighbour_of_a_removed_download() -> None:
    app = TableApp(downloads(5))
    async with app.run_test(size=(80, 24)) as pilot:
        await app.settle(pilot)
        await pilot.press("j", "j")
        app.apply(Removed(revision=2, ids=(sample(0).id, sample(2).id)))
        await app.settle(pilot)
        assert app.table.cursor_id == sample(3).id
        app.apply(Removed(revision=3, ids=(sample(3).id, sample(4).id)))
        await app.settle(pilot)
        assert app.table.cursor_id == sample(1).id
        app.apply(Removed(revision=4, ids=(sample(1).id,)))
        await app.settle(pilot)
        assert app.table.cursor_id is None
        await pilot.press("j", "G", "pagedown")
        assert app.table.cursor_id is None


async def test_a_list_that_shrinks_below_the_window_is_shown_from_its_start() -> None:
    app = TableApp(downloads(100))
    async with app.run_test(size=(80, 24)) as pilot:
        await app.settle(pilot)
        await pilot.press("G")
        app.apply(Removed(revision=2, ids=tuple(d.id for d in downloads(97))))
        await app.settle(pilot)
        assert app.table.scroll_offset.y == 0
        assert app.table.cursor_id == sample(99).id
        assert "file-97.iso" in app.line(1)


async def test_an_empty_list_tells_how_to_fill_it() -> None:
    app = TableApp([])
    async with app.run_test(size=(80, 24)) as pilot:
        await app.settle(pilot)
        text = "\n".join(app.line(y) for y in range(24))
        assert "press a to add" in text


@pytest.mark.parametrize("width", [30, 80, 140])
async def test_every_line_has_the_width_of_the_window_whatever_it_holds(width: int) -> None:
    hostile = [
        sample(
            number,
            name=text,
            status=Status.FAILED,
            error=ErrorInfo(code=ErrorCode.INTERNAL, message=text),
        )
        for number, text in enumerate(HOSTILE)
    ]
    app = TableApp(hostile)
    async with app.run_test(size=(width, 24)) as pilot:
        await app.settle(pilot)
        for y in range(24):
            strip = app.table.render_line(y)
            assert strip.cell_length == width
            assert not any(mark in strip.text for mark in FORBIDDEN)
