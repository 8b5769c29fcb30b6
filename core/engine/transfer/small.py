"""The straight way of a small file: its body whole in memory, judged there, named with others.

It needs no pool, segments, checkpoints, record or part file. What is not plain (a slow server, a
digest that is wrong, a name that is taken) goes on the long way, with what has come so far.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from core.adapters.files.checksum import digest_of
from core.adapters.files.file_batch import NeedsPartFileError, NewFile
from core.domain.errors import WinchError
from core.domain.models import Conflict, Download
from core.domain.value import Value
from core.engine.transfer.body import Body
from core.engine.transfer.committer import Committer
from core.engine.transfer.context import Whole
from core.engine.transfer.member import kept_of
from core.engine.transfer.naming import coding_note
from core.engine.transfer.pieces import are_right
from core.engine.transfer.receiving import PATIENCE
from core.engine.transfer.verify import DigestResult, expected_digests, right_verdict
from core.policy.transfer.http_dates import modified_at
from core.policy.transfer.ranges import Accept

MOST = 256 * 1024
"""Bytes of a file that is fetched in one go."""


class SmallFile(Value, frozen=True):
    """A file that has arrived, whole; its digests are right, those that are known."""

    accepted: Accept
    wanted: str
    pieces: Sequence[bytes]
    results: Sequence[DigestResult]


def is_small(accepted: Accept) -> bool:
    """Tell whether an answer holds a whole file of a known, small length."""
    total = accepted.resource.total
    return total is not None and total <= MOST and accepted.length == total and not accepted.start


async def receive(
    download: Download, accepted: Accept, wanted: str, body: Body
) -> SmallFile | None:
    """Read a small file that is to have the name `wanted`; None where it is to go the long way.

    Nothing of its body is lost then. It does so where it takes its time, so that a file which comes
    slowly shows and keeps its progress, where it breaks off, and where a digest is another one.
    """
    total, pieces = accepted.resource.total or 0, [body.ready()]
    size = len(pieces[0])
    try:
        if size < total:
            async with asyncio.timeout(PATIENCE):
                while size < total:
                    piece = bytes(await body.read())
                    pieces.append(piece)
                    size += len(piece)
    except (TimeoutError, WinchError):
        body.push_back(b"".join(pieces))
        return None
    results = [
        DigestResult(checksum, authority, digest_of(checksum.algorithm, pieces))
        for checksum, authority in expected_digests(accepted.resource, download.request.checksum)
    ]
    origin = download.request.origin
    holds = all(result.holds for result in results)
    if origin is not None and origin.pieces is not None:
        holds = holds and are_right(origin.pieces, pieces)
    if not holds:
        body.push_back(b"".join(pieces))
        return None
    return SmallFile(accepted, wanted, pieces, results)


async def commit(
    download: Download, small: SmallFile, rule: Conflict, committer: Committer, *, now: float
) -> Whole | None:
    """Make the file; None where that takes a part file. `now` is the wall time.

    Raises DiskError, DestinationError, StateError.
    """
    resource = small.accepted.resource
    file = NewFile(
        download.request.directory,
        small.wanted,
        small.pieces,
        renames=rule is Conflict.RENAME,
        modified=modified_at(resource.validator.last_modified, now=now),
    )
    await committer.commit(download.id, file)
    if isinstance(file.error, NeedsPartFileError):
        return None
    if file.error is not None:
        raise file.error
    fields: dict[str, object] = {
        "part": file.identity,
        "left": file.stamp,
        "total_bytes": resource.total,
    }
    notes = [coding_note(resource.coding)] if resource.coding is not None else []
    digest = small.results[0].expected if small.results else None
    fields |= kept_of(download, resource, digest)
    if small.results:
        fields["resume_verdict"] = right_verdict(small.results)
        notes += map(str, small.results)
    return Whole(file.name, fields, tuple(notes))
