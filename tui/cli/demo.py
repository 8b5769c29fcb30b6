"""`winch demo`: the real daemon and the real screen on a bundled server, apart from all else.

On the screen there is a collection too, of which a file is bad and one is missing.

It has a queue, settings and a directory of its own, all temporary: nothing of the person is read
or written, and nothing is left. Whether the files are whole is checked here once more, against
digests that the server's files define.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from core import launcher
from core.domain.collections import CollectionRequest
from core.domain.entries import Entry
from core.domain.errors import ExitCode, WinchError
from core.domain.models import Checksum, DownloadRequest
from tui.cli.following import Following
from tui.cli.progress_display import Reports
from tui.cli.screen import open_screen
from tui.cli.service_access import connected, follow
from tui.cli.signals import Signals
from tui.cli.terminal import has_screen, out, say
from tui.control.configuration import load_settings
from tui.demo.files import DEMO_FILES, DEMO_SET, DemoFile, DemoSet
from tui.demo.server import DemoServer
from tui.text import fmt


def run(_: argparse.Namespace) -> int:
    """Show winch at work and return 0 when every file of the demo is whole."""
    return demonstrate(DEMO_FILES, DEMO_SET)


def demonstrate(files: Sequence[DemoFile], together: DemoSet | None = None) -> int:
    """Serve files, download them with a daemon of their own, and tell which are whole.

    On a terminal that takes as long as the person looks at the screen, where `together` is fetched
    as well.
    """
    served = (*files, *together.served) if together is not None else files
    with own_home() as directory, DemoServer(served) as server, own_daemon():
        requests = [request_for(server, file, directory) for file in files]
        say(f"{len(files)} files from a server on this machine, in a temporary directory")
        follows = not has_screen()
        status = Signals().run(_download(requests, follows=follows))
        if status == ExitCode.OK and not follows:
            if together is not None:
                Signals().run(_collect(server, together, directory))
            status = open_screen(load_settings(), str(directory), farewell=False)
        whole = [_tell(file, directory) for file in files]
        return status or (ExitCode.OK if all(whole) else ExitCode.UNFINISHED)


@contextlib.contextmanager
def own_home() -> Iterator[Path]:
    """Make a temporary home for winch and a directory for the files; both go at the end."""
    before = {name: value for name, value in os.environ.items() if name.startswith("WINCH_")}
    with tempfile.TemporaryDirectory(prefix="winch-demo-") as home:
        directory = Path(home, "files")
        directory.mkdir()
        for name in before:
            del os.environ[name]
        os.environ["WINCH_HOME"] = str(Path(home, "home"))
        try:
            yield directory
        finally:
            del os.environ["WINCH_HOME"]
            os.environ.update(before)


@contextlib.contextmanager
def own_daemon() -> Iterator[None]:
    """End the daemon of the demo, whatever happened, before its directories go."""

    async def stop() -> int:
        await launcher.stop_daemon()
        return ExitCode.OK

    try:
        yield
    finally:
        try:
            Signals().run(stop())
        except WinchError as error:
            say(fmt.sentence(error, brackets=False))


def request_for(server: DemoServer, file: DemoFile, directory: Path) -> DownloadRequest:
    """Ask for a file of the demo, with the checksum that it must have."""
    checksum = Checksum("sha256", file.sha256)
    return DownloadRequest(url=server.url(file), directory=str(directory), checksum=checksum)


async def _download(requests: list[DownloadRequest], *, follows: bool) -> int:
    async with connected() as service:
        following = Following(await service.add(requests))
        if follows:
            await follow(service, following, Reports(say))
            return following.exit_code
    return ExitCode.OK


async def _collect(server: DemoServer, together: DemoSet, directory: Path) -> int:
    request = DownloadRequest(url="", directory=str(directory / together.name))
    entries = [entry_for(server, file, together) for file in together.files]
    async with connected() as service:
        await service.collect(CollectionRequest(name=together.name, request=request), fed=True)
        await service.add_entries(together.name, entries)
    return ExitCode.OK


def entry_for(server: DemoServer, file: DemoFile, together: DemoSet) -> Entry:
    """Name a file of the demo's collection, with the checksum that it should have."""
    should_be = replace(file, name=f"{file.name}, another edition")
    digest = (should_be if file is together.damaged else file).sha256
    return Entry(
        url=server.url(file),
        path=file.name,
        size=file.size,
        checksum=Checksum("sha256", digest),
    )


def _tell(file: DemoFile, directory: Path) -> bool:
    """Print whether a file is whole, by its own digest, and return it."""
    path = directory / file.name
    if not path.exists():
        out(f"{file.name:<24} not finished")
        return False
    with path.open("rb") as stream:
        is_whole = hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
    verdict = "whole, sha256 verified" if is_whole else "DAMAGED: its sha256 is another"
    out(f"{file.name:<24} {fmt.size(path.stat().st_size):>9}  {verdict}")
    return is_whole
