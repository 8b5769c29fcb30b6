"""Tests of the screen wait for what happens, never for time to pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from textual.css.model import RuleSet
from textual.css.stylesheet import Stylesheet
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


@pytest.fixture(autouse=True, scope="session")
def styles_are_parsed_once() -> Iterator[None]:
    """Let all programs of a worker share what the same style sheet with the same colours says.

    Each of them would read it anew otherwise, which is a tenth of what most tests here cost.
    """
    known: dict[tuple[object, ...], list[RuleSet]] = {}
    parse = Stylesheet._parse_rules

    def parse_once(sheet: Stylesheet, css: str, *args: Any, **options: Any) -> list[RuleSet]:
        key = (css, args, *options.items(), *sheet._variables.items())
        if key not in known:
            known[key] = parse(sheet, css, *args, **options)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stylesheet, "_parse_rules", parse_once)
        yield
