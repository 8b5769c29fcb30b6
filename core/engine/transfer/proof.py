"""Whether a file is the one: its pieces, its digests, and what its server announces of both.

For the transfer, which gives the final name only to what this has found right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from core.adapters.net.response import Response
from core.domain.entries import Entry
from core.domain.models import Phase
from core.domain.origins import PieceHashes
from core.engine.transfer.announced import AnnouncedByServer
from core.engine.transfer.context import DownloadHandle, TransferContext
from core.engine.transfer.file_keeper import FileKeeper
from core.engine.transfer.member import check_size
from core.engine.transfer.pieces import PieceCheck
from core.engine.transfer.resume import UnfinishedFile
from core.engine.transfer.source import Source, Sources
from core.engine.transfer.verify import DigestResult, Verifier, right_verdict
from core.policy.transfer.throttle import TokenBucket


class Proof:
    """Proves one download's file; `written` hears of bytes that are fetched for it once more."""

    def __init__(
        self,
        download: DownloadHandle,
        context: TransferContext,
        sources: Sources,
        keeper: FileKeeper,
        *,
        limits: Sequence[TokenBucket],
        written: Callable[[int], None],
    ) -> None:
        self._download = download
        self._context = context
        self._sources = sources
        self._keeper = keeper
        self._limits = limits
        self._written = written
        self._verifier = Verifier()
        request = download.get().request
        self._announced = AnnouncedByServer(
            request, context, sources, download.note, self._adopt_pieces
        )
        self._uses_joined = False
        """Whether mirrors that nobody asked for had a part in the file."""
        self._only_mends = False
        """Whether the pieces are a document's that nobody asked for: it may mend a file whose
        digest is wrong, and may not condemn one whose digest is right."""
        self._pieces: PieceCheck | None = None
        if request.origin is not None and request.origin.pieces is not None:
            self._pieces = self._check_of(request.origin.pieces)

    @property
    def verified(self) -> int | None:
        """How many bytes are hashed, None before the whole file is there to be judged."""
        in_pieces = None if self._pieces is None else self._pieces.verified
        return self._verifier.verified if in_pieces is None else in_pieces

    def begin(self, file: UnfinishedFile, response: Response | None = None) -> None:
        """Begin with a file that is laid out, and with what the first answer announces."""
        if response is not None:
            self._announced.read(file, response)
        if self._pieces is not None:
            file.segments.compares = False

    def came(self, file: UnfinishedFile, start: int, end: int, source: Source) -> None:
        """Take in who sent bytes that are on disk by now."""
        self._uses_joined = self._uses_joined or source.joined
        if self._pieces is not None:
            self._pieces.came(file, start, end, source)

    def follow(self, file: UnfinishedFile) -> None:
        """Hash on in the background; call it when bytes were written."""
        self._verifier.follow(file, self._download.get().request.checksum)

    async def results(self, file: UnfinishedFile) -> list[DigestResult] | None:
        """Check all that is known of a file; raises ChecksumError for one that is another.

        That file is set aside. None where mirrors that nobody asked for had a part in it: it has
        to begin anew, without them. Raises FileChangedError for one that is not as long as its
        source says; NetworkError and its kin where a piece has to come again, and cannot.
        """
        await self._announced.settle()
        asked = self._download.get().request.checksum
        check_size(self._download.get(), file.resource)
        if asked is None and file.resource.digest is None and self._pieces is None:
            return []
        self._download.report(phase=Phase.VERIFYING)
        if self._pieces is not None and not self._only_mends:
            await self._prove_pieces(file, self._pieces)
        results = await self._verifier.results(file, asked)
        if self._pieces is not None and self._only_mends and not all(r.holds for r in results):
            await self._pieces.prove(file)
            self._verifier.forget()
            results = await self._verifier.results(file, asked)
        for result in results:
            if not result.holds:
                if await self._gives_up_joined(f"the {result.expected.algorithm} is wrong"):
                    return None
                raise await self._keeper.set_aside(file, result.mismatch)
            self._download.note(str(result))
        if results:
            self._download.report(resume_verdict=right_verdict(results))
        return results

    async def stop(self) -> None:
        """Return once nothing runs beside."""
        await self._announced.stop()
        await self._verifier.stop()
        if self._pieces is not None:
            await self._pieces.stop()

    async def _prove_pieces(self, file: UnfinishedFile, pieces: PieceCheck) -> None:
        """Check each piece of a file, and fetch again what came wrong; raises as `results`."""
        wrong = await pieces.prove(file)
        if wrong is not None:
            raise await self._keeper.set_aside(file, wrong)
        if pieces.mended:
            self._verifier.forget()
        self._download.note(f"all {pieces.count:,} pieces are right")
        self._download.report(resume_verdict=f"verified: all {pieces.count:,} pieces are right")

    async def _gives_up_joined(self, reason: str) -> bool:
        """Begin anew without mirrors that nobody asked for; False where none had a part in it.

        They are there to help: a file that comes right without them must not fail for them.
        """
        if not self._uses_joined or not self._download.get().request.restart:
            return False
        reason = f"{reason} with what other mirrors sent"
        self._uses_joined = False
        self._sources.part_with_joined(reason)
        await self._keeper.begin_anew(reason)
        return True

    def _adopt_pieces(self, entry: Entry) -> None:
        """Take in what a document says of the pieces, where nobody has said that before."""
        if self._pieces is None and entry.pieces is not None and self._keeper.file is not None:
            self._pieces, self._only_mends = self._check_of(entry.pieces), True
            self._keeper.file.segments.compares = False

    def _check_of(self, pieces: PieceHashes) -> PieceCheck:
        return PieceCheck(
            pieces,
            self._sources,
            self._context.clock,
            limits=self._limits,
            note=self._download.note,
            written=self._mended,
        )

    def _mended(self, count: int) -> None:
        """Take in bytes that came again, for a piece that was wrong."""
        self._context.counters.fetched_twice["damaged"] += count
        self._written(count)
