"""When a program before a pilot is done with what it was told."""

from __future__ import annotations

import asyncio
from typing import Any

from textual.app import App

# A screen that asks for another repaint while it repaints does so a few times at the most.
_REPAINTS = 20
# To open a screen takes the loop some hundred; a short timer on a busy machine would take for ever.
_ROUNDS = 1000
# Once a test has nothing to do but to wait for a timer or a thread.
_NAP = 0.02


async def done(*_: float) -> None:
    """Return once nothing is left that the loop could do at once."""
    loop = asyncio.get_running_loop()
    for _ in range(_ROUNDS):
        await asyncio.sleep(0)
        if not loop._ready:  # type: ignore[attr-defined]
            return


async def done_for_now(*_: float) -> None:
    """Return once nothing is left to do, and leave timers and threads a moment."""
    await done()
    await asyncio.sleep(_NAP)
    await done()


async def shown(app: App[Any]) -> None:
    """Let the screen repaint as long as something has changed that is not shown."""
    for _ in range(_REPAINTS):
        await done()
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
