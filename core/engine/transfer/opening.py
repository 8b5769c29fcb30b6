"""Opening a connection: the one place where a stretch is asked for, its answer judged, and proved.

For a download's first connection and for those that join it. The headers of an answer are judged
(`policy.transfer.ranges`), then the last bytes before the resume point, which are fetched again,
are compared with those on disk. What comes out is a body that may be written, or the reason why
not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from core.adapters.net.response import Response
from core.adapters.system.clock import Clock
from core.domain.models import Resource, Validator
from core.domain.value import Value, replace
from core.engine.transfer.body import Body
from core.engine.transfer.resume import UnfinishedFile
from core.engine.transfer.source import Source
from core.policy.transfer.ranges import (
    OVERLAP_BEFORE,
    OVERLAP_BEHIND,
    Accept,
    RangeRequest,
    Reject,
    RestartWhole,
    coding_error,
    range_request,
)
from core.policy.transfer.segments import Claim
from core.policy.transfer.throttle import TokenBucket

_COMPARED = 1024 * 1024
"""Bytes that are compared in one go."""


class Opened(Value, frozen=True):
    """An answer whose `body` holds the file from where it was asked for.

    `setup_seconds` is how long its head took.
    """

    response: Response
    accepted: Accept
    body: Body
    setup_seconds: float


class Contradicted(Value, frozen=True):
    """The answer is of another version of the file, or its bytes are other ones."""

    reason: str
    bytes_differ: bool = False
    grew: bool = False
    """It may still begin with what is here, which comparing all of that would tell."""
    whole: Opened | None = None
    """The version that is there now, from byte 0, where this very answer holds it."""


@asynccontextmanager
async def open_connection(
    source: Source,
    file: UnfinishedFile | None,
    claim: Claim | None,
    *,
    clock: Clock,
    limits: Sequence[TokenBucket],
    on_accept: Callable[[Response, Body], None] = lambda _response, _body: None,
    on_bytes: Callable[[int], None] = lambda _: None,
) -> AsyncIterator[Opened | Contradicted]:
    """Ask for a claimed stretch of a file, or with None for all of it, and prove the answer.

    `on_accept` hears of an answer whose headers are right, `on_bytes` of each piece that proves it:
    a slow server is no mute one while it proves itself. Raises NetworkError and its kin, also for
    an answer that is of no use; DiskError.
    """
    request, known = range_request(first=0), None
    if file is not None and claim is not None:
        known = source.known(file.resource)
        request = _continuation(file, claim, known)
    asked_at = clock.monotonic()
    async with source.ask(request, known=known) as (response, judgement):
        setup = clock.monotonic() - asked_at

        def opened(accepted: Accept) -> Opened:
            return Opened(response, accepted, Body(response, accepted.length, clock, limits), setup)

        match judgement:
            case Reject(error=error):
                raise error
            case RestartWhole(reason=reason, usable=usable, grew=grew):
                yield Contradicted(reason, grew=grew, whole=opened(usable) if usable else None)
            case Accept() as accepted:
                found = opened(accepted)
                on_accept(response, found.body)
                if file is None or claim is None:
                    yield found
                elif await _continues(file, claim, found, on_bytes):
                    _settle(file, claim, accepted)
                    yield found
                else:
                    yield Contradicted("the bytes on the server are other ones", bytes_differ=True)


def _continuation(file: UnfinishedFile, claim: Claim, known: Resource) -> RangeRequest:
    """Ask for a claim, what can be compared before it, and the overlap with its neighbour."""
    if not file.segments.compares:
        return range_request(first=claim.position, end=claim.end, known=known)
    overlap = min(OVERLAP_BEFORE, file.segments.done_before(claim.position))
    end = claim.end
    if end is not None:
        end = min(end + OVERLAP_BEHIND, file.segments.total or end)
    return range_request(
        first=claim.position - overlap,
        end=end,
        known=known,
        overlap=overlap,
    )


async def _continues(
    file: UnfinishedFile, claim: Claim, opened: Opened, on_bytes: Callable[[int], None]
) -> bool:
    """Tell whether a body's bytes before the claim are those on disk, and its length can be."""
    at, total = opened.accepted.start, opened.accepted.resource.total
    while at < claim.position:
        size = min(_COMPARED, claim.position - at)
        if await opened.body.take(size, on_bytes) != await file.part.read(at, size):
            return False
        at += size
    return total is None or file.segments.total is not None or total >= claim.position


def _settle(file: UnfinishedFile, claim: Claim, accepted: Accept) -> None:
    """Take in what an answer that continues a file has settled."""
    if accepted.start < claim.position:
        claim.trust_start()
    if accepted.resource.total is not None and file.segments.total is None:
        file.end_at(accepted.resource.total)


async def continue_longer_file(
    file: UnfinishedFile, opened: Opened, on_bytes: Callable[[int], None]
) -> Claim | None:
    """Return the rest of a file that grew, once an answer from byte 0 is at where that begins.

    All that is here up to the first gap is compared with it, because nothing less proves that
    a longer file begins as this one did; what is here behind the gap comes again. None where
    it is another file. Raises FileChangedError for one that is coded otherwise.
    """
    total, there = file.segments.total, opened.accepted.resource.total
    if total is None or (there is not None and there < total):
        return None
    if error := coding_error(file.resource, opened.accepted.resource):
        raise error
    file.keep_front(total)
    claim = file.segments.claim()
    if claim is None or not await _continues(file, claim, opened, on_bytes):
        return None
    _settle(file, claim, opened.accepted)
    return claim


def continue_file(file: UnfinishedFile, accepted: Accept) -> str:
    """Go on with what a proved answer says of a file; returns the sentence on what proved it."""
    known, now = file.resource, accepted.resource
    file.resource = replace(known, ranges=now.ranges)
    if accepted.same_version:
        return "verified: same validator, same bytes at the seam"
    if known.validator != Validator() or known.url == now.url:
        return "verified: same bytes at the seam, no strong validator"
    # Nothing told versions apart, as the address is another one: from here on its validator does.
    file.resource = replace(file.resource, validator=now.validator)
    length = "same length, " if now.total == known.total else ""
    return f"verified: {length}same bytes at the seam, from another address"
