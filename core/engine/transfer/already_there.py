"""A file of a set that lies at its place already: by its digest it is the one, or it is not.

Nothing is asked of a server for it. Only a digest that its source gives proves that: a name and a
length do not.
"""

from __future__ import annotations

from core.adapters.files.checksum import RunningDigest
from core.adapters.files.finished_file import FinishedFile
from core.domain.errors import ChecksumError
from core.domain.models import Phase
from core.engine.transfer.context import DownloadHandle
from core.engine.transfer.naming import Skipped
from core.engine.transfer.verify import STRETCH

VERDICT = "verified: {} is right; the file was there already, and its server was not asked"


async def check_already_there(handle: DownloadHandle) -> None:
    """Raise Skipped where the file of a member is there; raises DiskError where nobody can tell.

    It stays whose it is: `part` is not set, so that no removal takes it for one that winch made.
    """
    if (name := handle.get().request.name) is not None:
        await _check(handle, name)


async def check_left(handle: DownloadHandle, left: Skipped) -> None:
    """Look at a file that a member leaves as it is, as a rule for files that exist says.

    Raises Skipped where it is the member's by its digest, ChecksumError where it is another one:
    then nobody may take it for the file that its source means. DiskError.
    """
    request = handle.get().request
    if request.origin is None:
        return
    await _check(handle, left.name)
    size = request.origin.size
    if request.checksum is not None or size not in (None, left.size):
        raise ChecksumError(
            f"{left.name} is there already, and it is another file than its source names",
            hint="move it away, then `winch retry` it",
        )


async def _check(handle: DownloadHandle, name: str) -> None:
    request = handle.get().request
    origin, checksum = request.origin, request.checksum
    if origin is None or checksum is None:
        return
    file = await FinishedFile.open(f"{request.directory.rstrip('/')}/{name}")
    if file is None:
        return
    try:
        if origin.size not in (None, file.size):
            return
        handle.report(phase=Phase.VERIFYING)
        running = RunningDigest([checksum.algorithm])
        while running.position < file.size:
            before = running.position
            await file.digest(running, min(file.size, before + STRETCH))
            if running.position == before:
                return
        if running.hexdigest(checksum.algorithm) != checksum.hexdigest:
            return
        fields = {"digest": checksum, "left": file.stamp}
        raise Skipped(name, file.size, VERDICT.format(checksum.algorithm), fields)
    finally:
        file.close()
