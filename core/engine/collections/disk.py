"""What lies on disk where members should be: looked at many at a time, hashed where in doubt."""

from __future__ import annotations

import stat
from collections import defaultdict
from collections.abc import Sequence

from core.adapters.files.checksum import RunningDigest
from core.adapters.files.destination import stamp_of, survey
from core.adapters.files.finished_file import FinishedFile
from core.domain.models import Checksum, Download
from core.engine.transfer.verify import STRETCH
from core.policy.collections.sync_plan import FileState

PATIENCE = 30.0
"""Seconds to wait for the next directory to answer: somebody waits for this, and others do not."""


async def look_at(downloads: Sequence[Download]) -> dict[str, FileState | None]:
    """Return what has the name of each download, by id; None for nothing.

    Left out is what cannot be looked at: nobody knows whether it is there.
    """
    names: defaultdict[str, list[str]] = defaultdict(list)
    for download in downloads:
        names[download.request.directory].append(download.name)
    found = await survey(names, patience=PATIENCE)
    states: dict[str, FileState | None] = {}
    for download in downloads:
        if (there := found.get(download.request.directory)) is None:
            continue
        status = there[download.name]
        if status is None:
            states[download.id] = None
            continue
        is_link = stat.S_ISLNK(status.st_mode)
        size = status.st_size if is_link or stat.S_ISREG(status.st_mode) else None
        states[download.id] = FileState(size=size, stamp=stamp_of(status), is_link=is_link)
    return states


async def digest_of(path: str, algorithm: str) -> Checksum | None:
    """Return the digest of a file, None where none can be read there; raises DiskError."""
    file = await FinishedFile.open(path)
    if file is None:
        return None
    try:
        running = RunningDigest([algorithm])
        while running.position < file.size:
            before = running.position
            await file.digest(running, min(file.size, before + STRETCH))
            if running.position == before:
                break
        return Checksum(algorithm, running.hexdigest(algorithm))
    finally:
        file.close()
