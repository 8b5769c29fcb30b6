"""Where a redirect may lead, and which headers go there."""

from __future__ import annotations

import pytest

from core.domain.errors import RedirectError
from core.policy.redirects import LIMIT, Hop, follow

SECRETS = {
    "Authorization": "Basic x",
    "Cookie": "a=b",
    "X-Api-Key": "k",
    "Referer": "http://a/",
    "Range": "bytes=0-",
}


def test_a_relative_location_is_resolved() -> None:
    assert follow(Hop("http://h/a/b", {}), "../c", count=0).url == "http://h/c"


def test_the_own_origin_keeps_every_header() -> None:
    assert follow(Hop("http://h/a", SECRETS), "/b", count=0).headers == SECRETS


@pytest.mark.parametrize("location", ["http://other/a", "http://h:8080/a", "https://h/a", "//x/a"])
def test_another_origin_gets_no_secret(location: str) -> None:
    assert follow(Hop("http://h/a", SECRETS), location, count=0).headers == {"Range": "bytes=0-"}


@pytest.mark.parametrize(
    ("source", "location"),
    [
        ("https://h/a", "http://h/a"),
        ("http://h/a", "file:///etc/passwd"),
        ("http://h/a", "ftp://h/a"),
        ("http://h/a", "http://[bad/"),
        ("http://h/a", "http://h:99999/"),
        ("http://h/a", None),
        ("http://h/a", ""),
    ],
)
def test_a_bad_way_is_refused(source: str, location: str | None) -> None:
    with pytest.raises(RedirectError):
        follow(Hop(source, {}), location, count=0)


def test_a_chain_of_more_than_ten_is_a_loop() -> None:
    follow(Hop("http://h/a", {}), "/b", count=LIMIT - 1)
    with pytest.raises(RedirectError, match="more than 10"):
        follow(Hop("http://h/a", {}), "/b", count=LIMIT)
