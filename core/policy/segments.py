"""Which bytes of a file are there, which are being fetched, and which nobody has taken yet.

At every moment the stretches that are done, claimed and free are disjoint and together cover the
file: that invariant is what lets several connections, failures and restarts share one part file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from core.domain.models import Segment


class Claim:
    """One connection's stretch: `position` is the next byte to write, `end` may move down.

    The owner asks `SegmentMap.reserve` before every write, because another connection may have
    taken the second half in the meantime. `end` None runs to an unknown end.
    """

    __slots__ = ("end", "position", "reserved")

    def __init__(self, position: int, end: int | None) -> None:
        self.position = position
        self.end = end
        self.reserved = position

    @property
    def remaining(self) -> int | None:
        """Bytes left to fetch, None where the end is unknown."""
        return None if self.end is None else self.end - self.position


class SegmentMap:
    """The file as done, claimed and free stretches. Sizes and offsets are bytes."""

    def __init__(self, total: int | None) -> None:
        self.total = total
        self.bytes_done = 0
        self._done: list[tuple[int, int]] = []
        self._free: list[tuple[int, int | None]] = [] if total == 0 else [(0, total)]
        self._claims: list[Claim] = []

    @classmethod
    def plan(cls, total: int | None, done: Iterable[Segment] = ()) -> SegmentMap:
        """Lay out a file of `total` bytes of which `done` is there already.

        Raises ValueError when `done` overlaps, is out of order or lies outside the file: such a
        record describes no file and must not be trusted.
        """
        plan = cls(total)
        free: list[tuple[int, int | None]] = []
        at = 0
        for segment in done:
            if segment.end is None or not at <= segment.start < segment.end:
                raise ValueError(f"{segment} does not follow byte {at}")
            if segment.start > at:
                free.append((at, segment.start))
            plan._mark_done(segment.start, segment.end)
            at = segment.end
        if total is not None and at > total:
            raise ValueError(f"byte {at} lies behind the end at {total}")
        if total is None or at < total:
            free.append((at, total))
        plan._free = free
        return plan

    @property
    def is_complete(self) -> bool:
        """Whether every byte is there; never true while the total is unknown."""
        return self.total is not None and self.bytes_done == self.total

    @property
    def done(self) -> tuple[Segment, ...]:
        """The stretches that are on disk, sorted and merged."""
        return tuple(Segment(start, end) for start, end in self._done)

    @property
    def free(self) -> tuple[Segment, ...]:
        """The stretches that nobody fetches, sorted."""
        return tuple(Segment(start, end) for start, end in self._free)

    @property
    def claims(self) -> tuple[Claim, ...]:
        """The stretches that connections are fetching."""
        return tuple(self._claims)

    def done_before(self, offset: int) -> int:
        """Return how many bytes directly before `offset` are there: what an overlap can compare."""
        index = bisect_right(self._done, (offset,)) - 1
        if index >= 0 and self._done[index][1] == offset:
            return offset - self._done[index][0]
        return 0

    def claim(self, *, min_split: int | None = None) -> Claim | None:
        """Take the first free stretch; with `min_split`, half of the largest remainder otherwise.

        Returns None when there is nothing to take, or when no half would hold `min_split` bytes.
        """
        if self._free:
            claim = Claim(*self._free.pop(0))
            self._claims.append(claim)
            return claim
        return None if min_split is None else self.split(min_split)

    def split(self, min_split: int) -> Claim | None:
        """Take the second half of the largest remainder away from its owner."""
        largest: Claim | None = None
        most = 0
        for claim in self._claims:
            if claim.end is not None and claim.end - claim.reserved > most:
                largest, most = claim, claim.end - claim.reserved
        if largest is None or most < 2 * min_split:
            return None
        middle = largest.reserved + most // 2
        taken = Claim(middle, largest.end)
        largest.end = middle
        self._claims.append(taken)
        return taken

    def reserve(self, claim: Claim, size: int) -> int:
        """Return how many of `size` bytes may be written at the claim's position.

        They are safe from a split until `advance` or `release`.
        """
        allowed = size if claim.end is None else min(size, claim.end - claim.position)
        claim.reserved = claim.position + allowed
        return allowed

    def advance(self, claim: Claim, size: int) -> None:
        """Count `size` reserved bytes as written; raises ValueError for bytes not reserved."""
        if size < 0 or claim.position + size > claim.reserved:
            raise ValueError(f"{size} bytes at {claim.position} were not reserved")
        self._mark_done(claim.position, claim.position + size)
        claim.position += size

    def release(self, claim: Claim) -> None:
        """Give back what a claim did not fetch; reserved but unwritten bytes too."""
        self._claims.remove(claim)
        if claim.end is None or claim.position < claim.end:
            self._give_back(claim.position, claim.end)

    def end_at(self, total: int) -> None:
        """Learn the total once the body of unknown length has ended.

        Raises ValueError when a byte behind it is there already.
        """
        if self.total is not None or (self._done and self._done[-1][1] > total):
            raise ValueError(f"the file cannot end at {total}")
        self.total = total
        self._free = [
            (start, total if end is None else end) for start, end in self._free if start < total
        ]
        for claim in self._claims:
            claim.end = total if claim.end is None else claim.end

    def _mark_done(self, start: int, end: int) -> None:
        if start == end:
            return
        self.bytes_done += end - start
        index = bisect_right(self._done, (start,))
        if index < len(self._done) and self._done[index][0] == end:
            end = self._done.pop(index)[1]
        if index and self._done[index - 1][1] == start:
            index -= 1
            start = self._done.pop(index)[0]
        self._done.insert(index, (start, end))

    def _give_back(self, start: int, end: int | None) -> None:
        index = bisect_right(self._free, (start,), key=lambda gap: (gap[0],))
        if index < len(self._free) and self._free[index][0] == end:
            end = self._free.pop(index)[1]
        if index and self._free[index - 1][1] == start:
            start = self._free.pop(index - 1)[0]
            index -= 1
        self._free.insert(index, (start, end))
