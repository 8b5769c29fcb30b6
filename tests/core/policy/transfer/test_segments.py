"""Whatever connections claim, write, lose and split: no byte is doubled, none forgotten."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.domain.models import Segment
from core.policy.transfer.segments import Claim, SegmentMap


class SegmentMapMachine(RuleBasedStateMachine):
    """Random claim, split, reserve, advance, fail and release on one file."""

    @initialize(total=st.none() | st.integers(0, 400), data=st.data())
    def plan(self, total: int | None, data: st.DataObject) -> None:
        limit = 400 if total is None else total
        cuts = sorted(data.draw(st.sets(st.integers(0, limit), max_size=8)))
        done = [Segment(a, b) for a, b in zip(cuts[::2], cuts[1::2], strict=False)]
        self.map = SegmentMap.plan(total, done)
        self.claimed: list[Claim] = []
        self.compared: set[int] = set()
        self.reopened: set[int] = set()
        # Which answer every byte came from; of what a record says nobody knows.
        self.author: dict[int, object] = {}
        for segment in done:
            self.author |= dict.fromkeys(range(segment.start, segment.end or 0), segment.start)

    @property
    def written(self) -> set[int]:
        return set(self.author)

    def wrote(self, claim: Claim, count: int) -> None:
        if not any(claim is other for other in self.claimed):
            self.claimed.append(claim)  # alive, so that its id stays its own
        for at in range(claim.position, claim.position + count):
            self.author[at] = ("claim", id(claim))

    @rule()
    def claim(self) -> None:
        before = len(self.map.free)
        claim = self.map.claim()
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
        self.wrote(claim, wrote)
        self.map.advance(claim, wrote)

    @precondition(lambda self: self.map.claims)
    @rule(data=st.data(), size=st.integers(1, 80))
    def split_during_a_write(self, data: st.DataObject, size: int) -> None:
        claim = data.draw(st.sampled_from(self.map.claims))
        allowed = self.map.reserve(claim, size)
        self.map.split(1)
        assert claim.end is None or claim.position + allowed <= claim.end
        self.wrote(claim, allowed)
        self.map.advance(claim, allowed)

    @rule(
        min_split=st.integers(1, 60),
        rate=st.none() | st.floats(1, 1e6),
        setup=st.floats(0, 3),
        paces=st.lists(st.none() | st.floats(0, 1e6), min_size=1),
    )
    def take_over(
        self, min_split: int, rate: float | None, setup: float, paces: list[float | None]
    ) -> None:
        for index, claim in enumerate(self.map.claims):
            claim.rate = paces[index % len(paces)]
        taken = self.map.split(min_split, rate=rate, setup=setup)
        assert taken is None or taken.end is None or taken.position < taken.end

    @rule(pieces=st.integers(1, 8), min_split=st.integers(1, 60))
    def divide(self, pieces: int, min_split: int) -> None:
        self.map.divide(pieces, min_split)

    @precondition(lambda self: self.map.claims)
    @rule(data=st.data())
    def extend(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.map.claims))
        before = claim.end
        assert self.map.extend(claim) is (claim.end != before)

    @precondition(lambda self: self.map.claims)
    @rule(data=st.data())
    def absorb(self, data: st.DataObject) -> None:
        claims = st.sampled_from(self.map.claims)
        claim, other = data.draw(claims), data.draw(claims)
        if claim is not other:
            self.map.absorb(claim, other)

    @precondition(lambda self: self.map.claims)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.map.release(data.draw(st.sampled_from(self.map.claims)))

    @precondition(lambda self: self.map.claims)
    @rule(data=st.data())
    def compare_what_lies_before(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.map.claims))
        if claim.begins is not None and self.map.done_before(claim.position):
            self.compared.add(claim.position)
            claim.begins = None

    @precondition(lambda self: self.map.doubts)
    @rule(data=st.data())
    def compare_a_seam(self, data: st.DataObject) -> None:
        offset = data.draw(st.sampled_from(sorted(self.map.doubts)))
        if offset - 1 in self.author:
            self.map.trust(offset)
            self.compared.add(offset)

    @precondition(lambda self: self.map.is_complete)
    @rule()
    def reopen(self) -> None:
        gaps = self.map.doubts - self.reopened
        assert self.map.reopen() is bool(gaps)
        self.reopened |= gaps
        for offset in gaps:
            del self.author[offset - 1]
            self.compared -= {offset - 1, offset}

    @precondition(lambda self: self.map.done)
    @rule(data=st.data())
    def take_back(self, data: st.DataObject) -> None:
        segment = data.draw(st.sampled_from(self.map.done))
        start = data.draw(st.integers(segment.start, (segment.end or 0) - 1))
        free = {gap.start: gap.end for gap in self.map.free}
        behind = free.get(segment.end or 0, segment.end)
        last = (segment.end or 0) + 20 if behind is None else behind
        end = data.draw(st.integers(start + 1, last))
        claim = self.map.take_back(start, end)
        assert (claim.position, claim.end) == (start, end)
        for at in range(start, end):
            self.author.pop(at, None)
        self.compared -= set(range(start, end + 1))

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

    @invariant()
    def no_two_answers_meet_unseen(self) -> None:
        if not hasattr(self, "map"):
            return
        meeting = {
            at
            for at, author in self.author.items()
            if at - 1 in self.author and self.author[at - 1] != author
        }
        assert meeting - self.compared <= self.map.doubts

    @invariant()
    def a_record_leaves_a_gap_before_every_doubt(self) -> None:
        if not hasattr(self, "map"):
            return
        proved = {at for s in self.map.proved for at in range(s.start, s.end or 0)}
        assert proved == self.written - {doubt - 1 for doubt in self.map.doubts}
        again = SegmentMap.plan(self.map.total, self.map.proved)
        assert self.map.doubts & proved <= again.doubts


TestSegmentMap = SegmentMapMachine.TestCase


def test_a_record_whose_stretches_overlap_is_refused() -> None:
    with pytest.raises(ValueError, match="does not follow"):
        SegmentMap.plan(100, [Segment(0, 50), Segment(40, 60)])


def test_a_record_longer_than_the_file_is_refused() -> None:
    with pytest.raises(ValueError, match="behind the end"):
        SegmentMap.plan(100, [Segment(0, 101)])


def test_what_another_fetches_and_what_is_no_part_of_the_file_cannot_be_taken_back() -> None:
    segments = SegmentMap.plan(100, [Segment(10, 20), Segment(90, 100)])
    assert claimed(segments).end == 10
    for start, end in ((5, 15), (9, 20), (95, 101), (12, 12)):
        with pytest.raises(ValueError, match="not all bytes"):
            segments.take_back(start, end)


def test_what_was_taken_back_and_came_in_part_can_be_taken_back_again() -> None:
    segments = SegmentMap.plan(100, [Segment(0, 100)])
    claim = segments.take_back(20, 60)
    segments.advance(claim, segments.reserve(claim, 10))
    segments.release(claim)
    again = segments.take_back(20, 60)
    assert (again.position, again.end) == (20, 60)
    assert segments.done == (Segment(0, 20), Segment(60, 100))
    assert not segments.free


def test_where_pieces_have_digests_of_their_own_answers_need_not_be_compared() -> None:
    segments = SegmentMap.plan(100, [Segment(0, 10), Segment(50, 60)])
    assert segments.doubts
    segments.compares = False
    assert not segments.doubts
    assert segments.proved == segments.done
    assert not segments.reopen()


def test_bytes_that_were_not_reserved_do_not_count() -> None:
    segments = SegmentMap.plan(100)
    claim = segments.claim()
    assert claim is not None
    segments.reserve(claim, 10)
    with pytest.raises(ValueError, match="not reserved"):
        segments.advance(claim, 11)


def claimed(segments: SegmentMap) -> Claim:
    claim = segments.claim()
    assert claim is not None
    return claim


def taken(segments: SegmentMap, min_split: int, **pace: float) -> Claim:
    claim = segments.split(min_split, **pace)
    assert claim is not None
    return claim


def test_an_idle_connection_takes_half_of_the_largest_remainder() -> None:
    segments = SegmentMap.plan(1000)
    first = claimed(segments)
    second, third = taken(segments, 10), taken(segments, 10)
    assert (first.end, second.position, second.end) == (250, 500, 1000)
    assert (third.position, third.end) == (250, 500)


def test_nothing_smaller_than_the_minimum_is_split_off() -> None:
    segments = SegmentMap.plan(100)
    claimed(segments)
    assert segments.split(51) is None
    assert segments.claim() is None


def test_a_faster_connection_takes_so_much_that_both_end_together() -> None:
    segments = SegmentMap.plan(1_000_000)
    slow = claimed(segments)
    slow.rate = 100.0
    fast = taken(segments, 1000, rate=900.0)
    assert fast.remaining == 900_000


def test_the_time_to_the_first_byte_is_taken_into_account() -> None:
    segments = SegmentMap.plan(1000)
    claimed(segments).rate = 100.0
    assert taken(segments, 10, rate=100.0, setup=5.0).remaining == 250


def test_the_one_who_would_last_longest_gives_not_the_one_who_has_most() -> None:
    segments = SegmentMap.plan(1000)
    segments.divide(2, 10)
    quick, slow = claimed(segments), claimed(segments)
    quick.rate, slow.rate = 1000.0, 1.0
    segments.reserve(slow, 400)
    segments.advance(slow, 400)
    assert taken(segments, 50, rate=1000.0).end == 1000


def test_the_last_bytes_do_not_wait_for_a_straggler() -> None:
    segments = SegmentMap.plan(1000)
    slow = claimed(segments)
    slow.rate = 10.0
    fast = taken(segments, 5000, rate=10_000.0)
    assert (fast.position, fast.end, slow.remaining) == (0, 1000, 0)


def test_the_last_bytes_stay_where_a_new_request_would_not_be_sooner() -> None:
    segments = SegmentMap.plan(1000)
    claimed(segments).rate = 1000.0
    assert segments.split(5000, rate=10_000.0, setup=0.5) is None


def test_a_file_is_laid_out_in_equal_pieces_and_an_owner_may_run_on() -> None:
    segments = SegmentMap.plan(1000)
    first = claimed(segments)
    segments.divide(4, 10)
    assert [(first.position, first.end), *((s.start, s.end) for s in segments.free)] == [
        (0, 250),
        (250, 500),
        (500, 750),
        (750, 1000),
    ]
    assert segments.extend(first)
    assert first.end == 500


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


def test_an_answer_may_run_on_through_a_stretch_that_has_not_begun() -> None:
    segments = SegmentMap.plan(1000)
    first = claimed(segments)
    second = taken(segments, 10)
    assert segments.absorb(first, second)
    assert (first.end, second.remaining, second.taken_over) == (1000, 0, True)


def test_a_stretch_that_has_begun_is_not_absorbed() -> None:
    segments = SegmentMap.plan(1000)
    first = claimed(segments)
    second = taken(segments, 10)
    segments.reserve(second, 1)
    assert not segments.absorb(first, second)
