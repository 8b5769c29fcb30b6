"""Tests of the screen wait for what happens, never for time to pass."""

from __future__ import annotations

from typing import Any

import pytest
from textual.pilot import Pilot

from tests.tui import settling


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a pilot's `press` and `pause` return once what they brought about is done and shown.

    Textual itself sleeps 20 ms twice a key, and up to a second where the processor is busy.
    """
    press, pause = Pilot.press, Pilot.pause

    async def press_and_see(pilot: Pilot[Any], *keys: str) -> None:
        # What one key does may depend on what the one before has moved.
        for key in keys:
            await press(pilot, key)
            await settling.shown(pilot.app)

    async def pause_and_see(pilot: Pilot[Any], delay: float | None = None) -> None:
        await pause(pilot, delay)
        await settling.shown(pilot.app)

    monkeypatch.setattr(Pilot, "press", press_and_see)
    monkeypatch.setattr(Pilot, "pause", pause_and_see)
    monkeypatch.setattr("textual.app.wait_for_idle", settling.done)
    monkeypatch.setattr("textual.pilot.wait_for_idle", settling.done_for_now)
