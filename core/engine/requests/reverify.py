"""Whether a finished file still is what it was: read again from the disk, because somebody asks.

Beside everything else, one file after the other: the list stays as it is meanwhile, and the
downloads go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from core.adapters.files.checksum import RunningDigest
from core.adapters.files.finished_file import FinishedFile
from core.adapters.system.clock import Clock
from core.domain.errors import (
    ChecksumError,
    DiskError,
    NotAllowedError,
    StoppedError,
    WinchError,
)
from core.domain.models import Checksum, DownloadRecord, Progress, Status
from core.domain.outcomes import Outcome, Refusal
from core.engine.downloads.index import SHORT
from core.engine.downloads.list import DownloadList
from core.engine.running.progress import TICK
from core.engine.transfer.verify import STRETCH

log = logging.getLogger(__name__)

UNASKED = "sha256"
"""What is computed where nothing is there to be compared."""
_ANEW = "`winch retry` fetches it anew"


class Reverifier:
    """Verifies completed downloads; `on_change` is called when `is_busy` may have changed."""

    def __init__(
        self, downloads: DownloadList, clock: Clock, on_change: Callable[[], None]
    ) -> None:
        self._downloads = downloads
        self._clock = clock
        self._on_change = on_change
        self._one_at_a_time = asyncio.Lock()
        self._waiting = 0
        self._closed = False
        self._told = 0.0

    @property
    def is_busy(self) -> bool:
        return self._waiting > 0

    async def close(self) -> None:
        """Stop after the stretch that is being read; those who wait get StoppedError."""
        self._closed = True
        async with self._one_at_a_time:
            return

    async def verify(self, chosen: Sequence[DownloadRecord]) -> Outcome:
        changed: list[DownloadRecord] = []
        refused: list[Refusal] = []
        self._waiting += 1
        self._on_change()
        try:
            for id_ in [d.id for d in chosen]:
                try:
                    async with self._one_at_a_time:
                        changed.append(await self._verify(id_))
                except StoppedError:
                    raise
                except WinchError as error:
                    refused.append(Refusal(id=id_, error=error.info()))
            await self._downloads.flush()
        finally:
            self._waiting -= 1
            self._on_change()
        return Outcome(changed=tuple(changed), refused=tuple(refused))

    async def _verify(self, download_id: str) -> DownloadRecord:
        """Verify one file and write down what came of it; raises what is wrong with it."""
        (download,) = self._downloads.resolve([download_id])
        if download.status is not Status.COMPLETED:
            raise NotAllowedError(
                "only a finished file can be verified again", hint="it is verified at its end"
            )
        try:
            verdict, found = await self._judge(download)
        except (ChecksumError, DiskError) as error:
            what = "DAMAGED" if isinstance(error, ChecksumError) else "not verified"
            self._write_down(download_id, f"{what}: {error.message}", error)
            about = {"download": download_id}
            log.warning("%s: %s: %s", download_id[:SHORT], what, error.message, extra=about)
            raise
        # Only of a member: that is compared with what its source says the next time.
        digest = {} if download.request.origin is None else {"digest": found}
        return self._write_down(download_id, f"verified again: {verdict}", None, **digest)

    def _write_down(
        self, download_id: str, verdict: str, error: WinchError | None, **fields: object
    ) -> DownloadRecord:
        # It may have been removed while it was read.
        self._downloads.resolve([download_id])
        self._downloads.note(download_id, verdict)
        info = None if error is None else error.info()
        return self._downloads.update(
            self._downloads[download_id], resume_verdict=verdict, error=info, **fields
        )

    async def _judge(self, download: DownloadRecord) -> tuple[str, Checksum]:
        """Return what proves a file, and its digest; raises ChecksumError, DiskError, StoppedError.

        Where nobody gave a digest, that which it had before counts.
        """
        file = await FinishedFile.open(download.path)
        if file is None:
            raise DiskError(f"{download.path} is not there any more", hint=_ANEW)
        try:
            total, given = download.total_bytes, download.request.checksum
            checksum = given or download.digest
            if total is not None and file.size != total:
                raise ChecksumError(
                    f"it has {file.size} bytes, not {total}",
                    hint=f"somebody changed it; {_ANEW}",
                )
            algorithm = UNASKED if checksum is None else checksum.algorithm
            found = await self._hash(download.id, file, algorithm)
            authority = "as given" if given is not None else "as it was before"
            return _verdict(checksum, found, authority), found
        finally:
            file.close()

    async def _hash(self, download_id: str, file: FinishedFile, algorithm: str) -> Checksum:
        running = RunningDigest([algorithm])
        self._downloads.follow(
            download_id,
            lambda: Progress(bytes_downloaded=file.size, verified=running.position),
        )
        try:
            while running.position < file.size:
                if self._closed:
                    raise StoppedError("winch is stopping", hint="try again in a moment")
                before = running.position
                await file.digest(running, min(file.size, before + STRETCH))
                if running.position == before:
                    raise ChecksumError(f"it ends after {before} bytes, not {file.size}")
                if self._clock.monotonic() - self._told >= TICK:
                    self._told = self._clock.monotonic()
                    self._tell(download_id)
        finally:
            self._downloads.unfollow(download_id)
            self._tell(download_id)
        return Checksum(algorithm, running.hexdigest(algorithm))

    def _tell(self, download_id: str) -> None:
        if download_id in self._downloads:
            self._downloads.publish_progress(
                {download_id: self._downloads.progress_of(download_id)}
            )


def _verdict(expected: Checksum | None, found: Checksum, authority: str) -> str:
    if expected is None:
        found_as = f"{found.algorithm} is {found.hexdigest}"
        return f"its length is right; no checksum is known, its {found_as}"
    if found != expected:
        raise ChecksumError(
            f"{found.algorithm} is {found.hexdigest}, not {expected.hexdigest} {authority}",
            hint=f"somebody changed it, or the disk did; {_ANEW}",
        )
    return f"{found.algorithm} is right"
