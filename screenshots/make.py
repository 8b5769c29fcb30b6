"""Makes the pictures in this directory from the real program: `python screenshots/make.py`.

The real screen, attached to a real daemon that downloads from the demo's server, is drawn at fixed
sizes and saved as SVG and PNG. Needs the `dev` extra.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import resvg_py

from core import launcher
from core.domain.models import Status
from tui.app import WinchApp
from tui.cli.demo import own_daemon, own_home, request_for
from tui.demo.files import DEMO_FILES, DemoFile
from tui.demo.server import DemoServer

HERE = Path(__file__).parent
ENOUGH = 0.25
"""How far every moving download is before the picture is taken."""


async def picture(name: str, width: int, height: int, *keys: str) -> None:
    """Open the screen, press keys and save what it shows."""
    app = WinchApp(launcher.connect, launcher.load_settings(), directory="/home/you/Downloads")
    async with app.run_test(size=(width, height)) as pilot:
        while not len(app.main.store):
            await pilot.pause(0.05)
        await pilot.press(*keys)
        await pilot.pause(0.6)
        svg = app.export_screenshot(title="winch")
    (HERE / f"{name}.svg").write_text(svg)
    (HERE / f"{name}.png").write_bytes(
        resvg_py.svg_to_bytes(svg_string=svg, zoom=1.5, monospace_family="DejaVu Sans Mono")
    )


async def under_way() -> bool:
    """Tell whether the downloads show every state that a picture should."""
    async with await launcher.connect() as service:
        views = await service.downloads()
    active = [view for view in views if view.download.status is Status.ACTIVE]
    return len(active) >= 2 and all(
        view.progress.bytes_downloaded > ENOUGH * (view.download.total_bytes or 0)
        for view in active
    )


async def make(server: DemoServer, files: list[DemoFile], directory: Path) -> None:
    """Queue the files, wait until there is something to see, and take the pictures."""
    async with await launcher.connect() as service:
        requests = [request_for(server, file, directory) for file in files]
        missing = replace(requests[0], url=server.url(files[0]) + ".missing", checksum=None)
        later = replace(requests[0], url=server.url(files[0]) + "?2", name="later.iso", paused=True)
        await service.add([*requests, missing, later])
    while not await under_way():  # noqa: ASYNC110 (a few seconds, and this is no test)
        await asyncio.sleep(0.1)
    await picture("main", 110, 16)
    await picture("narrow", 80, 16)
    await picture("details", 110, 30, "j", "enter")


def main() -> None:
    """Make every picture."""
    files = [replace(file, rate=file.rate and file.rate // 2) for file in DEMO_FILES]
    with own_home() as directory, DemoServer(files) as server, own_daemon():
        asyncio.run(make(server, files, directory))


if __name__ == "__main__":
    main()
