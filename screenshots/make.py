"""Makes the pictures in this directory from the real program: `python screenshots/make.py`.

The real screen, attached to a real daemon that downloads from the demo's server, is drawn at fixed
sizes and saved as SVG and PNG. Takes about a minute and needs the `dev` extra.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import resvg_py
from textual.events import Paste

from core import launcher
from core.domain.models import Checksum, DownloadRequest, Status
from tui.app import WinchApp
from tui.cli.demo import own_daemon, own_home
from tui.demo.files import KIB, MIB, DemoFile
from tui.demo.server import DemoServer

HERE = Path(__file__).parent
DIRECTORY = Path("/tmp/winch-demo")  # noqa: S108 - it is in the pictures; somebody else's ends this
ENOUGH = 0.25
"""How far every moving download is before the first picture is taken."""

# What is done by then.
DONE = (
    DemoFile("checksums-2025.txt", 48 * KIB),
    DemoFile("harbour-at-dawn.jpg", 6 * MIB),
    DemoFile("field-recordings.flac", 42 * MIB, rate=6 * MIB),
)
MOVING = (
    DemoFile("northern-lights-4k.mkv", 900 * MIB, rate=3 * MIB),
    DemoFile("street-map-europe.osm.pbf", 420 * MIB, rate=2 * MIB, ranges=False),
    DemoFile("survey-2024-raw-measurements.tar.zst", 320 * MIB, rate=512 * KIB),
    DemoFile("lecture-01-introduction.mp4", 60 * MIB, rate=192 * KIB),
    DemoFile("lecture-02-cranes-and-winches.mp4", 75 * MIB, rate=288 * KIB),
)
BUSY = DemoFile("rescue-image-arm64.img.xz", 380 * MIB, fail_first=1000)
PAUSED = DemoFile("photo-archive-2019.zip", 640 * MIB, rate=16 * MIB)
WAITING = (
    DemoFile("lecture-03-ropes.mp4", 64 * MIB),
    DemoFile("atlas-of-the-sea-floor.pdf", 210 * MIB),
    DemoFile("radio-play-part-1.opus", 38 * MIB),
    DemoFile("radio-play-part-2.opus", 36 * MIB),
)
MISSING = DemoFile("handbook-3rd-edition.epub", 9 * MIB)  # not served
PASTED = """\
https://example.org/pub/city-model-2025.tar.zst
https://example.org/pub/city-model-2025.tar.zst.sha256
ftp://example.org/pub/readme.txt
"""


async def picture(
    name: str, width: int, height: int, *keys: str, theme: str = "", paste: str = ""
) -> None:
    """Open the screen, press keys, paste, and save what it shows."""
    settings = launcher.load_settings()
    if theme:
        settings = replace(settings, screen=replace(settings.screen, theme=theme))
    app = WinchApp(launcher.connect, settings, directory=str(DIRECTORY), host="harbour")
    async with app.run_test(size=(width, height)) as pilot:
        while not len(app.main.store):
            await pilot.pause(0.05)
        await pilot.press(*keys)
        if paste:
            app.post_message(Paste(paste))
        # For the line of the total rate, and what is asked of the daemon.
        await pilot.pause(4)
        svg = app.export_screenshot(title="winch")
    (HERE / f"{name}.svg").write_text(svg)
    (HERE / f"{name}.png").write_bytes(
        resvg_py.svg_to_bytes(svg_string=svg, zoom=1.5, monospace_family="DejaVu Sans Mono")
    )


def request(server: DemoServer, file: DemoFile, **more: object) -> DownloadRequest:
    """Ask for a file; those whose name begins alike and ends in a number are a group."""
    group = "lectures" if file.name.startswith("lecture") else None
    asked = DownloadRequest(url=server.url(file), directory=str(DIRECTORY), group=group)
    return replace(asked, **more)  # type: ignore[arg-type]


async def progress() -> dict[str, float]:
    """Return how far every unfinished download is, by its name."""
    async with await launcher.connect() as service:
        return {
            view.download.name: view.progress.bytes_downloaded / (view.download.total_bytes or 1)
            for view in await service.downloads()
            if view.download.status is not Status.COMPLETED
        }


async def make(server: DemoServer) -> None:
    """Queue the files, wait until there is something to see, and take the pictures."""
    async with await launcher.connect() as service:
        first = [
            request(server, file, checksum=Checksum("sha256", file.sha256))
            for file in (*DONE, MISSING)
        ]
        (paused,) = await service.add([request(server, PAUSED)])
        await service.add(first)
        while (await progress())[PAUSED.name] < ENOUGH:
            await asyncio.sleep(0.1)
        await service.pause([paused.id])
        while set(await progress()) & {file.name for file in DONE}:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        await service.add([request(server, file) for file in (*MOVING, BUSY, *WAITING)])
    while min((await progress())[file.name] for file in MOVING) < ENOUGH:
        await asyncio.sleep(0.1)
    await picture("main", 120, 30)
    await picture("narrow", 80, 24)
    await picture("details", 120, 40, "j", "enter")
    await picture("add", 120, 30, "a", paste=PASTED)
    await picture("statistics", 120, 40, "S")
    await picture("light", 120, 30, theme="winch-light")


@contextmanager
def own_directory() -> Iterator[None]:
    """Make the directory for the files, and remove it at the end."""
    DIRECTORY.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(DIRECTORY)


def main() -> None:
    """Make every picture."""
    files = (*DONE, *MOVING, BUSY, PAUSED, *WAITING)
    with own_home(), own_directory(), DemoServer(files) as server:
        os.environ |= {"WINCH_LIMITS_ACTIVE": "6", "WINCH_LIMITS_CONNECTIONS_PER_HOST": "24"}
        with own_daemon():
            asyncio.run(make(server))


if __name__ == "__main__":
    main()
