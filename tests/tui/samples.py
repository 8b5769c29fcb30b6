"""Downloads and connections that the tests of the screen share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from textual.app import App
from textual.pilot import Pilot

from core.domain.collections import CollectionRequest
from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import Download, DownloadRequest, Status
from core.domain.service import DownloadService
from core.domain.settings import ScreenSettings, Settings
from tests.fakes import FakeService
from tests.tui import settling
from tui.app import WinchApp
from tui.control.feed import Connect
from tui.terminal.features import Terminal

NOW = datetime(2025, 3, 1, 12, 0, 0, tzinfo=UTC)

# What a server may put into a name or a sentence: markup, escapes, clipboard, C1, bidi, lines.
HOSTILE = (
    "[/",
    "[/b]",
    "[red]x[/red]",
    "[@click=app.exit]x[/]",
    "\x1b]52;c;aGVsbG8=\x07",
    "\x1b[2J\x1b[31m",
    "a\x9b31mb\x90",
    "a\u202egnp.exe\u2066",
    "line\nline\rline\tline",
    "\ud800\u200b\U000e0041",
    "e" + "\u0301" * 40,
    "",
)
FORBIDDEN = ("\x1b", "\x07", "\x9b", "\x90", "\u202e", "\u2066", "\n", "\r", "\t", "\x9c")


def sample(number: int = 1, **changes: object) -> Download:
    """Return a download; `name`, `status` and so on as they are wanted."""
    download = Download(
        id=f"{number:08x}",
        request=DownloadRequest(url=f"https://example.org/{number}", directory="/data"),
        name=f"file-{number}.iso",
        order=float(number),
        created_at=NOW,
    )
    return download.replace(**changes)


def app_for(
    service: FakeService, *, terminal: Terminal | None = None, **screen: object
) -> WinchApp:
    """Return the program before a service, with a clock that stands still."""
    return app_with(_always(service), terminal=terminal, **screen)


def app_with(connect: Connect, *, terminal: Terminal | None = None, **screen: object) -> WinchApp:
    """Return the program with any way to connect; it repaints as often as it can."""
    settings = Settings(screen=ScreenSettings(**({"refresh": 60.0} | screen)))  # type: ignore[arg-type]
    return WinchApp(connect, settings, directory="/data", terminal=terminal, now=lambda: NOW)


async def queue(service: FakeService, *names: str, status: Status = Status.PENDING) -> list[str]:
    """Put downloads with these names into a service and return their ids."""
    requests = [
        DownloadRequest(url=f"https://example.org/{number}", directory="/data", name=name)
        for number, name in enumerate(names)
    ]
    added = await service.add(requests)
    if status is not Status.PENDING:
        for download in added:
            service.change(download.id, status=status, wait_reason=None)
    return [download.id for download in added]


async def collect_corpus(service: FakeService) -> list[str]:
    """Put a collection into a service that has a file of each kind, and return their ids."""
    request = DownloadRequest(url="", directory="/data/corpus")
    source = SourceSpec(kind="manifest", address="https://example.org/corpus/SHA256SUMS")
    await service.collect(CollectionRequest(name="corpus", request=request, source=source))
    paths = [f"sub-{number:02}/scan.nii.gz" for number in range(1, 7)]
    entries = [Entry(url=f"https://example.org/corpus/{path}", path=path) for path in paths]
    outside = Refused(where="line 7", reason="the path '../../x' leads out of the destination")
    added = await service.add_entries("corpus", entries, [outside])
    damaged = ErrorInfo(code=ErrorCode.CHECKSUM, message="its sha256 is another than given")
    gone = ErrorInfo(code=ErrorCode.NOT_FOUND, message="the server answered 404", status=404)
    for id_, error in zip(added.ids, (None, None, damaged, gone, gone), strict=False):
        status = Status.COMPLETED if error is None else Status.FAILED
        service.change(id_, status=status, error=error, total_bytes=5_000_000)
    service.change_record(
        "corpus", vanished=("sub-99/scan.nii.gz",), vanished_count=1, created_at=NOW
    )
    return list(added.ids)


def assert_harmless(*shown: str) -> None:
    """Let nothing be shown that a terminal would take for more than text."""
    for line in "\n".join(shown).split("\n"):
        assert not any(mark in line for mark in FORBIDDEN), line


def screen_text(app: App[Any]) -> str:
    """Return what the terminal shows."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def until(pilot: Pilot[Any], *texts: str, gone: str = "\0") -> str:
    """Wait until the terminal shows all texts, and one no longer; return what it shows."""
    shown = ""
    try:
        async with asyncio.timeout(20), _repaints(pilot.app) as repainted:
            while True:
                await settling.shown(pilot.app)
                shown = screen_text(pilot.app)
                if shown and all(text in shown for text in texts) and gone not in shown:
                    break
                await repainted()
    except TimeoutError:
        pytest.fail(f"not shown: {texts}, or still shown: {gone!r}, in\n{shown}")
    return shown


async def until_gone(pilot: Pilot[Any], text: str) -> None:
    """Wait until the terminal no longer shows a text."""
    await until(pilot, gone=text)


@asynccontextmanager
async def _repaints(app: App[Any]) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Give what waits for the next repaint; a beat without one will do as well."""
    painted, display = asyncio.Event(), app._display

    def tell(*args: Any) -> None:
        display(*args)
        painted.set()

    async def wait() -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.05):
                await painted.wait()
        painted.clear()

    app._display = tell  # type: ignore[method-assign]
    try:
        yield wait
    finally:
        del app._display


def _always(service: FakeService) -> Connect:
    async def connect(*, start: bool = True) -> DownloadService:
        return service

    return connect
