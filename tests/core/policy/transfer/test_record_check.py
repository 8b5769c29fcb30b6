"""What the disk says about a record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.models import PartIdentity, Resource, ResumeRecord, Segment, Validator
from core.policy.transfer.record_check import FileOnDisk, RecordCheck, compare

OWN = PartIdentity(device=1, inode=2)
OTHER = PartIdentity(device=1, inode=3)


def record(*done: tuple[int, int], total: int | None = 100) -> ResumeRecord:
    resource = Resource(url="http://h/a", total=total, validator=Validator(), ranges=True)
    segments = tuple(Segment(start, end) for start, end in done)
    return ResumeRecord(id="a1", name="a", resource=resource, part=OWN, done=segments)


@pytest.mark.parametrize(
    ("size", "total", "finding"),
    [
        (0, 100, RecordCheck.SHORTER),
        (59, 100, RecordCheck.SHORTER),
        (60, 100, RecordCheck.AS_RECORDED),
        (100, 100, RecordCheck.AS_RECORDED),
        (101, 100, RecordCheck.LONGER),
        (10**9, None, RecordCheck.AS_RECORDED),
    ],
)
def test_a_part_file_holds_what_is_claimed_and_no_more_than_the_file(
    size: int, total: int | None, finding: RecordCheck
) -> None:
    claims = record((0, 10), (50, 60), total=total)
    assert compare(claims, FileOnDisk(OWN, size), None) is finding


def test_a_record_without_bytes_asks_for_none() -> None:
    assert compare(record(), FileOnDisk(OWN, 0), None) is RecordCheck.AS_RECORDED


def test_a_part_file_is_known_by_its_identity() -> None:
    claims = record((0, 60))
    assert compare(claims, None, None) is RecordCheck.MISSING
    assert compare(claims, FileOnDisk(OTHER, 60), None) is RecordCheck.REPLACED


def test_the_own_file_under_the_final_name_is_published_if_it_is_whole() -> None:
    whole = record((0, 40), (40, 100))
    assert compare(whole, None, FileOnDisk(OWN, 100)) is RecordCheck.PUBLISHED
    assert compare(whole, FileOnDisk(OTHER, 5), FileOnDisk(OWN, 100)) is RecordCheck.PUBLISHED
    assert compare(whole, None, FileOnDisk(OTHER, 100)) is RecordCheck.MISSING
    assert compare(whole, None, FileOnDisk(OWN, 99)) is RecordCheck.MISSING
    assert compare(record((0, 99)), None, FileOnDisk(OWN, 100)) is RecordCheck.MISSING
    assert compare(record((0, 100), total=None), None, FileOnDisk(OWN, 100)) is RecordCheck.MISSING


@given(size=st.integers(0, 200), end=st.integers(1, 100))
def test_what_is_as_recorded_holds_every_byte_of_the_record(size: int, end: int) -> None:
    claims = record((0, end))
    finding = compare(claims, FileOnDisk(OWN, size), None)
    assert (finding is RecordCheck.AS_RECORDED) == (end <= size <= 100)
