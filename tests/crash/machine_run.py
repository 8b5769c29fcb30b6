"""One run of the machine: a daemon, its world, and what must hold in it at any time."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from core.adapters.state.catalog import Catalog
from core.adapters.system.paths import Paths
from core.domain.errors import ErrorCode, WinchError
from core.domain.models import Download, Status, WaitReason
from core.rpc.client import RemoteService
from tests.crash.machine_daemon import Daemon
from tests.crash.machine_disk import MIB, Disk
from tests.crash.machine_files import Files
from tests.crash.machine_model import Model
from tests.crash.machine_server import Fault, Web
from tests.crash.machine_watch import Watch
from tests.faults.server import FaultServer
from tests.unix import until

SETTINGS = {
    "WINCH_LIMITS_CONNECTIONS": "4",
    "WINCH_LIMITS_MIN_SPLIT": "64k",
    "WINCH_RETRY_ATTEMPTS": "3",
    "WINCH_RETRY_BASE": "0.02",
    "WINCH_RETRY_CAP": "0.1",
    "WINCH_DISK_LOW_WATER": "0",
    "WINCH_DAEMON_LINGER": "600",
}
PATIENCE = 40.0
"""Seconds after which what should have happened will not."""
_WAITS_FOR_US = (WaitReason.DISK_LOW, WaitReason.NO_NETWORK, WaitReason.IN_USE)


class Run:
    """A world of its own under `root`, in which at most `active` downloads run at once."""

    def __init__(self, root: Path, server: FaultServer, *, active: int, small: bool) -> None:
        self.web = Web(server)
        self.model = Model()
        self.home = Disk(root / "home", 16 * MIB, small=small)
        self.disk = Disk(root / "files", 128 * MIB, small=small)
        self.files = Files(self.disk, self.web)
        self._active = active
        self._copy = root / "copy"
        self._paths = Paths.discover({"WINCH_HOME": str(self.home.directory)})
        settings = {**SETTINGS, "WINCH_LIMITS_ACTIVE": str(active)}
        self.daemon = Daemon(self.home.directory, settings)
        self._seen: dict[str, Download] = {}
        self.service: RemoteService
        self.watch: Watch

    # -- the daemon -------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the daemon; where the disk of its state is full it may say so instead."""
        error = await asyncio.to_thread(self.daemon.start)
        if error is not None and self.home.is_full:
            assert error.code in (ErrorCode.DISK_FULL, ErrorCode.STATE), error
            self.home.free()
            error = await asyncio.to_thread(self.daemon.start)
        assert error is None, error
        self.service = await self.daemon.connect()
        self.watch = Watch(self.service)
        await self.watch.began.wait()
        self.model.is_settled = self.model.in_doubt

    async def stop(self) -> None:
        """End the daemon as a person does."""
        await self.service.shutdown()
        status = await self.daemon.ended()
        assert status is not None, "it does not end"
        assert status == 0 or self.home.is_full, f"status {status}: {self.daemon.complaints}"
        await self._leave()

    async def kill(self) -> None:
        """kill -9 the daemon."""
        self.daemon.kill()
        await self._leave()

    async def kill_amid(
        self,
        asking: Awaitable[object],
        after: float,
        *,
        may_come: Iterable[str] = (),
        may_go: Sequence[Download] = (),
    ) -> None:
        """kill -9 while a request is on its way, at most `after` seconds from its beginning."""
        task = asyncio.ensure_future(asking)
        await asyncio.wait([task], timeout=after)
        self.doubt(may_come=may_come, may_go=may_go)
        self.daemon.kill()
        await asyncio.wait([task])
        with suppress(WinchError):
            task.result()
        await self._leave()

    def doubt(self, *, may_come: Iterable[str] = (), may_go: Sequence[Download] = ()) -> None:
        """Take in that nobody knows what became of a request to add or to remove these."""
        self.files.half_removed(may_go)
        self.model.doubt(may_come=may_come, may_go=[download.id for download in may_go])

    async def close(self) -> None:
        """Leave nothing behind, whatever happened."""
        self.daemon.clear_away()
        if hasattr(self, "watch"):
            await self.watch.close()
            await self.service.close()
        self.home.close()
        self.disk.close()

    # -- what must hold ---------------------------------------------------------------------------

    async def check(self) -> None:
        """Fail where the list or the files are not as they have to be."""
        status = await self.service.status()
        views = await self.service.downloads()
        self._seen = {view.download.id: view.download for view in views}
        self.watch.verify()
        self.model.check(views, held=status.paused)
        for view in views:
            still = view.download.status is not Status.ACTIVE
            assert not (still and view.progress.connections), f"{view.download.id} runs on"
            error = view.download.error
            assert error is None or error.code is not ErrorCode.INTERNAL, error
        self.files.check([view.download for view in views])

    async def check_finished(self) -> None:
        """Fail unless everything is whole, and nothing is left that nobody needs."""
        for download in self.watch.downloads.values():
            self._check_finished(download)
        await self.stop()
        if self.home.was_full:
            # What could not be tidied up then is tidied up at the next start.
            await self.start()
            await self.stop()
        stored = {download.id: download for download in await self._stored()}
        self.files.check_leftovers(stored, self._paths.state_dir / "resume_data")
        complaints = self.daemon.complaints
        assert "Traceback" not in complaints or self.home.was_full, complaints
        log = self._paths.log_file.read_text()
        assert "Traceback" not in log or self.home.was_full, log

    async def let_flow(self, amount: int) -> None:
        """Return once that many bytes have come, or nothing moves any more."""
        goal = self.web.bytes_sent + amount
        await self.until(lambda: self.web.bytes_sent >= goal or not self._moves())

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return once a condition holds; fails where it never does."""
        try:
            async with asyncio.timeout(PATIENCE):
                await until(condition)
        except TimeoutError:
            stuck = [(d.id, d.status, d.wait_reason, d.phase, d.error) for d in self._listed()]
            raise AssertionError(f"nothing happens any more: {stuck}") from None

    def ids(self, *statuses: Status) -> list[str]:
        """Return the downloads that are in one of these states now."""
        return [d.id for d in self._listed() if d.status in statuses]

    def listed(self, ids: Iterable[str]) -> list[Download]:
        """Return these downloads as they were at the last look."""
        return [self._seen[id_] for id_ in ids]

    def _listed(self) -> list[Download]:
        self.watch.verify()
        return list(self.watch.downloads.values())

    def _moves(self) -> bool:
        active, waiting = 0, False
        for download in self._listed():
            stalls = self.web.page(download.request.url).fault is Fault.STALLS
            if download.status is Status.ACTIVE:
                active += 1
                if not stalls:
                    return True
            elif download.status is Status.PENDING:
                waiting = waiting or download.wait_reason not in _WAITS_FOR_US
        return waiting and active < self._active and not self.watch.held

    def _check_finished(self, download: Download) -> None:
        page = self.web.page(download.request.url)
        checksum = download.request.checksum
        if checksum is None or page.has(page.content, checksum):
            assert download.status is Status.COMPLETED, download
        elif download.status is not Status.COMPLETED:
            assert download.error is not None
            assert download.error.code is ErrorCode.CHECKSUM, download

    async def _leave(self) -> None:
        """Look at what a daemon that is gone has left on disk."""
        await self.watch.close()
        await self.service.close()
        stored = await self._stored()
        self.files.check([d for d in stored if d.status is Status.COMPLETED])

    async def _stored(self) -> list[Download]:
        """Return the list as it is on disk, read from a copy; it must be whole."""
        shutil.rmtree(self._copy, ignore_errors=True)
        self._copy.mkdir()
        for path in self._paths.state_dir.glob("downloads.j*"):
            shutil.copy(path, self._copy)
        found = await Catalog(self._copy).load()
        assert found.is_whole, found.notices
        assert found.notices == ()
        self.model.check_stored(found.downloads, held=found.paused)
        return found.downloads
