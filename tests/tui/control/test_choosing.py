"""Words that name downloads: ids, whole names and filters, and nothing by accident."""

from __future__ import annotations

import string
import time
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import AmbiguousIdError, UnknownIdError, UsageError
from core.domain.models import Download, Progress, Status
from tests.tui.cli.samples import START, completed, download
from tui.control.choosing import choose
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
