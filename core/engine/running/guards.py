"""What keeps downloads from running though it is their turn: no network, no room, or another winch.

None is a failure of the download: it waits without using up its retries and goes on by itself.
Nothing is looked at while nothing runs, and the network only once something has gone wrong.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from core.adapters.files import disk
from core.adapters.files.part_lock import PartInUseError, is_locked
from core.adapters.net.proxies import connected_host
from core.domain.errors import DiskFullError, NetworkError, WinchError
from core.domain.models import Download, Phase, WaitReason
from core.domain.settings import DiskSettings
from core.domain.units import rough_size
from core.engine.downloads.list import DownloadList
from core.engine.transfer.context import TransferContext
from core.policy.disk_guard import DiskGuard, LengthTrust

log = logging.getLogger(__name__)

POLL = 1.0
"""Seconds between two looks, at the disks as well as at a network that is down."""
LOCK_POLL = 2.0
"""Seconds between two looks at part files that another process writes: no event tells of it."""
QUOTA_PAUSE = 30.0
"""Seconds to wait where a write failed though there seems to be room: quotas cannot be seen."""
_STALLED = 3
"""Looks without a byte in between after which the network is asked about."""
_WRITING = frozenset({Phase.CONNECTING, Phase.DOWNLOADING})


@dataclass(frozen=True, slots=True)
class Wait:
    """Why a download waits: the reason, what to tell the person, and no try before a time."""

    reason: WaitReason
    error: WinchError
    not_before: float = 0.0


@dataclass(slots=True)
class _Running:
    hosts: frozenset[str]
    done: int = -1
    idle: int = 0


class Guards:
    """Watches network and disks for the downloads of the list.

    A server that is silent for `grace` seconds has no room reserved any more. `on_stop` is awaited
    with running downloads that have to wait, and why; `on_change` is called with downloads whose
    reason to wait is gone.
    """

    def __init__(
        self,
        settings: DiskSettings,
        downloads: DownloadList,
        context: TransferContext,
        *,
        grace: float,
        on_stop: Callable[[list[str], Wait], Awaitable[None]],
        on_change: Callable[[list[str]], None],
    ) -> None:
        self._downloads = downloads
        self._clock = context.clock
        self._network = context.network
        self._low = settings.low_bytes
        self._disk = DiskGuard(low=settings.low_bytes, high=settings.high_bytes)
        self._grace = grace
        self._credits: dict[str, LengthTrust] = {}
        self._on_stop = on_stop
        self._on_change = on_change
        self._running: dict[str, _Running] = {}
        self._waits: dict[WaitReason, dict[str, Wait]] = {
            WaitReason.NO_NETWORK: {},
            WaitReason.DISK_LOW: {},
            WaitReason.IN_USE: {},
        }
        self._hosts: dict[str, frozenset[str]] = {}
        self._unreachable: Counter[str] = Counter()
        self._watches: dict[str, asyncio.Task[None]] = {}

    def configure(self, settings: DiskSettings) -> None:
        """Let other marks hold, from the next look at the disks on."""
        self._low = settings.low_bytes
        self._disk.set_marks(low=settings.low_bytes, high=settings.high_bytes)

    @property
    def is_waiting(self) -> bool:
        """Whether any download waits for the network, a disk or another process."""
        return any(self._waits.values())

    def reserve(self, download: Download) -> Wait | None:
        """Reserve the room that a download takes that is to start, or return what it waits for."""
        hosts = self._hosts_of(download)
        if self._unreachable and all(self._unreachable[host] > 0 for host in hosts):
            return Wait(WaitReason.NO_NETWORK, _no_network(hosts))
        try:
            self._reserve_room(download)
        except DiskFullError as error:
            return Wait(WaitReason.DISK_LOW, error) if self._can_fit(download) else None
        return None

    def claim_room(self, download_id: str, total: int | None) -> None:
        """Take in the length that the server told; raises DiskFullError where it does not fit."""
        download = self._downloads.update(self._downloads[download_id], total_bytes=total)
        self._reserve_room(download)

    async def on_failure(self, download: Download, error: WinchError) -> Wait | None:
        """Return what a download that failed has to wait for; None where the cause is its own."""
        if isinstance(error, DiskFullError):
            return self._after_full_disk(download, error)
        if isinstance(error, PartInUseError):
            return Wait(WaitReason.IN_USE, error)
        if isinstance(error, NetworkError):
            hosts = self._hosts_of(download)
            if not await self._reaches_any(hosts):
                return Wait(WaitReason.NO_NETWORK, _no_network(hosts))
        return None

    def started(self, download: Download) -> None:
        """Watch a download that runs now."""
        self._running[download.id] = _Running(self._hosts_of(download))
        self._watch("disks", self._watch_running)

    def ended(self, download_id: str) -> None:
        """Forget a download that does not run any more, and what it had reserved."""
        self._running.pop(download_id, None)
        self._disk.release(download_id)

    def wait(self, download: Download, wait: Wait) -> None:
        """Have `on_change` called once a download need not wait any more."""
        self._end_wait(download.id)
        self._waits[wait.reason][download.id] = wait
        if wait.reason is WaitReason.NO_NETWORK:
            self._hosts[download.id] = hosts = self._hosts_of(download)
            self._unreachable.update(hosts)
            self._watch("network", self._watch_network)
        elif wait.reason is WaitReason.IN_USE:
            self._watch("locks", self._watch_locks)
        else:
            self._watch("disks", self._watch_running)

    def forget(self, download_id: str) -> None:
        """Drop a download that waits no more, with what its server was believed."""
        self._end_wait(download_id)
        self._credits.pop(download_id, None)

    def _end_wait(self, download_id: str) -> None:
        for waits in self._waits.values():
            waits.pop(download_id, None)
        for host in self._hosts.pop(download_id, ()):
            self._unreachable[host] -= 1
            if not self._unreachable[host]:
                del self._unreachable[host]

    async def close(self) -> None:
        tasks = list(self._watches.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _watch(self, name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = self._watches.get(name)
        if task is None or task.done():
            self._watches[name] = asyncio.create_task(_persist(loop), name=f"watch {name}")

    def _release(self, ids: list[str]) -> None:
        for id_ in ids:
            self._end_wait(id_)
        if ids:
            self._on_change(ids)

    # -- the disks --------------------------------------------------------------------------------

    def _needed(self, download: Download) -> int:
        """Return the bytes of room that a download is still to take."""
        there = self._downloads.progress_of(download.id).bytes_downloaded
        if download.name_settled:
            there = max(there, disk.allocated(download.part_path))
        return max(0, (download.total_bytes or 0) - there)

    def _reserve_room(self, download: Download) -> None:
        directory = download.request.directory
        space = disk.space(directory)
        if space is None:
            return
        needed = self._needed(download)
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
                f" {rough_size(self._low)} stay free",
                hint="make room, or lower low_water in the section [disk] of config.toml",
            )
        self._keep_free(download.id, space, needed)

    def _keep_free(self, download_id: str, space: disk.Space, needed: int) -> None:
        """Reserve room, as far as the bytes that are to take it come."""
        now = self._clock.monotonic()
        credit = self._credits.setdefault(download_id, LengthTrust(now, grace=self._grace))
        credit.note(self._downloads.progress_of(download_id).bytes_downloaded, now)
        self._disk.reserve(download_id, space.device, credit.of(needed, now))

    def _can_fit(self, download: Download) -> bool:
        space = disk.space(download.request.directory)
        return space is None or self._needed(download) <= space.size

    def _after_full_disk(self, download: Download, error: DiskFullError) -> Wait | None:
        download = self._downloads[download.id]
        space = disk.space(download.request.directory)
        if space is None or not self._can_fit(download):
            return None
        not_before = 0.0
        needed = self._needed(download)
        if self._disk.may_go_on(download.id, space.device, needed=needed, free=space.free):
            not_before = self._clock.monotonic() + QUOTA_PAUSE
        return Wait(WaitReason.DISK_LOW, error, not_before)

    async def _watch_running(self) -> None:
        waits = self._waits[WaitReason.DISK_LOW]
        while self._running or waits:
            await asyncio.sleep(POLL)
            await self._look_at_disks(waits)
            await self._look_at_stalled()

    async def _look_at_disks(self, waits: dict[str, Wait]) -> None:
        downloads = self._downloads
        gone = [i for i in self._credits if i not in downloads or downloads[i].status.is_settled]
        for id_ in gone:
            del self._credits[id_]
        running = [downloads[id_] for id_ in self._running]
        waiting = sorted((downloads[id_] for id_ in waits), key=lambda d: d.sort_key)
        directories = {download.request.directory for download in (*running, *waiting)}
        spaces = await asyncio.to_thread(_spaces, directories)
        low = []
        for id_ in [download.id for download in running if download.id in self._running]:
            # As it is by now: its length may have become known during the look.
            download = downloads[id_]
            space = spaces.get(download.request.directory)
            if space is None:
                continue
            needed = self._needed(download)
            if needed <= space.size:  # else it is about to fail
                self._keep_free(download.id, space, needed)
            if self._disk.is_low(space.free) and (needed or download.total_bytes is None):
                low.append(download.id)
        if low:
            text = f"less than {rough_size(self._low)} are free"
            await self._on_stop(low, Wait(WaitReason.DISK_LOW, DiskFullError(text)))
            return
        self._release(self._with_room(waiting, waits, spaces))

    def _with_room(
        self, waiting: Sequence[Download], waits: dict[str, Wait], spaces: dict[str, disk.Space]
    ) -> list[str]:
        """Return those that may go on together, in the order of the queue."""
        now = self._clock.monotonic()
        going: list[str] = []
        for download in waiting:
            id_ = download.id
            space = spaces.get(download.request.directory)
            if id_ not in waits or waits[id_].not_before > now:
                continue
            if space is None:
                # The directory is gone: the attempt will say so.
                going.append(id_)
                continue
            needed = self._needed(download)
            if self._disk.may_go_on(id_, space.device, needed=needed, free=space.free):
                self._keep_free(id_, space, needed)
                going.append(id_)
        for id_ in going:
            self._disk.release(id_)
        return going

    # -- the network ------------------------------------------------------------------------------

    def _hosts_of(self, download: Download) -> frozenset[str]:
        request = download.request
        return frozenset(connected_host(url) for url in (request.url, *request.mirrors))

    async def _reaches_any(self, hosts: Iterable[str]) -> bool:
        for host in hosts:
            if await self._network.reaches(host):
                return True
        return False

    async def _look_at_stalled(self) -> None:
        """Stop what hangs because the network is gone: its connections would not notice by time."""
        stalled = []
        for id_, running in self._running.items():
            done = self._downloads.progress_of(id_).bytes_downloaded
            idle = done == running.done and self._downloads[id_].phase in _WRITING
            running.idle = running.idle + 1 if idle else 0
            running.done = done
            if running.idle >= _STALLED:
                stalled.append((id_, running.hosts))
        if not stalled or self._network.has_way_out():
            return
        cut_off = [id_ for id_, hosts in stalled if not await self._reaches_any(hosts)]
        if cut_off:
            hosts = frozenset[str]().union(*(hosts for id_, hosts in stalled if id_ in cut_off))
            await self._on_stop(cut_off, Wait(WaitReason.NO_NETWORK, _no_network(hosts)))

    async def _watch_network(self) -> None:
        waits = self._waits[WaitReason.NO_NETWORK]
        turn = 0
        while waits:
            await asyncio.sleep(POLL)
            hosts = sorted(self._unreachable)
            if not hosts:
                continue
            # One host a turn: where names do not resolve each question takes seconds. The way to
            # one of them is the way to all; what fails again waits again and loses nothing.
            turn += 1
            if await self._network.reaches(hosts[turn % len(hosts)]):
                self._release(list(waits))

    # -- other processes --------------------------------------------------------------------------

    async def _watch_locks(self) -> None:
        waits = self._waits[WaitReason.IN_USE]
        while waits:
            await asyncio.sleep(LOCK_POLL)
            paths = {
                id_: wait.error.path
                for id_, wait in waits.items()
                if isinstance(wait.error, PartInUseError)
            }
            free = await asyncio.to_thread(_unlocked, paths)
            self._release([id_ for id_ in free if id_ in waits])


async def _persist(loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a watch to its end, through what was not foreseen: downloads wait for its word."""
    while True:
        try:
            await loop()
        except Exception:
            log.exception("a watch failed; it goes on")
            await asyncio.sleep(POLL)
        else:
            return


def _spaces(directories: set[str]) -> dict[str, disk.Space]:
    found = {directory: disk.space(directory) for directory in directories}
    return {directory: space for directory, space in found.items() if space is not None}


def _unlocked(paths: dict[str, str]) -> list[str]:
    return [id_ for id_, path in paths.items() if not is_locked(path)]


def _no_network(hosts: frozenset[str]) -> NetworkError:
    return NetworkError(f"this computer has no way to {', '.join(sorted(hosts))}")
