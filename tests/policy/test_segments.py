"""Whatever connections claim, write, lose and split: no byte is doubled, none forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.domain.models import Segment
from core.policy.segments import Claim, SegmentMap


class SegmentMapMachine(RuleBasedStateMachine):
    """Random claim, split, reserve, advance, fail and release on one file."""

    @initialize(total=st.none() | st.integers(0, 400), data=st.data())
    def plan(self, total: int | None, data: st.DataObject) -> None:
        limit = 400 if total is None else total
        cuts = sorted(data.draw(st.sets(st.integers(0, limit), max_size=8)))
        done = [Segment(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
        self.map = SegmentMap.plan(total, done)
        self.written = {at for s in done for at in range(s.start, s.end or 0)}

    @rule(min_split=st.none() | st.integers(1, 60))
    def claim(self, min_split: int | None) -> None:
        before = len(self.map.free)
        claim = self.map.claim(min_split=min_split)
        if claim is None:
            assert before == 0
        elif claim.end is not None:
            assert claim.position < claim.end

    @precondition(lambda self: self.map.claims)
    @rule(data=st.data(), size=st.integers(0, 80), part=st.floats(0, 1))
    def write(self, data: st.DataObject, size: int, part: float) -> None:
        claim = data.draw(st.sampled_from(self.map.claims))
        allowed = self.map.reserve(claim, size)
        assert allowed <= size
        wrote = int(allowed * part)
        fresh = set(range(claim.position, claim.position + wrote))
        assert not fresh & self.written
        self.map.advance(claim, wrote)
        self.written |= fresh

    @precondition(lambda self: self.map.claims)
    @rule(data=st.data(), size=st.integers(1, 80))
    def split_during_a_write(self, data: st.DataObject, size: int) -> None:
        claim = data.draw(st.sampled_from(self.map.claims))
        allowed = self.map.reserve(claim, size)
        self.map.split(1)
        assert claim.end is None or claim.position + allowed <= claim.end
        self.written |= set(range(claim.position, claim.position + allowed))
        self.map.advance(claim, allowed)

    @precondition(lambda self: self.map.claims)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.map.release(data.draw(st.sampled_from(self.map.claims)))

    @precondition(lambda self: self.map.total is None)
    @rule(extra=st.integers(0, 50))
    def end(self, extra: int) -> None:
        ends = [s.end or 0 for s in self.map.done]
        ends += [claim.reserved for claim in self.map.claims]
        ends += [claim.end or claim.position for claim in self.map.claims]
        ends += [gap.end or gap.start for gap in self.map.free]
        self.map.end_at(max(ends, default=0) + extra)

    @invariant()
    def every_byte_is_in_exactly_one_place(self) -> None:
        if not hasattr(self, "map"):
            return
        stretches = [
            *((s.start, s.end) for s in self.map.done),
            *((s.start, s.end) for s in self.map.free),
            *((c.position, c.end) for c in self.map.claims if c.position != c.end),
        ]
        at: int | None = 0
        for start, end in sorted(stretches, key=lambda stretch: stretch[0]):
            assert start == at
            at = end
        assert at == self.map.total

    @invariant()
    def done_is_what_was_written(self) -> None:
        if not hasattr(self, "map"):
            return
        covered = {at for s in self.map.done for at in range(s.start, s.end or 0)}
        assert covered == self.written
        assert self.map.bytes_done == len(self.written)
        assert self.map.is_complete == (self.map.total == len(self.written))


TestSegmentMap = SegmentMapMachine.TestCase


def test_a_record_whose_stretches_overlap_is_refused() -> None:
    with pytest.raises(ValueError, match="does not follow"):
        SegmentMap.plan(100, [Segment(0, 50), Segment(40, 60)])


def test_a_record_longer_than_the_file_is_refused() -> None:
    with pytest.raises(ValueError, match="behind the end"):
        SegmentMap.plan(100, [Segment(0, 101)])


def test_bytes_that_were_not_reserved_do_not_count() -> None:
    segments = SegmentMap.plan(100)
    claim = segments.claim()
    assert claim is not None
    segments.reserve(claim, 10)
    with pytest.raises(ValueError, match="not reserved"):
        segments.advance(claim, 11)


def test_an_idle_connection_takes_half_of_the_largest_remainder() -> None:
    segments = SegmentMap.plan(1000)
    first = segments.claim()
    second = segments.claim(min_split=10)
    third = segments.claim(min_split=10)
    assert first is not None
    assert second is not None
    assert third is not None
    assert (first.end, second.position, second.end) == (250, 500, 1000)
    assert (third.position, third.end) == (250, 500)


def test_nothing_smaller_than_the_minimum_is_split_off() -> None:
    segments = SegmentMap.plan(100)
    segments.claim()
    assert segments.claim(min_split=51) is None
    assert segments.claim() is None


@given(st.integers(0, 100), st.integers(1, 100))
def test_what_lies_before_a_resume_point_is_known(start: int, size: int) -> None:
    segments = SegmentMap.plan(300, [Segment(start, start + size)])
    assert segments.done_before(start + size) == size
    assert segments.done_before(start) == 0


def test_an_empty_file_is_complete_at_once() -> None:
    assert SegmentMap.plan(0).is_complete
    assert SegmentMap.plan(0).claim() is None


def test_a_claim_knows_what_remains() -> None:
    assert Claim(3, 10).remaining == 7
    assert Claim(3, None).remaining is None
