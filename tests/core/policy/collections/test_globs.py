"""Globs name the files that are wanted of a source."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import UsageError
from core.policy.collections.globs import LONGEST_GLOB, Globs

NAMED = [
    ("*.csv", "a.csv", True),
    ("*.csv", "deep/er/a.csv", True),
    ("*.csv", "a.CSV", False),
    ("*.csv", "a.csv/b", False),
    ("/*.csv", "a.csv", True),
    ("/*.csv", "deep/a.csv", False),
    ("data/*", "data/a", True),
    ("data/*", "data/a/b", False),
    ("data/*", "more/data/a", False),
    ("data/**", "data/a/b/c", True),
    ("data/**", "data", True),
    ("data/", "data", False),
    ("data/", "data/a/b", True),
    ("data/", "more/data/a", True),
    ("/data/", "more/data/a", False),
    ("more/data/", "more/data/a", True),
    ("more/data/", "more/data", False),
    ("**/a", "a", True),
    ("**/a", "b/c/a", True),
    ("**/a*b", "a/ab", True),
    ("a/**/b", "a/b", True),
    ("a/**/b", "a/x/y/b", True),
    ("a/**/b", "a/x/y/bb", False),
    ("a/**/b/**/c", "a/b/b/x/c", True),
    ("sub-??/*", "sub-01/x", True),
    ("sub-??/*", "sub-1/x", False),
    ("?", "/", False),
    ("a*b*c", "aXbXbXc", True),
    ("a*b*c", "aXbX", False),
    ("*", "a/b/c", True),
    ("**", "a/b/c", True),
    ("/", "a", True),
    ("[ab].txt", "a.txt", False),
    ("[ab].txt", "[ab].txt", True),
    ("a.c", "abc", False),
]


@pytest.mark.parametrize(("glob", "path", "is_named"), NAMED)
def test_what_a_glob_names(glob: str, path: str, is_named: bool) -> None:
    assert Globs(include=[glob]).allow(path) is is_named
    assert Globs(exclude=[glob]).allow(path) is not is_named


def test_what_is_included_may_still_be_excluded() -> None:
    globs = Globs(include=["*.csv", "*.txt"], exclude=["old/"])
    assert globs.allow("a/b.csv")
    assert not globs.allow("a/b.gz")
    assert not globs.allow("old/b.csv")


def test_without_globs_all_is_wanted() -> None:
    assert Globs().allow("whatever\n\x00there/is")


@pytest.mark.parametrize(
    ("glob", "excludes_all"),
    [
        ("a/b/", True),
        ("b/", True),
        ("a/**", True),
        ("*", True),
        ("a/b/*", False),
        ("*.*", False),
        ("a/**/x", False),
        ("a/**/?", False),
        ("/b/", False),
    ],
)
def test_whether_anything_below_a_directory_is_wanted(glob: str, excludes_all: bool) -> None:
    assert Globs(exclude=[glob]).excludes_all_below("a/b") is excludes_all
    assert not Globs(include=[glob]).excludes_all_below("a/b")


@pytest.mark.parametrize("glob", ["", "x" * (LONGEST_GLOB + 1)])
def test_what_is_no_glob(glob: str) -> None:
    with pytest.raises(UsageError, match="is no glob"):
        Globs(include=[glob])


def by_the_book(glob: str, path: str) -> bool:
    """What a glob with a slash in it names, as a pattern that may take its time."""
    pieces = {"*": "[^/]*", "?": "[^/]", "**": "(?:[^/]+/)*"}
    pattern = ""
    parts = glob.split("/")
    for index, part in enumerate(parts):
        if part == "**" and index == len(parts) - 1:
            pattern = pattern.removesuffix("/") + "(?:/[^/]+)*"
        elif part == "**":
            pattern += pieces["**"]
        else:
            pattern += "".join(pieces.get(c, re.escape(c)) for c in part)
            pattern += "/" if index < len(parts) - 1 else ""
    return re.fullmatch(pattern, path) is not None


part = st.text("ab*?", min_size=1, max_size=4).filter(lambda text: "**" not in text)
name = st.text("ab", min_size=1, max_size=4)


@given(
    glob=st.lists(part | st.just("**"), min_size=1, max_size=4),
    path=st.lists(name, min_size=1, max_size=5),
)
def test_a_glob_with_slashes_means_what_the_pattern_says(glob: list[str], path: list[str]) -> None:
    # It begins with a name, so that it holds a slash and no `**` of its own.
    once = [
        part
        for part, before in zip(glob, ["", *glob], strict=False)
        if part != before or part != "**"
    ]
    text, whole = "x/" + "/".join(once), "x/" + "/".join(path)
    assert Globs(include=[text]).allow(whole) is by_the_book(text, whole)


def test_a_hostile_glob_takes_no_longer_than_its_length() -> None:
    globs = Globs(include=["a*" * 2000 + "b", "**/" * 1000 + "b"])
    assert not globs.allow("/".join(["a" * 200] * 20))
