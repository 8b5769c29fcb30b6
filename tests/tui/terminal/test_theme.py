"""The look: legible in every theme of winch's own, without colours, and in sixteen of them."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from rich.style import Style
from textual.color import Color
from textual.pilot import Pilot

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import Interruption, Phase, Progress, Status, WaitReason
from tests.attempts import a_failure, an_attempt
from tests.fakes import FakeService
from tests.tui.samples import NOW, app_for, collect_corpus, queue
from tui.app import WinchApp
from tui.screens.recovery_dialog import RecoveryDialog
from tui.terminal.features import Terminal
from tui.terminal.theme import ANSI, DARK, LIGHT

AA = 4.5
"""What WCAG 2 asks of the contrast of text, level AA."""
# The ways to every screen and dialog from the main screen, and what closes it again.
SCREENS = {
    "main": (),
    "details": ("enter",),
    "help": ("question_mark",),
    "remove": ("x",),
    "add": ("a",),
    "add, the last field": ("a", "tab", "tab"),
    "statistics": ("S",),
    "history": ("H",),
    "log": ("L",),
    "settings": ("comma",),
    "palette": ("ctrl+p",),
    "verb line": ("colon", "tab"),
    "notices": ("exclamation_mark",),
    "collection, its row": ("G",),
    "collection": ("G", "enter"),
    "collection, what was refused": ("G", "enter", "j", "j"),
    "collection, sync": ("G", "enter", "s"),
}
# What asks by itself when the screen opens, and the ways on from there.
RECOVERY = {
    "recovery": (),
    "recovery, its files": ("d",),
    "recovery, start fresh": ("f",),
}
EVERYWHERE = (*SCREENS, *RECOVERY)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the settings be those of nobody."""
    monkeypatch.setenv("WINCH_HOME", str(tmp_path))


async def motley() -> FakeService:
    """Return a service with downloads in every state, and something to read."""
    service = FakeService()
    service.attempts = [an_attempt(1), a_failure(2)]
    service.log = [f"2026-03-10 12:00:00,1 {level} core: a line" for level in ("INFO", "ERROR")]
    ids = await queue(service, *(f"file-{n}.iso" for n in range(7)))
    service.change(ids[0], status=Status.ACTIVE, phase=Phase.DOWNLOADING, total_bytes=100)
    service.change(ids[1], status=Status.COMPLETED, total_bytes=100)
    error = ErrorInfo(code=ErrorCode.NOT_FOUND, message="nothing there", hint="look again")
    service.change(ids[2], status=Status.FAILED, error=error)
    service.change(ids[3], wait_reason=WaitReason.RETRY, retry_at=NOW)
    service.change(ids[4], status=Status.PAUSED, total_bytes=100)
    service.change(ids[5], status=Status.CANCELLED)
    service.emit_progress({ids[0]: Progress(bytes_downloaded=55, rate=2.0, eta=15)})
    service.emit_progress({ids[4]: Progress(bytes_downloaded=55)})
    return service


async def interrupted() -> FakeService:
    """Return such a service that was interrupted days ago, where a retry is still to come.

    It has a collection too.
    """
    service = await motley()
    retrying, paused = [view.download.id for view in await service.downloads()][3:5]
    await collect_corpus(service)
    service.change(retrying, retry_at=NOW + timedelta(minutes=1))
    interruption = Interruption(at=NOW - timedelta(days=3), phase=Phase.DOWNLOADING)
    service.change(paused, interrupted=interruption)
    return service


def segments(app: WinchApp) -> Iterator[tuple[str, Style]]:
    """Yield what the screen on top shows, in the styles in which the terminal gets it."""
    screen = app.screen
    # What a dialog covers is meant to recede.
    top = screen.children[0].region if screen.is_modal else screen.region
    for strip in screen._compositor.render_strips()[top.y : top.bottom]:
        line = strip.crop(top.x, top.right)
        for line_filter in app._filters:
            if line_filter.enabled:
                line = line.apply_filter(line_filter, screen.background_colors[1])
        yield from ((segment.text, segment.style or Style()) for segment in line)


def reads(text: str) -> bool:
    """Tell whether there is something to read in a text, not only bars and borders."""
    return any(char.isalnum() for char in text)


async def opened(pilot: Pilot[int], name: str) -> WinchApp:
    """Go to a screen or dialog, once the queue is there."""
    app = pilot.app
    assert isinstance(app, WinchApp)
    async with asyncio.timeout(20):
        while len(app.main.store) < 7:
            await pilot.pause()
        while not isinstance(app.screen, RecoveryDialog):
            await pilot.pause()
    await pilot.press(*(RECOVERY[name] if name in RECOVERY else ("escape", *SCREENS[name])))
    await pilot.pause()
    return app


def contrast(one: Color, other: Color) -> float:
    """Return how much two colours differ in brightness, as WCAG 2 reckons it."""
    lights = sorted((luminance(one), luminance(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(color: Color) -> float:
    channels = (part / 255 for part in color.rgb)
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(weight * c for weight, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_contrast_is_reckoned_as_the_guideline_does() -> None:
    white, grey = Color.parse("#ffffff"), Color.parse("#767676")
    assert contrast(white, Color.parse("#000000")) == pytest.approx(21)
    assert contrast(white, grey) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("name", EVERYWHERE)
@pytest.mark.parametrize("theme", [DARK.name, LIGHT.name])
async def test_every_text_is_legible(theme: str, name: str) -> None:
    async with app_for(await interrupted(), theme=theme).run_test(size=(100, 40)) as pilot:
        app = await opened(pilot, name)
        texts = [(text, style) for text, style in segments(app) if reads(text)]
        assert texts
        for text, style in texts:
            assert style.color is not None, text
            assert style.bgcolor is not None, text
            ratio = contrast(
                Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
            )
            assert ratio >= AA, f"{text!r}: {ratio:.2f}, {style}"


@pytest.mark.parametrize("name", EVERYWHERE)
async def test_the_ansi_theme_asks_for_the_terminals_own_colours_only(name: str) -> None:
    async with app_for(await interrupted(), theme=ANSI.name).run_test(size=(100, 40)) as pilot:
        app = await opened(pilot, name)
        for text, style in segments(app):
            for color in (style.color, style.bgcolor):
                assert color is None or color.is_default or color.is_system_defined, text
            # No text in the colour of its ground, whatever the palette is.
            is_hidden = style.color == style.bgcolor and style.color is not None
            assert not is_hidden or style.color.is_default or not reads(text), text


@pytest.mark.parametrize("name", EVERYWHERE)
async def test_no_color_shows_no_colour_at_all(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = app_for(await interrupted(), terminal=Terminal(is_plain=True))
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot, name)
        for text, style in segments(app):
            assert style.color is None or style.color.is_default, text
            assert style.bgcolor is None or style.bgcolor.is_default, text


@pytest.mark.parametrize("terminal", [Terminal(is_plain=True), Terminal()])
async def test_without_shades_the_cursor_is_reversed(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    if terminal.is_plain:
        monkeypatch.setenv("NO_COLOR", "1")
    app = app_for(await interrupted(), terminal=terminal)
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot, "main")
        # Also where it is chosen while the screen is open.
        app.theme = ANSI.name
        await pilot.press("j")
        await pilot.pause()
        reversed_names = [text for text, style in segments(app) if style.reverse and ".iso" in text]
        assert [name.strip() for name in reversed_names] == ["file-1.iso"]


async def test_the_focus_is_seen_without_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    app = app_for(await interrupted(), terminal=Terminal(is_plain=True))
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot, "main")
        for keys, focused in ((("enter", "tab"), "file-0.iso"), (("x",), "y  Remove")):
            await pilot.press(*keys)
            await pilot.pause()
            assert focused in [text.strip() for text, style in segments(app) if style.reverse]


@pytest.mark.parametrize("theme", ["ansi-dark", "ansi-light", "textual-light", "nord"])
async def test_textuals_own_themes_work_too(theme: str) -> None:
    async with app_for(await interrupted(), theme=theme).run_test(size=(100, 40)) as pilot:
        app = await opened(pilot, "main")
        assert any("file-1.iso" in text for text, _ in segments(app))


@pytest.mark.parametrize("name", EVERYWHERE)
async def test_a_terminal_without_utf_8_gets_plain_characters(name: str) -> None:
    app = app_for(await interrupted(), terminal=Terminal(is_ascii=True))
    async with app.run_test(size=(100, 40)) as pilot:
        await opened(pilot, name)
        app.main.notify("A word.", severity="error")
        await pilot.pause()
        assert "".join(text for text, _ in segments(app)).isascii()


async def test_every_state_has_a_sign_and_a_word_of_its_own() -> None:
    async with app_for(await interrupted()).run_test(size=(140, 40)) as pilot:
        app = await opened(pilot, "main")
        lines = "".join(strip.text + "\n" for strip in app.screen._compositor.render_strips())
        rows = [line for line in lines.splitlines() if "file-" in line][:6]
        words = ("downloading", "done", "failed", "retry", "paused", "cancelled")
        assert all(word in row for word, row in zip(words, rows, strict=True))
        assert len({row[2] for row in rows}) == 6
