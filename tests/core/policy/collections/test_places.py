"""No two files of a set may end up as one, whatever a source names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import UsageError
from core.policy.collections.places import Places

NAMES = st.sampled_from(["a", "A", "b", "a.part", "b.part", "é", "e\u0301", "É", "ß", "SS"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)


def claimed(paths: list[str], *, folds: bool = False) -> list[str]:
    """Return the paths that get a place, in order."""
    places, good = Places(folds=folds), []
    for path in paths:
        above, _, name = f"/set/{path}".rpartition("/")
        if places.owner(above, name) is not None:
            continue
        try:
            places.claim(above, name, path)
        except UsageError:
            continue
        good.append(path)
    return good


@given(st.lists(PATHS, max_size=30))
def test_nothing_is_in_the_way_of_anything_else(paths: list[str]) -> None:
    good = claimed(paths)
    assert len(set(good)) == len(good)
    for path in good:
        assert not any(other.startswith(path + "/") for other in good)
        assert path + ".part" not in good
    # What got no place has another one in its way.
    for path in set(paths) - set(good):
        assert any(
            other.startswith(path + "/")
            or path.startswith(other + "/")
            or other in (path + ".part", path.removesuffix(".part"))
            for other in good
        )


@given(st.lists(PATHS, max_size=30))
def test_names_that_a_file_system_folds_are_one(paths: list[str]) -> None:
    good = claimed(paths, folds=True)
    assert len({path.casefold().replace("e\u0301", "é") for path in good}) == len(good)


@pytest.mark.parametrize(
    ("first", "then", "word"),
    [
        ("a", "a/b", "is a directory, and a file"),
        ("a/b", "a", "is a file, and the directory"),
        ("x", "x.part", "'x.part' is named beside 'x'"),
        ("x.part", "x", "'x.part' is named beside 'x'"),
        ("a/b/c", "a/b", "is a file, and the directory"),
    ],
)
def test_what_is_in_the_way_is_said(first: str, then: str, word: str) -> None:
    places = Places(folds=False)
    for path in (first, then):
        above, _, name = f"/set/{path}".rpartition("/")
        if path is first:
            places.claim(above, name, path)
        else:
            with pytest.raises(UsageError, match=word):
                places.claim(above, name, path)
            assert places.owner(above, name) is None


def test_what_is_released_is_free_again() -> None:
    places = Places(folds=False)
    places.claim("/set", "a", "1")
    places.release("/set", "a")
    assert places.owner("/set", "a") is None
    places.claim("/set/a", "b", "2")
    assert places.owner("/set/a", "b") == "2"
