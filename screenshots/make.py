"""Makes the pictures in this directory from the real program: `python screenshots/make.py`.

The real screen, attached to a real daemon that downloads from the demo's server, is drawn at fixed
sizes and saved as SVG and PNG. Takes about a minute and needs the `dev` extra.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import resvg_py
from textual.events import Paste
from textual.pilot import Pilot

from core import launcher
from core.domain.collections import CollectionRequest, Verdict
from core.domain.entries import SourceSpec
from core.domain.machines import Host
from core.domain.models import Checksum, DownloadRecord, DownloadRequest, Status
from core.domain.value import replace
from tui.app import WinchApp
from tui.cli.demo import entry_for, own_daemon, own_home
from tui.control.configuration import load_settings
from tui.control.hosts import Elsewhere
from tui.demo.files import KIB, MIB, DemoFile, DemoSet
from tui.demo.server import DemoServer

HERE = Path(__file__).parent
WINCH = str(Path(sys.executable).with_name("winch"))
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
    DemoFile("northern-lights-4k.mkv", 1400 * MIB, rate=3 * MIB),
    DemoFile("street-map-europe.osm.pbf", 180 * MIB, rate=2 * MIB, ranges=False),
    DemoFile("survey-2024-raw-measurements.tar.zst", 240 * MIB, rate=600 * KIB),
    DemoFile("lecture-01-introduction.mp4", 90 * MIB, rate=192 * KIB),
    DemoFile("lecture-02-cranes-and-winches.mp4", 105 * MIB, rate=288 * KIB),
)
BUSY = DemoFile("rescue-image-arm64.img.xz", 380 * MIB, fail_first=1000)
PAUSED = DemoFile("photo-archive-2019.zip", 640 * MIB, rate=16 * MIB)
WAITING = (
    DemoFile("lecture-03-ropes.mp4", 64 * MIB, rate=96 * KIB),
    DemoFile("atlas-of-the-sea-floor.pdf", 210 * MIB, rate=MIB),
    DemoFile("radio-play-part-1.opus", 38 * MIB),
    DemoFile("radio-play-part-2.opus", 36 * MIB),
)
MISSING = DemoFile("handbook-3rd-edition.epub", 9 * MIB)  # not served
# What is one thing, with a file that is bad and one that is missing; the last of it take long.
_SLOW = 3
_CHARTS = tuple(
    DemoFile(f"{sea}/chart-{number:02}.tif", size, rate=rate)
    for sea in ("baltic", "north-sea", "skagerrak")
    for number, size, rate in (
        *((number, 2 * MIB, None) for number in range(1, 8)),
        (8, 36 * MIB, 64 * KIB),
    )
)
CHARTS = DemoSet("sea-charts", _CHARTS, damaged=_CHARTS[2], missing=_CHARTS[11])
PASTED = """\
https://example.org/pub/city-model-2025.tar.zst
https://example.org/pub/city-model-2025.tar.zst.sha256
ftp://example.org/pub/readme.txt
"""


async def picture(pilot: Pilot[int], name: str, width: int, height: int) -> None:
    """Save what the screen shows in a window of a size."""
    await pilot.resize_terminal(width, height)
    await pilot.pause(1.5)  # for what is asked of the daemon
    svg = pilot.app.export_screenshot(title="winch")
    (HERE / f"{name}.svg").write_text(svg)
    (HERE / f"{name}.png").write_bytes(
        resvg_py.svg_to_bytes(svg_string=svg, zoom=1.5, monospace_family="DejaVu Sans Mono")
    )


async def pictures(server: DemoServer, machines: list[Host]) -> None:
    """Open the screen, wait until there is something to see, and take the pictures."""
    settings = load_settings()
    app = WinchApp(launcher.connect, settings, directory=str(DIRECTORY), host="harbour")
    async with app.run_test(size=(120, 40)) as pilot:
        while not len(app.main.store):
            await pilot.pause(0.1)
        # From the beginning on the first that moves: the graph grows while the details are shown.
        await pilot.press(*"j" * (len(DONE) + 3), "enter")
        while not await under_way():
            await pilot.pause(0.5)
        await queue([request(server, file) for file in WAITING])
        await picture(pilot, "details", 120, 40)
        await pilot.press("enter", "g")
        await picture(pilot, "main", 120, 30)
        await picture(pilot, "narrow", 80, 24)
        await pilot.press(*"j" * (len(DONE) + 2), "enter")
        await picture(pilot, "collection", 120, 30)
        await picture(pilot, "collection-narrow", 80, 24)
        await pilot.press("escape", "g")
        app.theme = "winch-light"
        await picture(pilot, "light", 120, 30)
        app.theme = settings.screen.theme
        await pilot.press("a")
        app.post_message(Paste(PASTED))
        await picture(pilot, "add", 120, 30)
        await pilot.press("escape", "S")
        await picture(pilot, "statistics", 120, 40)
    await machine_pictures(server, machines)


async def machine_pictures(server: DemoServer, machines: list[Host]) -> None:
    """Take those of a screen that drives several machines, one of which does not answer."""
    for host, files in zip(machines, (MOVING[:4], MOVING[2:]), strict=False):
        async with await launcher.connect(host=host) as service:
            place = DIRECTORY / host.name
            place.mkdir()
            await service.add([request(server, file, directory=str(place)) for file in files])
    elsewhere = Elsewhere(
        given=machines,
        reach=lambda host: partial(launcher.connect, host=host, interactive=False),
        named=lambda name: Host(name=name, ssh=("ssh", name)),
    )
    app = WinchApp(
        launcher.connect,
        load_settings(),
        directory=str(DIRECTORY),
        host="harbour",
        elsewhere=elsewhere,
    )
    async with app.run_test(size=(120, 30)) as pilot:
        while not len(app.main.store):
            await pilot.pause(0.1)
        await pilot.press("[", "]")
        await pilot.pause(12)
        await picture(pilot, "machines", 120, 30)
        await picture(pilot, "machines-narrow", 80, 24)


def request(server: DemoServer, file: DemoFile, **more: object) -> DownloadRequest:
    """Ask for a file; the lectures are a group."""
    group = "lectures" if file.name.startswith("lecture") else None
    asked = DownloadRequest(url=server.url(file), directory=str(DIRECTORY), group=group)
    return replace(asked, **more)


async def progress() -> dict[str, float]:
    """Return how far every unfinished download is, by its name."""
    async with await launcher.connect() as service:
        return {
            view.download.name: view.progress.bytes_downloaded / (view.download.total_bytes or 1)
            for view in await service.downloads()
            if view.download.status is not Status.COMPLETED
        }


async def under_way() -> bool:
    """Tell whether all that moves has come far enough."""
    now = await progress()
    return all(now[file.name] >= ENOUGH for file in MOVING)


async def queue(requests: list[DownloadRequest]) -> list[DownloadRecord]:
    """Hand requests to the daemon."""
    async with await launcher.connect() as service:
        return await service.add(requests)


async def make(server: DemoServer, machines: list[Host]) -> None:
    """Let some downloads end, one be paused and the others begin, and take the pictures."""
    (paused,) = await queue([request(server, PAUSED)])
    await queue(
        [
            request(server, file, checksum=Checksum("sha256", file.sha256))
            for file in (*DONE, MISSING)
        ]
    )
    while (await progress())[PAUSED.name] < ENOUGH:  # noqa: ASYNC110 (this is no test)
        await asyncio.sleep(0.1)
    async with await launcher.connect() as service:
        await service.pause([paused.id])
    while set(await progress()) & {file.name for file in DONE}:  # noqa: ASYNC110
        await asyncio.sleep(0.1)
    await collect(server)
    await queue([request(server, file) for file in (*MOVING, BUSY)])
    await pictures(server, machines)


async def collect(server: DemoServer) -> None:
    """Fetch a collection but for the last files of it, which take long."""
    asked = DownloadRequest(url="", directory=str(DIRECTORY / CHARTS.name))
    source = SourceSpec(kind="manifest", address="https://example.org/charts/SHA256SUMS")
    async with await launcher.connect() as service:
        await service.collect(
            CollectionRequest(name=CHARTS.name, request=asked, source=source), fed=True
        )
        entries = [entry_for(server, file, CHARTS) for file in CHARTS.files]
        await service.add_entries(CHARTS.name, entries)
        while (await service.collection(CHARTS.name)).verdicts[Verdict.PENDING] > _SLOW:  # noqa: ASYNC110
            await asyncio.sleep(0.1)


@contextmanager
def own_directory() -> Iterator[None]:
    """Make the directory for the files, and remove it at the end."""
    DIRECTORY.mkdir()
    try:
        yield
    finally:
        shutil.rmtree(DIRECTORY)


@contextmanager
def other_machines() -> Iterator[list[Host]]:
    """Make machines of homes here, in place of ssh; the last does not answer."""
    with tempfile.TemporaryDirectory(prefix="winch-machines-") as base:
        homes = {name: str(Path(base, name)) for name in ("lighthouse", "boathouse")}
        yield [
            *(
                Host(
                    name=name,
                    ssh=("env", f"WINCH_HOME={home}", "sh", "-c"),
                    winch=WINCH,
                )
                for name, home in homes.items()
            ),
            Host(name="attic", ssh=("sh", "-c", "echo no route to host >&2; exit 255")),
        ]
        for home in homes.values():
            command = [WINCH, "daemon", "stop"]
            subprocess.run(command, env=os.environ | {"WINCH_HOME": home}, check=True)  # noqa: S603


def main() -> None:
    """Make every picture."""
    files = (*DONE, *MOVING, BUSY, PAUSED, *WAITING, *CHARTS.served)
    with own_home(), own_directory(), DemoServer(files) as server:
        os.environ |= {"WINCH_LIMITS_ACTIVE": "9", "WINCH_LIMITS_CONNECTIONS_PER_HOST": "24"}
        with own_daemon(), other_machines() as machines:
            asyncio.run(make(server, machines))


if __name__ == "__main__":
    main()
