"""Where a redirect may lead, and which headers go there."""

from __future__ import annotations

import pytest

from core.domain.errors import RedirectError
from core.policy.redirects import LIMIT, Hop, check_reach, follow

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


@pytest.mark.parametrize(
    "target",
    [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.1",
        "169.254.169.254",
        "::1",
        "fe80::1",
        "::ffff:10.0.0.1",
    ],
)
def test_the_world_leads_nobody_into_a_private_network(target: str) -> None:
    with pytest.raises(RedirectError, match="private"):
        check_reach(["93.184.216.34"], ["93.184.216.34", target])
    check_reach(["192.168.7.7"], [target])


def test_the_world_leads_where_it_likes_in_the_world() -> None:
    check_reach(["93.184.216.34"], ["2606:2800:220:1::1"])
    check_reach(["93.184.216.34"], [])
