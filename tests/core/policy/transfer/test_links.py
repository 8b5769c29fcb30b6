"""What the Link fields of an answer say of a file (RFC 6249, RFC 8288)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.policy.transfer.links import MOST_MIRRORS, description, duplicates, links

URL = "https://h/dir/a"


def test_mirrors_come_by_priority_and_those_without_one_last() -> None:
    field = (
        "<https://c/a>; rel=duplicate, "
        '<https://b/a>; rel="duplicate"; pri=2; geo=de, '
        "<https://a/a>;rel=Duplicate;pri=1;pref, "
        "<https://b2/a>; geo=us; pri=2; rel=duplicate; depth=3"
    )
    assert duplicates(field, URL) == ["https://a/a", "https://b/a", "https://b2/a", "https://c/a"]


@pytest.mark.parametrize(
    "link",
    [
        "<https://m/a>; rel=next",
        "<https://m/a>",
        "<http://m/a>; rel=duplicate",  # anybody could see what is fetched
        "<ftp://m/a>; rel=duplicate",
        "<https://user:pw@m/a>; rel=duplicate",
        "<https://h/dir/a>; rel=duplicate",  # the very same
        "<https://>; rel=duplicate",
        "<https://m/a b>; rel=duplicate",
        "<https://[::1/a>; rel=duplicate",
        "<https://m/a\u202e>; rel=duplicate\r\nX: y",
        f"<https://m/{'a' * 9000}>; rel=duplicate",
        "https://m/a; rel=duplicate",
        "<https://m/a",
        '<https://m/a>; rel="duplicate',
        "",
    ],
)
def test_what_names_no_mirror_that_may_be_asked(link: str) -> None:
    assert duplicates(link, URL) == []


def test_a_mirror_is_named_once_and_relative_to_what_names_it() -> None:
    field = "</b/a>; rel=duplicate, <../b/a>; rel=duplicate; pri=4, <//m/a#x>; rel=duplicate"
    assert duplicates(field, URL) == ["https://h/b/a", "https://m/a"]
    assert duplicates("<http://m/a>; rel=duplicate", "http://h/a") == ["http://m/a"]


def test_quotes_and_commas_inside_of_a_link_are_part_of_it() -> None:
    field = r'<https://m/a,b>; title="x, \"y\"; rel=next"; rel=duplicate; rel=next ;, <https://n/>'
    found = dict(links(field))
    assert found["https://m/a,b"] == {"title": 'x, "y"; rel=next', "rel": "duplicate"}
    assert found["https://n/"] == {}


def test_only_so_many_mirrors_are_taken() -> None:
    field = ", ".join(f"<https://m{n}/a>; rel=duplicate; pri={n}" for n in range(100))
    assert duplicates(field, URL) == [f"https://m{n}/a" for n in range(MOST_MIRRORS)]


META = "rel=describedby; type=application/metalink4+xml"


@pytest.mark.parametrize(
    ("field", "url", "found"),
    [
        (f"<a.meta4>; {META}", URL, "https://h/dir/a.meta4"),
        (
            f'<a.meta4>; rel="x describedby"; type="{"application/metalink4+xml"}"',
            URL,
            "https://h/dir/a.meta4",
        ),
        (f"<https://far/a.meta4>; {META}", URL, "https://far/a.meta4"),
        (f"<https://far/a.meta4>; {META}", "http://h/a", "https://far/a.meta4"),
        (f"<http://h/a.meta4>; {META}", "http://h/a", "http://h/a.meta4"),
        (f"<http://far/a.meta4>; {META}", "http://h/a", None),
        (f"<http://h/a.meta4>; {META}", URL, None),
        ("<a.asc>; rel=describedby; type=application/pgp-signature", URL, None),
        (f"<file:///etc/passwd>; {META}", URL, None),
        ("", URL, None),
    ],
)
def test_the_document_about_a_file(field: str, url: str, found: str | None) -> None:
    assert description(field, url) == found


@given(st.text(alphabet='<>;,=" \\rel duplicatehttps:/m\x00é', max_size=200))
def test_whatever_a_field_holds_is_read_or_passed_over(field: str) -> None:
    for mirror in duplicates(field, URL):
        assert mirror.startswith("https://")
