"""Whether what is on disk is the file: its digests, computed while it arrives where that is free.

The person may have given a checksum and the server may have announced one; both must hold. The hash
follows the bytes that lie without a gap from the first one on, reading them back while they are
still in memory. What it has not met by the end (the stretches of other connections, what an earlier
run has left) is hashed then, with its progress shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from core.adapters.files.checksum import RunningDigest
from core.domain.errors import WinchError
from core.domain.models import Checksum, Resource
from core.domain.value import Value
from core.engine.transfer.resume import UnfinishedFile
from core.policy.transfer.segments import SegmentMap

STEP = 1024 * 1024
"""Bytes that must have arrived before the running hash follows."""
STRETCH = 8 * 1024 * 1024
"""Bytes hashed in one go, so that many downloads take turns and a pause need not wait."""
RECENT = 64 * 1024 * 1024
"""Bytes behind the arriving ones that are hardly read from the disk, where they would slow it."""


class DigestResult(Value, frozen=True):
    """One digest that the file must have, who says so, and what it has."""

    expected: Checksum
    authority: str
    found: str

    @property
    def holds(self) -> bool:
        return self.found == self.expected.hexdigest

    @property
    def mismatch(self) -> str:
        """The sentence on a file that has another one."""
        expected = self.expected
        return f"{expected.algorithm} is {self.found}, not {expected.hexdigest} as {self.authority}"

    def __str__(self) -> str:
        return f"{self.expected.algorithm} is right ({self.authority})"


class Verifier:
    """Hashes one download's file, from its first byte to the judgement."""

    def __init__(self) -> None:
        self._segments: SegmentMap | None = None
        self._running = RunningDigest(())
        self._follows = False
        self._following: asyncio.Task[None] | None = None
        self._judging = False

    @property
    def verified(self) -> int | None:
        """How many bytes are hashed, None before the whole file is there to be judged."""
        return self._running.position if self._judging else None

    def follow(self, file: UnfinishedFile, asked: Checksum | None) -> None:
        """Hash on in the background; call it when bytes were written."""
        if file.segments is not self._segments:
            self._begin(file, asked)
        if not self._follows or (self._following is not None and not self._following.done()):
            return
        if file.segments.done_after(0) - self._running.position >= STEP:
            self._following = asyncio.create_task(self._catch_up(file, self._running))

    async def results(self, file: UnfinishedFile, asked: Checksum | None) -> list[DigestResult]:
        """Hash what is left of a whole file, and return its digests; none where none is known.

        Raises DiskError.
        """
        expected = expected_digests(file.resource, asked)
        if not expected:
            return []
        if file.segments is not self._segments or not self._running.has(_algorithms(file, asked)):
            self._begin(file, asked)
        self._judging = True
        try:
            if self._following is not None:
                # Not cancelled: its thread would go on with the same digest beside this one.
                await asyncio.wait([self._following])
            while await self._advance(file, self._running, file.segments.bytes_done):
                pass
        finally:
            self._judging = False
        return [
            DigestResult(checksum, authority, self._running.hexdigest(checksum.algorithm))
            for checksum, authority in expected
        ]

    def forget(self) -> None:
        """Begin at the first byte again: some of what was hashed was written over since."""
        self._segments = None

    async def stop(self) -> None:
        """Follow no longer, and return once nothing runs."""
        if self._following is not None:
            self._following.cancel()
            await asyncio.wait([self._following])
            self._following = None

    def _begin(self, file: UnfinishedFile, asked: Checksum | None) -> None:
        """Start at the first byte of a file that was laid out anew, or for other digests."""
        algorithms = _algorithms(file, asked)
        self._segments = file.segments
        self._running = RunningDigest(algorithms)
        self._follows = bool(algorithms) and file.segments.done_after(0) <= RECENT

    async def _catch_up(self, file: UnfinishedFile, running: RunningDigest) -> None:
        try:
            while running is self._running:
                end = file.segments.done_after(0)
                if end - running.position < STEP or not await self._advance(file, running, end):
                    return
        except WinchError:
            # The judgement reads there again, and then it is the download that fails.
            self._follows = False

    async def _advance(self, file: UnfinishedFile, running: RunningDigest, end: int) -> bool:
        """Hash some more and tell whether there was more to hash."""
        before = running.position
        if before < end:
            await file.part.digest(running, min(end, before + STRETCH))
        return running.position > before


def expected_digests(resource: Resource, asked: Checksum | None) -> list[tuple[Checksum, str]]:
    """Return every digest that is known of a file, with who says so."""
    announced = resource.digest
    found = [] if asked is None else [(asked, "given")]
    if announced is not None and announced != asked:
        found.append((announced, "announced by the server"))
    return found


def right_verdict(results: Sequence[DigestResult]) -> str:
    """Return the verdict on a file whose digests are all right."""
    return f"verified: {results[0].expected.algorithm} is right"


def _algorithms(file: UnfinishedFile, asked: Checksum | None) -> set[str]:
    return {checksum.algorithm for checksum, _ in expected_digests(file.resource, asked)}
