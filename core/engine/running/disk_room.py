"""Room on the disks: what starts has its bytes reserved, and nobody writes to a disk that is low.

For the guards: who has to wait for room, and who may go on. Sizes are bytes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from core.adapters.files import disk
from core.adapters.system.clock import Clock
from core.domain.errors import DiskFullError
from core.domain.models import Download
from core.domain.settings import DiskSettings
from core.domain.units import rough_size
from core.engine.downloads.list import DownloadList
from core.policy.queue.disk_guard import DiskGuard, LengthTrust

Spaces = dict[str, disk.Space]
Devices = dict[str, int]

FRESH = 0.25
"""Seconds for which a look at a disk holds on which there is plenty of room."""
PLENTY = 2**31
"""Bytes that nobody writes in that time, with all the small files that run beside it."""
SMALL = 2**20
"""Bytes below which a file has no room kept free for it where there is plenty."""


class DiskRoom:
    """Keeps room for downloads; one whose server is silent for `grace` seconds keeps none.

    Below `low_bytes` nothing is written.
    """

    def __init__(
        self, settings: DiskSettings, downloads: DownloadList, clock: Clock, grace: float
    ) -> None:
        self._downloads = downloads
        self._clock = clock
        self._grace = grace
        self.low_bytes = settings.low_bytes
        self._disk = DiskGuard(low=settings.low_bytes, high=settings.high_bytes)
        self._trust: dict[str, LengthTrust] = {}
        self._devices: dict[str, int] = {}
        """On which device each runs, by id."""
        self._plenty: dict[str, tuple[float, int]] = {}
        """Until when a small file is let through without a look at its disk, and on which device
        that is, by directory."""

    def configure(self, settings: DiskSettings) -> None:
        """Let other marks hold, from the next look at the disks on."""
        self.low_bytes = settings.low_bytes
        self._disk.set_marks(low=settings.low_bytes, high=settings.high_bytes)

    def release(self, download_id: str) -> None:
        """Give back what a download has reserved that does not run any more."""
        self._disk.release(download_id)
        self._devices.pop(download_id, None)

    def forget(self, download_id: str) -> None:
        """Forget how far the server of a download was believed."""
        self._trust.pop(download_id, None)

    def reserve(self, download: Download, total: int | None = None) -> None:
        """Reserve what a download is still to take; raises DiskFullError where that is missing.

        It has `total` bytes in all; None: as many as the list knows of.
        """
        directory = download.request.directory
        size = (download.total_bytes if total is None else total) or 0
        if size < SMALL and (plenty := self._plenty.get(directory)) is not None:
            until, device = plenty
            if until > self._clock.monotonic():
                self._devices.setdefault(download.id, device)
                return
        space = self._look_at(download)
        if space is None:
            return
        needed = self._needed(download, total)
        if needed > space.size:
            raise DiskFullError(
                f"{rough_size(needed)} are to come, but the whole file system of {directory} has"
                f" {rough_size(space.size)}",
                hint="choose another directory with -d",
            )
        missing = self._disk.missing(download.id, space.device, needed=needed, free=space.free)
        if missing:
            raise DiskFullError(
                f"{rough_size(missing)} of room are missing in {directory};"
                f" {rough_size(self.low_bytes)} stay free",
                hint="make room, or lower low_water in the section [disk] of config.toml",
            )
        self._devices.setdefault(download.id, space.device)
        self._keep_free(download.id, space, needed)

    def _look_at(self, download: Download) -> disk.Space | None:
        """Return the file system of a download, and remember for a moment if it has plenty."""
        directory = download.request.directory
        if (space := disk.space(directory)) is not None:
            device, free = space.device, space.free
            now = self._clock.monotonic()
            self._plenty = {d: found for d, found in self._plenty.items() if found[0] > now}
            if not self._disk.missing(download.id, device, needed=PLENTY, free=free):
                self._plenty[directory] = now + FRESH, device
        return space

    def can_fit(self, download: Download) -> bool:
        """Tell whether an empty file system has room for a download; not of one that is gone."""
        space = disk.space(download.request.directory)
        return space is not None and self._needed(download) <= space.size

    def has_enough(self, download: Download) -> bool:
        """Tell whether there seems to be room for a download, though a write of it failed."""
        space = disk.space(download.request.directory)
        if space is None:
            return False
        needed = self._needed(download)
        return self._disk.may_go_on(download.id, space.device, needed=needed, free=space.free)

    async def look(self, downloads: Iterable[Download]) -> tuple[Spaces, Devices]:
        """Return how much room there is by directory, and on which device that is.

        Without those that cannot be looked at; one that is gone has a device all the same, that of
        the directory where it would be made.
        """
        known = self._downloads
        for id_ in [i for i in self._trust if i not in known or known[i].status.is_settled]:
            del self._trust[id_]
        directories = {download.request.directory for download in downloads}
        return await asyncio.to_thread(_look, directories)

    def lost(self, running: Iterable[Download], devices: Devices) -> set[str]:
        """Return the directories that are no longer on the file system their downloads write to.

        One that was deleted, or moved away, is none of them: its own attempt will say so.
        """
        lost = set()
        for download in running:
            directory = download.request.directory
            device, began_on = devices.get(directory), self._devices.get(download.id)
            if device is not None and began_on is not None and device != began_on:
                lost.add(directory)
        return lost

    def update(self, running: Iterable[Download], spaces: Spaces) -> list[str]:
        """Reserve what running downloads still need, and return those whose disk is low."""
        low = []
        for download in running:
            space = spaces.get(download.request.directory)
            if space is None:
                continue
            self._devices.setdefault(download.id, space.device)
            needed = self._needed(download)
            if needed <= space.size:  # else it is about to fail
                self._keep_free(download.id, space, needed)
            if self._disk.is_low(space.free) and (needed or download.total_bytes is None):
                low.append(download.id)
        return low

    def who_may_go_on(self, waiting: Iterable[Download], spaces: Spaces) -> list[str]:
        """Return those of the waiting that have room together, taken in their order."""
        going: list[str] = []
        for download in waiting:
            space = spaces.get(download.request.directory)
            if space is None:
                # The directory is gone: the attempt will say so.
                going.append(download.id)
                continue
            needed = self._needed(download)
            if self._disk.may_go_on(download.id, space.device, needed=needed, free=space.free):
                self._keep_free(download.id, space, needed)
                going.append(download.id)
        for id_ in going:
            self._disk.release(id_)
        return going

    def _needed(self, download: Download, total: int | None = None) -> int:
        """Return the bytes of room that a download is still to take."""
        there = self._downloads.progress_of(download.id).bytes_downloaded
        if download.name_settled:
            there = max(there, disk.allocated(download.part_path))
        size = download.total_bytes if total is None else total
        return max(0, (size or 0) - there)

    def _keep_free(self, download_id: str, space: disk.Space, needed: int) -> None:
        """Reserve room, as far as the bytes that are to take it come."""
        now = self._clock.monotonic()
        trust = self._trust.setdefault(download_id, LengthTrust(now, grace=self._grace))
        trust.note(self._downloads.progress_of(download_id).bytes_downloaded, now)
        self._disk.reserve(download_id, space.device, trust.of(needed, now))


def _look(directories: set[str]) -> tuple[Spaces, Devices]:
    spaces: Spaces = {}
    devices: Devices = {}
    for directory in directories:
        if (space := disk.space(directory)) is not None:
            spaces[directory], devices[directory] = space, space.device
        elif (device := disk.device_below(directory)) is not None:
            devices[directory] = device
    return spaces, devices
