"""What goes over the wire when part of a line changes: that part."""

import re

from rich.console import Console
from textual.geometry import Region

from tests.fakes import FakeService
from tests.tui.samples import app_for, queue


async def test_a_change_within_a_line_sends_its_cells_and_no_others() -> None:
    service = FakeService()
    await queue(service, "a-name.iso", "日本語.iso")
    app = app_for(service)
    async with app.run_test(size=(80, 24)) as pilot:
        while not len(app.main.store):
            await pilot.pause()
        await pilot.pause()
        status = next(slot for slot in app.main.table.slots if slot.column == "status")
        top = app.main.table.region.y
        compositor = app.main._compositor
        for line, text in ((1, "queued     "), (2, "queued     ")):
            compositor._dirty_regions.add(Region(status.x, top + line, len(text), 1))
            update = compositor.render_partial_update()
            assert update is not None
            sent = update.render_segments(Console(color_system="truecolor"))
            moves = re.findall(r"\x1b\[(\d+);(\d+)H", sent)
            assert moves == [(str(top + line + 1), str(status.x + 1))]
            assert re.sub(r"\x1b\[[\d;]*[A-Za-z]", "", sent) == text


async def test_without_a_change_there_is_nothing_to_send() -> None:
    app = app_for(FakeService())
    async with app.run_test() as pilot:
        await pilot.pause()
        assert app.main._compositor.render_partial_update() is None


async def test_stretches_of_one_style_share_its_colours() -> None:
    service = FakeService()
    await queue(service, "a.iso", "b.iso", "c.iso")
    app = app_for(service)
    async with app.run_test(size=(80, 24)) as pilot:
        while not len(app.main.store):
            await pilot.pause()
        await pilot.pause()
        top = app.main.table.region.y
        status = next(slot for slot in app.main.table.slots if slot.column == "status")
        compositor = app.main._compositor
        # Not the row of the cursor, which has a ground of its own.
        for line in (2, 3):
            compositor._dirty_regions.add(Region(status.x, top + line, 6, 1))
        update = compositor.render_partial_update()
        assert update is not None
        sent = update.render_segments(Console(color_system="truecolor"))
        assert sent.count("queued") == 2
        assert len(re.findall(r"\x1b\[[\d;]+m", sent)) == 2
        assert sent.endswith("\x1b[0m")
