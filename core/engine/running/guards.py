"""What keeps downloads from running though it is their turn: no network, no room, or another winch.

None is a failure of the download: it waits without using up its retries and goes on by itself.
Nothing is looked at while nothing runs, and the network only once something has gone wrong.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from core.adapters.files.part_lock import PartInUseError, is_locked
from core.adapters.net.proxies import connected_host
from core.domain.errors import DiskError, DiskFullError, NetworkError, WinchError
from core.domain.models import Download, Phase, Status, WaitReason
from core.domain.settings import DiskSettings
from core.domain.stores import endpoint_of, is_store
from core.domain.units import rough_size
from core.domain.value import Value
from core.engine.downloads.list import DownloadList
from core.engine.running.disk_room import DiskRoom
from core.engine.running.low_disks import LowDisks
from core.engine.transfer.context import TransferContext

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


class Wait(Value, frozen=True):
    """Why a download waits: the reason, what to tell the person, and no try before a time."""

    reason: WaitReason
    error: WinchError
    not_before: float = 0.0


class Pause(Value, frozen=True):
    """Why a download rests until a person has mended the cause."""

    error: WinchError


@dataclass(slots=True)
class _Running:
    done: int = -1
    idle: int = 0


class Guards:
    """Watches network and disks for the downloads of the list.

    A server that is silent for `grace` seconds has no room reserved any more. `on_stop` is awaited
    with downloads that have to wait or to rest, and why; `on_change` is called with downloads whose
    reason to wait is gone.
    """

    def __init__(
        self,
        settings: DiskSettings,
        downloads: DownloadList,
        context: TransferContext,
        *,
        grace: float,
        on_stop: Callable[[list[str], Wait | Pause], Awaitable[None]],
        on_change: Callable[[list[str]], None],
    ) -> None:
        self._downloads = downloads
        self._clock = context.clock
        self._network = context.network
        self._room = DiskRoom(settings, downloads, context.clock, grace)
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
        self._is_closed = False
        self.low_disks: LowDisks | None = None
        """Hears of who waits for room."""

    def configure(self, settings: DiskSettings) -> None:
        self._room.configure(settings)

    @property
    def is_waiting(self) -> bool:
        """Whether any download waits for the network, a disk or another process."""
        return any(self._waits.values())

    def reserve(self, download: Download) -> Wait | None:
        """Reserve the room that a download takes that is to start, or return what it waits for."""
        if self._unreachable:
            hosts = self._hosts_of(download)
            if all(self._unreachable[host] > 0 for host in hosts):
                return Wait(WaitReason.NO_NETWORK, _no_network(hosts))
        try:
            self._room.reserve(download)
        except DiskFullError as error:
            return Wait(WaitReason.DISK_LOW, error) if self._room.can_fit(download) else None
        return None

    def claim_room(self, download: Download, total: int | None) -> None:
        """Take in the length that the server told; raises DiskFullError where it does not fit."""
        self._room.reserve(download, total)

    async def on_failure(self, download: Download, error: WinchError) -> Wait | None:
        """Return what a download that failed has to wait for; None where the cause is its own."""
        if isinstance(error, DiskFullError):
            if not self._room.can_fit(download):
                return None
            in_vain = self._room.has_enough(download)
            pause = self._clock.monotonic() + QUOTA_PAUSE if in_vain else 0.0
            return Wait(WaitReason.DISK_LOW, error, pause)
        if isinstance(error, PartInUseError):
            return Wait(WaitReason.IN_USE, error)
        if isinstance(error, NetworkError):
            hosts = self._hosts_of(download)
            if not await self._reaches_any(hosts):
                return Wait(WaitReason.NO_NETWORK, _no_network(hosts))
        return None

    def started(self, download: Download) -> None:
        """Watch a download that runs now."""
        self._running[download.id] = _Running()
        self._watch("disks", self._watch_running)

    def ended(self, download_id: str) -> None:
        """Forget a download that does not run any more, and what it had reserved."""
        self._running.pop(download_id, None)
        self._room.release(download_id)

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
            if self.low_disks is not None:
                self.low_disks.waits(download, self._room.low_bytes)
            self._watch("disks", self._watch_running)

    def forget(self, download_id: str) -> None:
        """Drop a download that waits no more, with what its server was believed."""
        self._end_wait(download_id)
        self._room.forget(download_id)

    def _end_wait(self, download_id: str) -> None:
        for waits in self._waits.values():
            waits.pop(download_id, None)
        if self.low_disks is not None:
            self.low_disks.ends(download_id)
        for host in self._hosts.pop(download_id, ()):
            self._unreachable[host] -= 1
            if not self._unreachable[host]:
                del self._unreachable[host]

    async def close(self) -> None:
        self._is_closed = True
        tasks = list(self._watches.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _watch(self, name: str, loop: Callable[[], Coroutine[Any, Any, None]]) -> None:
        task = self._watches.get(name)
        if (task is None or task.done()) and not self._is_closed:
            self._watches[name] = asyncio.create_task(_persist(loop), name=f"watch {name}")

    def _release(self, ids: list[str]) -> None:
        for id_ in ids:
            self._end_wait(id_)
        if ids:
            self._on_change(ids)

    # -- the disks --------------------------------------------------------------------------------

    async def _watch_running(self) -> None:
        waits = self._waits[WaitReason.DISK_LOW]
        while self._running or waits:
            await asyncio.sleep(POLL)
            await self._look_at_disks(waits)
            await self._look_at_stalled()

    async def _look_at_disks(self, waits: dict[str, Wait]) -> None:
        downloads = self._downloads
        begun = dict(self._running)
        running = [downloads[id_] for id_ in begun]
        waiting = sorted((downloads[id_] for id_ in waits), key=lambda d: d.sort_key)
        spaces, devices = await self._room.look((*running, *waiting))
        # As they are by now: a length may have become known during the look. What was started anew
        # meanwhile is another matter.
        still = [downloads[id_] for id_, it in begun.items() if self._running.get(id_) is it]
        if lost := self._room.lost(still, devices):
            # Those too that are still to come: under its name they would write somewhere else.
            those = [d.id for d in downloads if _writes_to(d, lost)]
            await self._on_stop(those, Pause(_lost(lost)))
            return
        if low := self._room.update(still, spaces):
            text = f"less than {rough_size(self._room.low_bytes)} are free"
            await self._on_stop(low, Wait(WaitReason.DISK_LOW, DiskFullError(text)))
            return
        now = self._clock.monotonic()
        due = [d for d in waiting if d.id in waits and waits[d.id].not_before <= now]
        self._release(self._room.who_may_go_on(due, spaces))

    # -- the network ------------------------------------------------------------------------------

    def _hosts_of(self, download: Download) -> frozenset[str]:
        request = download.request
        options = request.origin.options if request.origin is not None else {}
        return frozenset(_host_of(url, options) for url in (request.url, *request.mirrors))

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
                stalled.append((id_, self._hosts_of(self._downloads[id_])))
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


def _unlocked(paths: dict[str, str]) -> list[str]:
    return [id_ for id_, path in paths.items() if not is_locked(path)]


def _writes_to(download: Download, directories: set[str]) -> bool:
    is_on_its_way = download.status in (Status.PENDING, Status.ACTIVE)
    is_ours = download.wait_reason is not WaitReason.NOT_ADMITTED
    return is_on_its_way and is_ours and download.request.directory in directories


def _lost(directories: set[str]) -> DiskError:
    return DiskError(
        f"{', '.join(sorted(directories))} is no longer on the file system where this began",
        hint="mount it again, then `winch resume`; after a move on purpose that begins anew there",
    )


def _host_of(url: str, options: Mapping[str, str]) -> str:
    """Return the host that is connected to for an address."""
    if url.lower().startswith(("http://", "https://")):
        return connected_host(url)
    if is_store(url):
        return connected_host(endpoint_of(url, options, os.environ))
    # Where a package leads, only its source knows: a failure is not put down to the network.
    return "localhost"


def _no_network(hosts: frozenset[str]) -> NetworkError:
    return NetworkError(f"this computer has no way to {', '.join(sorted(hosts))}")
