"""Who is asked after an interruption, and what the disk says about a record."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.models import PartIdentity, Resource, ResumeRecord, Segment, Validator
from core.domain.settings import Recovery
from core.policy.recovery import Finding, Sight, compare, decide, is_published

OWN = PartIdentity(device=1, inode=2)
OTHER = PartIdentity(device=1, inode=3)
AGES = st.floats(min_value=0, max_value=1e9)


def record(*done: tuple[int, int], total: int | None = 100) -> ResumeRecord:
    resource = Resource(url="http://h/a", total=total, validator=Validator(), ranges=True)
    segments = tuple(Segment(start, end) for start, end in done)
    return ResumeRecord(id="a1", name="a", resource=resource, part=OWN, done=segments)


@given(age=AGES, ask_after=st.none() | AGES)
def test_only_the_rule_to_resume_depends_on_the_age(age: float, ask_after: float | None) -> None:
    assert decide(Recovery.ASK, age, ask_after) is Recovery.ASK
    assert decide(Recovery.PAUSE, age, ask_after) is Recovery.PAUSE
    asks = ask_after is not None and age > ask_after
    wanted = Recovery.ASK if asks else Recovery.RESUME
    assert decide(Recovery.RESUME, age, ask_after) is wanted


@pytest.mark.parametrize(
    ("size", "total", "finding"),
    [
        (0, 100, Finding.SHORTER),
        (59, 100, Finding.SHORTER),
        (60, 100, Finding.AS_RECORDED),
        (100, 100, Finding.AS_RECORDED),
        (101, 100, Finding.LONGER),
        (10**9, None, Finding.AS_RECORDED),
    ],
)
def test_a_part_file_holds_what_is_claimed_and_no_more_than_the_file(
    size: int, total: int | None, finding: Finding
) -> None:
    claims = record((0, 10), (50, 60), total=total)
    assert compare(claims, Sight(OWN, size), None) is finding


def test_a_record_without_bytes_asks_for_none() -> None:
    assert compare(record(), Sight(OWN, 0), None) is Finding.AS_RECORDED


def test_a_part_file_is_known_by_its_identity() -> None:
    claims = record((0, 60))
    assert compare(claims, None, None) is Finding.MISSING
    assert compare(claims, Sight(OTHER, 60), None) is Finding.REPLACED


def test_the_own_file_under_the_final_name_is_published_if_it_is_whole() -> None:
    whole = record((0, 40), (40, 100))
    assert compare(whole, None, Sight(OWN, 100)) is Finding.PUBLISHED
    assert compare(whole, Sight(OTHER, 5), Sight(OWN, 100)) is Finding.PUBLISHED
    assert compare(whole, None, Sight(OTHER, 100)) is Finding.MISSING
    assert not is_published(whole, Sight(OWN, 99))
    assert not is_published(record((0, 99)), Sight(OWN, 100))
    assert not is_published(record((0, 100), total=None), Sight(OWN, 100))


@given(size=st.integers(0, 200), end=st.integers(1, 100))
def test_what_is_as_recorded_holds_every_byte_of_the_record(size: int, end: int) -> None:
    claims = record((0, end))
    finding = compare(claims, Sight(OWN, size), None)
    assert (finding is Finding.AS_RECORDED) == (end <= size <= 100)
