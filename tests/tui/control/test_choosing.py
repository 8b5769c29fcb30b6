"""Words that name downloads: ids, whole names and filters, and nothing by accident."""

from __future__ import annotations

import string
import time
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import (
    AmbiguousIdError,
    ErrorCode,
    ErrorInfo,
    UnknownIdError,
    UsageError,
)
from core.domain.models import Download, Progress, Status
from core.domain.value import replace
from tests.tui.cli.samples import START, completed, download
from tui.control.choosing import choose, may_be_collection
from tui.model.filters import Filter

LIST = [
    download("a" * 16, "one.iso"),
    completed("b" * 16, "two.iso"),
    download("c" * 16, "a b.iso", status=Status.PAUSED),
    download("d" * 16, "same", status=Status.FAILED),
    download("e" * 16, "same", status=Status.CANCELLED),
]


def among(words: list[str], verb: str = "rm", downloads: list[Download] | None = None) -> str:
    """Return the first letters of the ids that words name."""
    every = list(LIST) if downloads is None else downloads

    def matching(wanted: Filter) -> Iterable[str]:
        return (d.id for d in every if wanted.matches(d, Progress(), START))

    return "".join(id_[0] for id_ in choose(words).ids_among(every, matching, verb))


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["b", "a"], "ba"),
        (["one.iso"], "a"),
        (["a b.iso"], "c"),
        (["status:done"], "b"),
        (["name:iso", "!status:done"], "ac"),
        (["name:iso !status:done"], "ac"),
        (["name:a b"], "c"),
        (['name:"a b" status:paused'], "c"),
        (["b", "status:failed"], "bd"),
        (["name:nothing"], ""),
    ],
)
def test_ids_whole_names_and_filters_name_downloads(words: list[str], ids: str) -> None:
    assert among(words) == ids


@pytest.mark.parametrize(
    ("words", "error"),
    [
        ([""], UsageError),
        ([" "], UsageError),
        (["iso"], UnknownIdError),
        (["one"], UnknownIdError),
        (["*"], UnknownIdError),
        (["same"], AmbiguousIdError),
        (["!iso"], UsageError),
        (["name:"], UsageError),
        (['name:""'], UsageError),
        (["status:done iso"], UsageError),
        (["colour:red"], UsageError),
    ],
)
def test_what_could_match_by_accident_is_refused(words: list[str], error: type[Exception]) -> None:
    with pytest.raises(error):
        among(words)


@given(st.text(string.ascii_letters + string.digits + " .*!-_", max_size=12))
def test_a_word_without_a_key_never_names_more_than_one(word: str) -> None:
    try:
        choice = choose([word])
        ids = choice.ids_among(LIST, lambda _: pytest.fail("it became a filter"), "rm")
    except (UsageError, UnknownIdError, AmbiguousIdError):
        return
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("verb", "words", "ids"),
    [
        ("resume", ["name:e"], ""),
        ("resume", ["name:a"], "c"),
        ("resume", ["status:cancelled,failed,done"], "de"),
        ("retry", ["name:same"], "d"),
        ("pause", ["name:iso"], "a"),
        ("verify", ["name:iso"], "b"),
        ("cancel", ["name:same"], "d"),
    ],
)
def test_a_filter_means_those_that_all_would(verb: str, words: list[str], ids: str) -> None:
    assert among(words, verb) == ids


def test_a_hundred_thousand_are_searched_at_once() -> None:
    every: list[Download] = [download(f"{n:016x}", f"{n}.iso") for n in range(100_000)]
    start = time.perf_counter()
    assert len(among(["name:iso status:pending"], "rm", every)) == 100_000
    assert time.perf_counter() - start < 10


def test_many_names_are_looked_for_in_one_go() -> None:
    every: list[Download] = [download(f"{n:016x}", f"{n}.iso") for n in range(3000)]
    seen = 0

    class Counted(list[Download]):
        def __iter__(self) -> Iterator[Download]:
            nonlocal seen
            for each in super().__iter__():
                seen += 1
                yield each

    names = [f"{n}.iso" for n in reversed(range(3000))]
    choice = choose(names)
    ids = choice.ids_among(Counted(every), lambda _: pytest.fail("it became a filter"), "rm")
    assert ids == [f"{n:016x}" for n in reversed(range(3000))]
    assert seen == 3000


def member(download_id: str, name: str, group: str, status: Status, **changes: object) -> Download:
    request = replace(download().request, group=group)
    return download(download_id, name, status=status, request=request, **changes)


DAMAGED = ErrorInfo(code=ErrorCode.CHECKSUM, message="other bytes")
BIRDS = [
    member("1" * 16, "x", "birds", Status.COMPLETED),
    member("2" * 16, "y", "birds", Status.COMPLETED, error=DAMAGED),
    member("3" * 16, "z", "birds", Status.FAILED, error=DAMAGED),
    member("4" * 16, "w", "birds", Status.PENDING),
    member("5" * 16, "v", "fish", Status.FAILED, error=DAMAGED),
]


@pytest.mark.parametrize(
    ("verb", "ids"),
    [("retry", "23"), ("verify", "12"), ("cancel", "34"), ("pause", "4"), ("move", "1234")],
)
def test_the_name_of_a_collection_names_the_members_that_the_verb_is_for(
    verb: str, ids: str
) -> None:
    choice = choose(["birds"], {"birds", "fish"}, BIRDS)
    assert (choice.collections, choice.is_plain) == (("birds",), False)
    assert "".join(id_[0] for id_ in choice.members(BIRDS, verb)) == ids
    assert choice.ids_among(BIRDS, lambda _: (), verb) == []


def test_a_whole_id_goes_before_a_collection_and_that_before_the_beginning_of_one() -> None:
    assert choose(["2" * 16], {"2" * 16}, BIRDS).ids == ("2" * 16,)
    assert choose(["777"], {"777"}, BIRDS).collections == ("777",)
    assert choose(["birds", "222", "birds"], {"birds"}, BIRDS).collections == ("birds",)
    namesake = member("6" * 16, "birds", "birds", Status.PENDING)
    assert choose(["birds"], {"birds"}, [*BIRDS, namesake]).collections == ("birds",)
    with pytest.raises(AmbiguousIdError, match="and a download has the same name"):
        choose(["x"], {"x"}, BIRDS)
    chosen = choose(["222"], {"222"}, BIRDS)
    assert (chosen.collections, chosen.ids) == (("222",), ())


@pytest.mark.parametrize("word", ["collection:222", 'collection:"222"', "Collection:222"])
def test_a_filter_that_names_but_a_collection_is_for_it_as_a_whole(word: str) -> None:
    choice = choose([word], {"222"}, BIRDS)
    assert (choice.collections, choice.filter) == (("222",), None)
    assert choose([word, "status:done"], {"222"}, BIRDS).collections == ()
    assert choose([word], {"birds"}, BIRDS).filter is not None


@pytest.mark.parametrize(
    ("word", "expected"),
    [("birds", True), ("my birds", True), ("22", True), ("group:birds", False), ("!x", False)],
)
def test_filters_are_no_names_of_collections(word: str, expected: bool) -> None:
    assert may_be_collection(word) is expected
