"""The pieces of a file that have a digest each: checked as they arrive, and mended one by one.

What is wrong on disk is known to the piece then, and so is who sent it. Such a piece is fetched
again, alone, from another address, or once more from the only one; an address that sent a few of
them is asked no more. Answers need not be compared where they meet: this proves more than that.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

from core.adapters.files.checksum import RunningDigest, digest_of
from core.adapters.system.clock import Clock
from core.domain.errors import FileChangedError, TransferError, WinchError
from core.domain.origins import PieceHashes
from core.domain.redact import redact_url
from core.engine.transfer.body import Body
from core.engine.transfer.receiving import receive_body
from core.engine.transfer.resume import UnfinishedFile
from core.engine.transfer.source import Source, Sources
from core.engine.transfer.verify import STRETCH
from core.policy.transfer.pieces import Origins, mismatch, stretch_of, touched
from core.policy.transfer.ranges import Accept, Reject, range_request
from core.policy.transfer.segments import SegmentMap
from core.policy.transfer.throttle import TokenBucket

MOST_BAD = 3
"""Pieces that an address may send wrong before it is asked no more."""
_MOST_NOTES = 10
"""Pieces that the timeline names; of more it tells the number."""


class PieceCheck:
    """Checks the pieces of one download's file.

    `note` gets sentences for the timeline, `written` hears of bytes that were fetched again.
    """

    def __init__(
        self,
        pieces: PieceHashes,
        sources: Sources,
        clock: Clock,
        *,
        limits: Sequence[TokenBucket],
        note: Callable[[str], None],
        written: Callable[[int], None],
    ) -> None:
        self._pieces = pieces
        self._sources = sources
        self._clock = clock
        self._limits = limits
        self._note = note
        self._written = written
        self._segments: SegmentMap | None = None
        self._good: set[int] = set()
        self._arriving: dict[int, None] = {}
        self._origins = Origins[Source]()
        self._bad_of = Counter[Source]()
        self._hashing: int | None = None
        self._following: asyncio.Task[None] | None = None
        self.verified: int | None = None
        """How many bytes are judged, None before the whole file is there to be judged."""
        self.mended = 0
        """How many pieces were fetched again."""

    @property
    def count(self) -> int:
        return len(self._pieces.hexdigests)

    def came(self, file: UnfinishedFile, start: int, end: int, source: Source) -> None:
        """Take in who sent bytes that are on disk by now; pieces that they complete are checked."""
        self._follow(file.segments)
        self._origins.came(start, end, source)
        for index in touched(self._pieces, start, end):
            self._good.discard(index)
            self._arriving[index] = None
            if index == self._hashing:
                self._hashing = None  # what is being hashed is not what is there any more
        is_free = self._following is None or self._following.done()
        if is_free and self._next_arrived(file) is not None:
            self._following = asyncio.create_task(self._catch_up(file))

    async def stop(self) -> None:
        """Follow no longer, and return once nothing runs."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
            self._following = None

    async def prove(self, file: UnfinishedFile) -> str | None:
        """Check all pieces of a file that is all there, and fetch again those that are wrong.

        Returns in a sentence what stays wrong, None where all of them are right. Raises
        NetworkError and its kin where one cannot be fetched now; DiskError.
        """
        self._follow(file.segments)
        if self._following is not None:
            await asyncio.wait([self._following])
        if (reason := mismatch(self._pieces, file.segments.bytes_done)) is not None:
            return reason
        try:
            for index in range(self.count):
                self.verified = index * self._pieces.length
                if index not in self._good and not await self._is_right(file, index):
                    if (reason := await self._mend(file, index)) is not None:
                        return reason
                    self.mended += 1
        finally:
            self.verified = None
        if self.mended > _MOST_NOTES:
            self._note(f"{self.mended:,} pieces came wrong and were fetched again")
        return None

    # -- what is there ----------------------------------------------------------------------------

    def _follow(self, segments: SegmentMap) -> None:
        """Forget what was known of a file that has been laid out anew since."""
        if segments is not self._segments:
            self._segments, self._hashing = segments, None
            self._good, self._arriving, self._origins = set(), {}, Origins()
            self._bad_of.clear()

    def _stretch(self, index: int, file: UnfinishedFile) -> tuple[int, int]:
        total = file.segments.total
        if total is None:
            total = self.count * self._pieces.length
        return stretch_of(self._pieces, index, total)

    def _next_arrived(self, file: UnfinishedFile) -> int | None:
        """Return a piece all of which is there, None while there is none unchecked."""
        for index in self._arriving:
            start, end = self._stretch(index, file)
            if file.segments.done_after(start) >= end - start:
                return index
        return None

    async def _catch_up(self, file: UnfinishedFile) -> None:
        try:
            while (index := self._next_arrived(file)) is not None:
                del self._arriving[index]
                if not await self._is_right(file, index):
                    self._blame(index, file)
        except WinchError:
            # The proof at the end reads there again, and then it is the download that fails.
            return

    async def _is_right(self, file: UnfinishedFile, index: int) -> bool:
        """Hash a piece as it is on disk; one that is not all there any more is wrong."""
        algorithm = self._pieces.algorithm
        start, end = self._stretch(index, file)
        running = RunningDigest([algorithm], start=start)
        self._hashing = index
        while running.position < end:
            before = running.position
            await file.part.digest(running, min(end, before + STRETCH))
            if running.position == before:
                break
        is_right = running.hexdigest(algorithm) == self._pieces.hexdigests[index]
        if is_right and self._hashing == index and self._segments is file.segments:
            self._good.add(index)
        self._hashing = None
        return is_right

    def _blame(self, index: int, file: UnfinishedFile) -> None:
        """Take in that a piece is wrong, where it is all from one address."""
        culprit = self._origins.sole(*self._stretch(index, file))
        if culprit is not None and self._segments is file.segments:
            self._distrust(culprit)

    def _distrust(self, source: Source) -> None:
        self._bad_of[source] += 1
        if self._bad_of[source] >= MOST_BAD:
            self._sources.distrust(source, f"it sent {MOST_BAD} pieces of the file wrong")

    # -- what is wrong ----------------------------------------------------------------------------

    async def _mend(self, file: UnfinishedFile, index: int) -> str | None:
        """Fetch a piece again until it is right; returns in a sentence that it nowhere is."""
        start, end = self._stretch(index, file)
        culprit = self._origins.sole(start, end)
        tried = [] if culprit is None else [culprit]
        what = f"piece {index + 1:,} of {self.count:,} (bytes {start:,} to {end - 1:,})"
        came = "is wrong" if culprit is None else f"came wrong from {redact_url(culprit.url)}"
        while (source := self._another(tried)) is not None:
            if self.mended < _MOST_NOTES:
                self._note(f"{what} {came}; asked again: {redact_url(source.url)}")
            try:
                await self._fetch(file, start, end, source)
            except TransferError as error:
                if not self._sources.drop(source, error.message):
                    if isinstance(error, FileChangedError):
                        return f"{what} is wrong, and {error.message}"
                    raise
                came = "is wrong"
                continue
            if await self._is_right(file, index):
                return None
            came = f"came wrong from {redact_url(source.url)}"
            tried.append(source)
            self._distrust(source)
        return f"{what} has another {self._pieces.algorithm} than it must have, wherever it is from"

    def _another(self, tried: Sequence[Source]) -> Source | None:
        """Return whom to ask for a piece that these have sent wrong: the only one once more."""
        usable = self._sources.usable
        untried = [source for source in usable if source not in tried]
        if untried:
            return untried[0]
        only = usable[0] if len(usable) == 1 else None
        return only if only is not None and tried.count(only) < 2 else None

    async def _fetch(self, file: UnfinishedFile, start: int, end: int, source: Source) -> None:
        """Ask for the bytes of a piece, no more and no fewer, and write them over the wrong ones.

        Raises NetworkError and its kin, FileChangedError where the answer is of another file.
        """
        claim = file.segments.take_back(start, end)

        def wrote(count: int) -> None:
            self._origins.came(claim.position - count, claim.position, source)
            self._written(count)

        try:
            known = source.known(file.resource)
            asked = range_request(first=start, end=end, known=known)
            async with source.ask(asked, known=known) as (response, judgement):
                match judgement:
                    case Reject(error=error):
                        raise error
                    case Accept() as accepted:
                        body = Body(response, accepted.length, self._clock, self._limits)
                    case _:
                        raise FileChangedError(f"it gives no part of the file: {judgement.reason}")
                await receive_body(
                    body, claim, file, self._clock, received=lambda _: None, written=wrote
                )
            if claim.position < end:
                raise FileChangedError("it sent less than it was asked for")
        finally:
            file.segments.release(claim)


def are_right(pieces: PieceHashes, content: Sequence[bytes]) -> bool:
    """Tell whether a small file that is in memory has the pieces that it must have; blocks."""
    whole = memoryview(b"".join(content))
    if mismatch(pieces, len(whole)) is not None:
        return False
    stretches = (stretch_of(pieces, i, len(whole)) for i in range(len(pieces.hexdigests)))
    return all(
        digest_of(pieces.algorithm, [bytes(whole[start:end])]) == expected
        for (start, end), expected in zip(stretches, pieces.hexdigests, strict=True)
    )
