"""What the screen looks like, cell by cell, with a clock that stands still.

A picture that has changed on purpose is made anew with WINCH_PICTURES=new, and looked at in the
difference. The first line is left out where it shows this machine and what it has just done.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual.pilot import Pilot

from core.domain.collections import SyncPlan
from core.domain.models import PartIdentity, TimelineEntry
from tests.fakes import FakeService
from tests.tui.samples import NOW, app_for, collect_corpus, screen_text
from tests.tui.terminal.test_theme import motley
from tui.app import WinchApp

PICTURES = Path(__file__).parent / "pictures"
SIZES = ((80, 24), (120, 40), (200, 60))


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


async def still() -> FakeService:
    """Return a service in which every moment is the same."""
    service = await motley()
    for view in await service.downloads():
        timeline = (TimelineEntry(at=NOW, text="added"),)
        part = PartIdentity(device=1, inode=2)
        service.change(view.download.id, created_at=NOW, timeline=timeline, part=part)
    return service


async def picture(pilot: Pilot[int], shows: str) -> str:
    """Return what is shown once it shows something, and stays as it is."""
    app = pilot.app
    assert isinstance(app, WinchApp)
    text = before = ""
    async with asyncio.timeout(20):
        while shows not in text or text != before:
            before = text
            await pilot.pause()
            text = screen_text(app)
    return "\n".join(line.rstrip() for line in text.splitlines()[1:]) + "\n"


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("name", "keys", "shows"),
    [
        ("main", (), "file-6.iso"),
        ("marked", ("space", "space", "j"), "●"),
        ("filtered", ("slash", *"file-3"), "file-3.iso"),
        # Of one that stands still: a graph of the last minutes would show how long this takes.
        ("details", (*"jjjj", "enter"), "https://example.org/4"),
        ("help", ("question_mark",), "Esc closes"),
        ("add", ("a",), "Write at least one URL."),
        ("remove", ("x",), "Remove file-0.iso"),
    ],
)
async def test_it_looks_as_it_did(
    size: tuple[int, int], name: str, keys: tuple[str, ...], shows: str
) -> None:
    await compare(await still(), name, size, keys, shows)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize(
    ("name", "keys", "shows"),
    [
        ("collection-row", ("G",), "corpus"),
        ("collection-unfolded", ("G", "l"), "sub-06"),
        ("collection", ("G", "enter"), "vanished"),
        ("collection-sync", ("G", "enter", "s"), "as they are"),
    ],
)
async def test_a_collection_looks_as_it_did(
    size: tuple[int, int], name: str, keys: tuple[str, ...], shows: str
) -> None:
    service = await still()
    await collect_corpus(service)
    gone = ("sub-99/scan.nii.gz",)
    service.plans["corpus"] = SyncPlan(
        new=("sub-07/scan.nii.gz",), vanished=gone, deleted=gone, unchanged=6
    )
    await compare(service, name, size, keys, shows)


async def compare(
    service: FakeService, name: str, size: tuple[int, int], keys: tuple[str, ...], shows: str
) -> None:
    async with app_for(service).run_test(size=size) as pilot:
        await picture(pilot, "file-6.iso")
        await pilot.press(*keys)
        now = await picture(pilot, shows)
    file = PICTURES / f"{name}-{size[0]}x{size[1]}.txt"
    if os.environ.get("WINCH_PICTURES") == "new":
        file.write_text(now, encoding="utf-8")
    assert now == file.read_text(encoding="utf-8")
