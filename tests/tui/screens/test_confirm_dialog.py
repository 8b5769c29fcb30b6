"""A question whose details are still looked for is there at once, and is not agreed to before."""

from __future__ import annotations

import asyncio

from textual.app import App

from core.domain.errors import StateError
from tests.tui.samples import until
from tui.screens.confirm_dialog import ConfirmDialog


class Asked(App[None]):
    """Shows the question when it begins, and keeps the answer."""

    def __init__(self) -> None:
        super().__init__()
        self.found: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.answer: bool | None = None

    async def on_mount(self) -> None:
        async def look() -> str:
            return await self.found

        def keep(answer: bool | None) -> None:
            self.answer = answer

        question = ConfirmDialog("Delete", "Really?", look=look)
        await self.push_screen(question, keep)


async def test_yes_counts_only_once_it_is_known_what_goes() -> None:
    app = Asked()
    async with app.run_test() as pilot:
        await until(pilot, "Really?", "Looking at what is there")
        await pilot.press("y")
        assert app.answer is None
        app.found.set_result("deletes /data/a.iso")
        await until(pilot, "deletes /data/a.iso")
        await pilot.press("y")
        await until(pilot, gone="Really?")
    assert app.answer is True


async def test_what_cannot_be_found_out_is_said_and_can_only_be_left() -> None:
    app = Asked()
    async with app.run_test() as pilot:
        await until(pilot, "Really?")
        app.found.set_exception(StateError("the disk is gone"))
        await until(pilot, "the disk is gone")
        await pilot.press("y")
        assert app.answer is None
        await pilot.press("escape")
        await until(pilot, gone="Really?")
    assert app.answer is False
