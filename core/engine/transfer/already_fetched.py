"""A file that another winch has fetched while this one waited for its part file: is it the one?

Whole it is, because a winch gives the final name to whole files only. Whether it is this very file
has to be proved, as before a resume. A digest that is known does that. A Last-Modified that the
file's time repeats does, together with the length and the bytes at places all over the file. Where
the server gives neither, every byte is compared with its answer: slower, but no second copy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.adapters.files.checksum import RunningDigest
from core.adapters.files.finished_file import FinishedFile
from core.domain.models import (
    Checksum,
    Conflict,
    DownloadRequest,
    Phase,
    Resource,
    Validator,
)
from core.engine.transfer.body import Body
from core.engine.transfer.context import DownloadHandle
from core.engine.transfer.naming import Skipped
from core.engine.transfer.opening import Contradicted, Opened
from core.engine.transfer.source import Source
from core.policy.transfer.http_dates import modified_at
from core.policy.transfer.ranges import OVERLAP_BEFORE, Accept, range_request, strong_validator

PLACES = 8
"""How many stretches of a file are compared where a validator speaks for it."""
_BLOCK = 1024 * 1024
"""Bytes that are compared in one go."""


async def check_already_fetched(
    handle: DownloadHandle,
    rule: Conflict,
    source: Source,
    opened: Opened,
    *,
    now: float,
    compared: Callable[[int], None],
) -> Contradicted | None:
    """Look at what another winch has made of the part file that was waited for.

    `now` is the wall time in seconds since the epoch, `compared` hears how many bytes were
    compared, while all of them are. Raises Skipped with what proves it where that is the file.
    Returns that it is another one, and the answer is used up then; None where there is none, or
    the rule says what to do with it. Raises NetworkError and its kin, DiskError.
    """
    request, awaited = handle.get().request, handle.get().awaited
    if awaited is None or rule not in (Conflict.RENAME, Conflict.OVERWRITE):
        return None
    if (file := await FinishedFile.find(request.directory, awaited)) is None:
        return None
    handle.report(phase=Phase.VERIFYING, total_bytes=file.size)
    try:
        proof = await _prove(file, request, source, opened, now=now, compared=compared)
    finally:
        file.close()
    if proof is not None:
        verdict = f"verified: {proof}, in the file that another winch fetched"
        raise Skipped(file.name, file.size, verdict)
    handle.report(awaited=None, total_bytes=None)
    return Contradicted(f"{file.name}, which another winch fetched, is not this file")


async def _prove(
    file: FinishedFile,
    request: DownloadRequest,
    source: Source,
    opened: Opened,
    *,
    now: float,
    compared: Callable[[int], None],
) -> str | None:
    """Return what proves a file to be the one asked for, None where it is another one.

    Raises NetworkError and its kin where the server does not say, DiskError.
    """
    resource = opened.accepted.resource
    if resource.total is not None and resource.total != file.size:
        return None
    digests = [d for d in (request.checksum, resource.digest) if d is not None]
    if digests:
        return await _by_digest(file, digests)
    if _is_of_the_same_time(file, resource, now):
        same = await _at_places(file, source, opened)
        if same is not None:
            where = f"same bytes at {PLACES} places"
            return f"same Last-Modified, same length, {where}" if same else None
    return "the same bytes" if await _throughout(file, opened.body, compared) else None


async def _by_digest(file: FinishedFile, digests: Sequence[Checksum]) -> str | None:
    running = RunningDigest(checksum.algorithm for checksum in digests)
    await file.digest(running, file.size)
    if all(running.hexdigest(c.algorithm) == c.hexdigest for c in digests):
        return f"{digests[0].algorithm} is right"
    return None


def _is_of_the_same_time(file: FinishedFile, resource: Resource, now: float) -> bool:
    """Tell whether a Last-Modified that tells versions apart is the file's own time.

    A finished file has it from the answer that it was fetched with.
    """
    known = resource.validator
    dated = Validator(last_modified=known.last_modified, date=known.date)
    modified = modified_at(known.last_modified, now=now)
    if strong_validator(dated) is None or modified is None or resource.total is None:
        return False
    return resource.ranges and abs(file.modified - modified) < 1.0


async def _at_places(file: FinishedFile, source: Source, opened: Opened) -> bool | None:
    """Tell whether the bytes are the same at both ends and between; None if nothing tells."""
    known = opened.accepted.resource
    furthest = max(0, file.size - OVERLAP_BEFORE)
    for start in sorted({furthest * place // (PLACES - 1) for place in range(PLACES)}):
        end = min(file.size, start + OVERLAP_BEFORE)
        if start == end:
            continue
        asked = range_request(first=start, end=end, known=known)
        async with source.ask(asked, known=known) as (got, judgement):
            if not isinstance(judgement, Accept) or judgement.start != start:
                return None
            body = opened.body.under_same_limits(got, judgement.length)
            if await body.take(end - start) != await file.read(start, end - start):
                return False
    return True


async def _throughout(file: FinishedFile, body: Body, compared: Callable[[int], None]) -> bool:
    position = 0
    while piece := await body.take(_BLOCK):
        if await file.read(position, len(piece)) != piece:
            return False
        position += len(piece)
        compared(position)
    return position == file.size
