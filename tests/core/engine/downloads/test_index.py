"""The list is found by prefix and keeps its order when downloads are moved."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import AmbiguousIdError, UnknownIdError, UsageError
from core.domain.models import DownloadRecord, DownloadRequest
from core.domain.service import MoveTo
from core.engine.downloads.index import DownloadIndex

LETTERS = "abcdef"


def queue(priorities: str = "000000") -> DownloadIndex:
    made = DownloadIndex({})
    for number, letter in enumerate(LETTERS):
        made._put(
            DownloadRecord(
                id=letter * 16,
                request=DownloadRequest(
                    url=f"http://h/{letter}", directory="/d", priority=int(priorities[number])
                ),
                name=letter,
                order=float(number),
                created_at=datetime(2026, 1, 1, tzinfo=UTC),
            )
        )
    return made


def move(made: DownloadIndex, letters: str, to: MoveTo | int) -> str:
    for changed in made.place(made.resolve(list(letters)), to):
        made._put(changed)
    return "".join(download.name for download in made.ordered())


@pytest.mark.parametrize(
    ("letters", "to", "result"),
    [
        ("c", MoveTo.TOP, "cabdef"),
        ("ce", MoveTo.TOP, "ceabdf"),
        ("ec", MoveTo.TOP, "ceabdf"),
        ("b", MoveTo.BOTTOM, "acdefb"),
        ("c", MoveTo.UP, "acbdef"),
        ("bc", MoveTo.UP, "bcadef"),
        ("ab", MoveTo.UP, "abcdef"),
        ("be", MoveTo.DOWN, "acbdfe"),
        ("ef", MoveTo.DOWN, "abcdef"),
        ("a", 3, "bcadef"),
        ("f", 1, "fabcde"),
        ("a", 99, "bcdefa"),
    ],
)
def test_moving_keeps_everything_else_in_order(letters: str, to: MoveTo | int, result: str) -> None:
    assert move(queue(), letters, to) == result


def test_priority_is_not_passed_by() -> None:
    assert move(queue("110000"), "c", MoveTo.TOP) == "abcdef"
    assert move(queue("110000"), "d", MoveTo.TOP) == "abdcef"
    assert move(queue("110000"), "e", 3) == "abecdf"


@given(st.sets(st.sampled_from(LETTERS), min_size=1), st.sampled_from(MoveTo) | st.integers(1, 9))
def test_a_move_loses_and_doubles_nothing(letters: set[str], to: MoveTo | int) -> None:
    assert sorted(move(queue(), "".join(letters), to)) == list(LETTERS)


def test_a_position_below_one_is_refused() -> None:
    made = queue()
    with pytest.raises(UsageError):
        made.place(made.resolve(["a"]), 0)


@pytest.mark.parametrize("prefix", ["a", "aaaa", "a" * 8, "a" * 12, "a" * 16])
def test_any_unique_prefix_finds_a_download(prefix: str) -> None:
    assert [download.name for download in queue().resolve([prefix])] == ["a"]


@pytest.mark.parametrize("prefix", ["", "x", "ab", "a" * 17, "aaaaaaaab"])
def test_an_unknown_id_is_an_error(prefix: str) -> None:
    with pytest.raises(UnknownIdError):
        queue().resolve([prefix])


def test_a_prefix_of_two_downloads_is_ambiguous() -> None:
    made = queue()
    twin = next(iter(made)).replace(id="ab" + "0" * 14)
    made._put(twin)
    with pytest.raises(AmbiguousIdError):
        made.resolve(["a"])
    assert made.resolve(["ab", "aa", "ab"])[0] is twin


def test_a_short_id_is_taken_once() -> None:
    made = queue()
    assert not made.is_free("aaaaaaaa" + "0" * 8)
    made._discard("a" * 16)
    assert made.is_free("aaaaaaaa" + "0" * 8)
    assert made.same(url="http://h/a", directory="/d", name=None) == []


def test_any_number_of_short_ids_takes_one_look_at_all_downloads() -> None:
    class Counted(dict[str, DownloadRecord]):
        looks = 0

        def __iter__(self) -> Iterator[str]:
            self.looks += 1
            return super().__iter__()

    downloads = Counted()
    made = DownloadIndex(downloads)
    for download in queue():
        made._put(download)
    assert len(made.resolve([letter * 3 for letter in LETTERS])) == len(LETTERS)
    assert downloads.looks == 1
