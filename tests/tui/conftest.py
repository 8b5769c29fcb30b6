"""Tests of the screen wait for what happens, never for time to pass."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

# A screen that asks for another repaint while it repaints does so a few times at the most.
_REPAINTS = 20


@pytest.fixture(autouse=True)
def settling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a pilot's `press` and `pause` return once what they brought about is done and shown.

    Textual itself sleeps 20 ms twice a key, and up to a second where the processor is busy.
    """
    press, pause = Pilot.press, Pilot.pause

    async def press_and_see(pilot: Pilot[Any], *keys: str) -> None:
        await press(pilot, *keys)
        await _shown(pilot.app)

    async def pause_and_see(pilot: Pilot[Any], delay: float | None = None) -> None:
        await pause(pilot, delay)
        await _shown(pilot.app)

    monkeypatch.setattr(Pilot, "press", press_and_see)
    monkeypatch.setattr(Pilot, "pause", pause_and_see)
    for module in ("textual.app", "textual.pilot"):
        monkeypatch.setattr(f"{module}.wait_for_idle", _done)


async def _done(*_: float) -> None:
    """Return once nothing is left that the loop could do at once."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(0)
    while loop._ready:  # type: ignore[attr-defined]  # noqa: ASYNC110
        await asyncio.sleep(0)


async def _shown(app: App[Any]) -> None:
    """Let the screen repaint as long as something has changed that is not shown."""
    for _ in range(_REPAINTS):
        await _done()
        if not app.screen_stack:
            return
        screen = app.screen
        changes = (
            screen._layout_required,
            screen._scroll_required,
            screen._repaint_required,
            screen._recompose_required,
            screen._dirty_widgets,
            screen._callbacks,
        )
        if not any(changes) or not screen.is_current or app._batch_count:
            return
        screen._on_timer_update()
