"""Which bytes of a file are there, which are being fetched, and which nobody has taken yet.

At every moment the stretches that are done, claimed and free are disjoint and together cover the
file: that invariant is what lets several connections, failures and restarts share one part file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from core.domain.models import Segment

PATIENCE = 0.2
"""Seconds that a slow owner must cost before the last of its stretch is taken over."""


class Claim:
    """One connection's stretch: `position` is the next byte to write, `end` may move down.

    The owner asks `SegmentMap.reserve` before every write, because another connection may have
    taken the second half in the meantime. `end` None runs to an unknown end.
    """

    __slots__ = ("begins", "end", "position", "rate", "reserved", "taken_over")

    def __init__(self, position: int, end: int | None) -> None:
        self.position = position
        self.end = end
        self.reserved = position
        self.rate: float | None = None
        """Bytes/s that its owner gets, None while that is not known."""
        self.taken_over = False
        """Whether another connection has taken all that was left of it."""
        self.begins: int | None = position or None
        """Where it begins, as long as nothing was compared there: see `SegmentMap.doubts`."""

    @property
    def remaining(self) -> int | None:
        """Bytes left to fetch, None where the end is unknown."""
        return None if self.end is None else self.end - self.position

    def trust_start(self) -> None:
        """Note that its first byte was seen to fit to the one before."""
        self.begins = None


class SegmentMap:
    """The file as done, claimed and free stretches. Sizes and offsets are bytes."""

    def __init__(self, total: int | None) -> None:
        self.total = total
        self.bytes_done = 0
        self._done: list[tuple[int, int]] = []
        self._free: list[tuple[int, int | None]] = [] if total == 0 else [(0, total)]
        self._claims: list[Claim] = []
        self._doubts: set[int] = set()
        self._reopened: set[int] = set()
        self.compares = True
        """Whether answers have to be compared where they meet. They need not be where each piece
        of the file has a digest of its own: that tells which of the two is wrong as well."""

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
            if segment.start:
                plan._doubts.add(segment.start)
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
    def doubts(self) -> frozenset[int]:
        """Where bytes of one answer follow those of another, and nobody has compared the two.

        An answer that begins behind a gap has nothing to compare: the one that closes the gap must
        be seen to fit, or both may be of different files.
        """
        return frozenset(self._doubts) if self.compares else frozenset()

    @property
    def proved(self) -> tuple[Segment, ...]:
        """What may be claimed of `done`: a gap of one byte stays before every doubt.

        Whoever goes on with it has to close the gap, and so to compare both sides.
        """
        proved = []
        doubts = sorted(self.doubts)
        for start, end in self._done:
            at = start
            for doubt in doubts:
                if at < doubt <= end and doubt > start:
                    if at < doubt - 1:
                        proved.append(Segment(at, doubt - 1))
                    at = doubt
            if at < end:
                proved.append(Segment(at, end))
        return tuple(proved)

    @property
    def free(self) -> tuple[Segment, ...]:
        """The stretches that nobody fetches, sorted."""
        return tuple(Segment(start, end) for start, end in self._free)

    @property
    def claims(self) -> tuple[Claim, ...]:
        return tuple(self._claims)

    def done_before(self, offset: int) -> int:
        """Return how many bytes directly before `offset` are there: what an overlap can compare."""
        index = bisect_right(self._done, (offset,)) - 1
        if index >= 0 and self._done[index][1] == offset:
            return offset - self._done[index][0]
        return 0

    def done_after(self, offset: int) -> int:
        """Return how many bytes from `offset` on are there."""
        index = bisect_right(self._done, (offset, float("inf"))) - 1
        return max(0, self._done[index][1] - offset) if index >= 0 else 0

    def divide(self, pieces: int, min_split: int) -> None:
        """Lay out the claims and the free stretches as `pieces` equal ones, none below `min_split`.

        Connections that take a stretch as it was laid out end with their answer, and can be used
        again; one whose stretch is split later has to be closed in the middle of its answer.
        """
        left = sum((end or start) - start for start, end in self._free)
        left += sum(claim.remaining or 0 for claim in self._claims)
        size = max(min_split, -(-left // pieces))
        for claim in self._claims:
            if claim.end is not None and claim.end - claim.reserved > size:
                cut = claim.reserved + size
                self._give_back(cut, claim.end)
                claim.end = cut
        divided: list[tuple[int, int | None]] = []
        for start, end in self._free:
            at = start
            while end is not None and end - at >= size + min_split:
                divided.append((at, at + size))
                at += size
            divided.append((at, end))
        self._free = divided

    def claim(self) -> Claim | None:
        """Take the first free stretch; None when there is none."""
        if not self._free:
            return None
        claim = Claim(*self._free.pop(0))
        self._claims.append(claim)
        return claim

    def extend(self, claim: Claim) -> bool:
        """Let a claim run on into the free stretch behind it; False when there is none."""
        for index, (start, end) in enumerate(self._free):
            if start == claim.end:
                claim.end = end
                del self._free[index]
                return True
        return False

    def trust(self, offset: int) -> None:
        """Note that the bytes on both sides of `offset` were seen to fit together."""
        self._doubts.discard(offset)

    def reopen(self) -> bool:
        """Give back one byte before every doubt, so that closing the gap compares both sides.

        Each of them once: False where there is none, or the answers leave no way to compare.
        """
        gaps = self.doubts - self._reopened
        for offset in gaps:
            self._unmark_done(offset - 1, offset)
            self._give_back(offset - 1, offset)
        self._reopened |= gaps
        return bool(gaps)

    def take_back(self, start: int, end: int) -> Claim:
        """Take a claim on bytes that are wrong: they have to be fetched again.

        Some may be missing by now, where somebody was asked for them and failed. Raises ValueError
        where there are none, and for what another claim has or lies behind the end.
        """
        done = _within(self._done, start, end)
        free = _within(self._free, start, end)
        if start >= end or sum(b - a for a, b in (*done, *free)) < end - start:
            raise ValueError(f"not all bytes from {start} to {end} can be taken back")
        for a, b in done:
            self._unmark_done(a, b)
        self._free = [
            (a, b)
            for first, last in self._free
            for a, b in (
                (first, start if last is None else min(last, start)),
                (max(first, end), last),
            )
            if b is None or a < b
        ]
        self._doubts = {d for d in self._doubts if not start < d < end}
        if self.done_after(end):
            self._doubts.add(end)
        for other in self._claims:
            if other.position == end:
                other.begins = end
        claim = Claim(start, end)
        self._claims.append(claim)
        return claim

    def absorb(self, claim: Claim, other: Claim) -> bool:
        """Let a claim run on through the one behind it, whose owner has nothing of it yet.

        False where the other lies elsewhere or has begun.
        """
        if other.position != claim.end or other.reserved != other.position:
            return False
        claim.end, other.end = other.end, other.position
        other.taken_over = True
        return True

    def split(
        self, min_split: int, *, rate: float | None = None, setup: float = 0.0
    ) -> Claim | None:
        """Take over a part of the claim that would last longest, so that both end together.

        `rate` is what the taker gets in bytes/s (None: as much as the owner), `setup` the seconds
        until its first byte. Halves of equals hold at least `min_split`; from an owner so slow that
        all else would wait for it, the whole remainder is taken. None when nothing would be gained.
        """

        def rate_of(claim: Claim) -> float:
            return max(1.0, (rate or 1.0) if claim.rate is None else claim.rate)

        def seconds_left(claim: Claim) -> float:
            return ((claim.end or 0) - claim.reserved) / rate_of(claim)

        owner = max(self._claims, key=seconds_left, default=None)
        if owner is None or owner.end is None or owner.end <= owner.reserved:
            return None
        left = owner.end - owner.reserved
        owners = rate_of(owner)
        taker = max(1.0, rate or owners)
        share = int(taker * (left - owners * setup) / (taker + owners))
        if share < min_split:
            if left / owners < 2 * (setup + left / taker) + PATIENCE:
                return None
            share = left
        if left - share < min_split and owners < taker:
            share = left
            owner.taken_over = True
        taken = Claim(owner.end - share, owner.end)
        owner.end = taken.position
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
        # One answer on both sides: whatever was there before, it is in no doubt any more.
        self._doubts = {d for d in self._doubts if not claim.position < d < claim.position + size}
        if size and claim.begins is not None:
            self._doubts.add(claim.begins)
            claim.begins = None
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

    def _unmark_done(self, first: int, last: int) -> None:
        index = bisect_right(self._done, (first, float("inf"))) - 1
        start, end = self._done[index]
        self._done[index : index + 1] = [(a, b) for a, b in ((start, first), (last, end)) if a < b]
        self.bytes_done -= last - first

    def _give_back(self, start: int, end: int | None) -> None:
        index = bisect_right(self._free, (start,), key=lambda gap: (gap[0],))
        if index < len(self._free) and self._free[index][0] == end:
            end = self._free.pop(index)[1]
        if index and self._free[index - 1][1] == start:
            start = self._free.pop(index - 1)[0]
            index -= 1
        self._free.insert(index, (start, end))


def _within(
    stretches: Iterable[tuple[int, int | None]], start: int, end: int
) -> list[tuple[int, int]]:
    """Return what of these stretches lies between two offsets."""
    cut = ((max(a, start), end if b is None else min(b, end)) for a, b in stretches)
    return [(a, b) for a, b in cut if a < b]
