"""On which file systems downloads wait for room, told once for each time that one is low."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from core.adapters.files import disk
from core.adapters.system.clock import Clock
from core.domain.hooks import LowDisk
from core.domain.models import Download

REST = 600.0
"""Seconds without anybody waiting after which a file system that is low again is told again: one
that is about full lets downloads go on for moments only."""


class LowDisks:
    """Follows who waits; `tell` is called where a file system gets low."""

    def __init__(self, clock: Clock, tell: Callable[[LowDisk], None]) -> None:
        self._clock = clock
        self._tell = tell
        self._devices: dict[str, int] = {}
        self._waiting: Counter[int] = Counter()
        self._ended: dict[int, float] = {}

    def waits(self, download: Download, low_water: int) -> None:
        """Take in that a download waits for room."""
        directory = download.request.directory
        space = disk.space(directory)
        if space is None or download.id in self._devices:
            return
        device, now = space.device, self._clock.boottime()
        is_new = not self._waiting[device] and now - self._ended.get(device, -REST) >= REST
        self._devices[download.id] = device
        self._waiting[device] += 1
        if is_new:
            self._tell(LowDisk(directory=directory, free=space.free, low_water=low_water))

    def ends(self, download_id: str) -> None:
        """Take in that a download waits for room no more, if it did."""
        if (device := self._devices.pop(download_id, None)) is not None:
            self._waiting[device] -= 1
            if not self._waiting[device]:
                self._ended[device] = self._clock.boottime()
