"""The figures as a file for node_exporter's textfile collector, which runs as another user.

A file that nobody writes any more looks like one that says the truth. So the last thing that is
written is that the service is not up, without a figure; of a service that was killed the age of the
file tells (`node_textfile_mtime_seconds`).
"""

from __future__ import annotations

import asyncio
import getpass
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

from core.adapters.files.public_file import publish_text
from core.adapters.files.threads import run_to_end
from core.domain.exposition import exposition, exposition_of_end
from core.domain.figures import Figures
from core.domain.version import VERSION
from core.engine.downloads.notices import Notices
from core.engine.running.background import Background

log = logging.getLogger(__name__)

EVERY = 15.0
"""Seconds between two writes, as often as Prometheus usually asks."""


class MetricsFile(Background):
    """Writes a file as often as EVERY, and at the end."""

    name = "metrics"

    def __init__(self, figures: Callable[[], Awaitable[Figures]], notices: Notices) -> None:
        self._figures = figures
        self._notices = notices
        self._wanted = self._written = ""
        self._failure = ""
        self._changed = asyncio.Event()
        # Several users' files may lie in one directory, and no two series may be the same.
        self._labels = {"user": _user()}

    def write_to(self, path: str) -> None:
        """Write this file from now on, "" for none."""
        if path != self._wanted:
            self._wanted = path
            self._changed.set()

    async def close(self) -> None:
        await super().close()
        await self._write_end()

    async def _run(self) -> None:
        while True:
            self._changed.clear()
            path = self._wanted
            if path != self._written:
                await self._write_end()
            if path:
                await self._write_figures(path)
            try:
                async with asyncio.timeout(EVERY if path else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _write_figures(self, path: str) -> None:
        try:
            text = exposition(await self._figures(), self._labels)
        except Exception:
            log.exception("the figures could not be told; the file stays as it is")
            return
        await self._write(path, text)
        self._written = path

    async def _write_end(self) -> None:
        if self._written:
            await self._write(self._written, exposition_of_end(VERSION, self._labels))
            self._written = ""

    async def _write(self, path: str, text: str) -> None:
        """Write the file; a failure is told once, until it is another one or there is none."""
        failure = ""
        try:
            await run_to_end(publish_text, Path(path), text)
        except OSError as error:
            failure = f"the metrics file {path} cannot be written: {error.strerror or error}"
        if failure != self._failure:
            self._notices.take_back(self._failure)
            self._failure = failure
            if failure:
                log.warning("%s", failure)
                self._notices.put(failure)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container may run as a number that has no name.
        return "unknown"
