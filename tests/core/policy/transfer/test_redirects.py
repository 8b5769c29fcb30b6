"""Where a redirect may lead, and which headers go there."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import RedirectError
from core.policy.transfer.redirects import MAX_REDIRECTS, Hop, check_reach, follow, is_public

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
    ("location", "url"),
    [
        ("/caf\udce9 x", "http://h/caf%E9%20x"),
        ("/café?q=é", "http://h/caf%C3%A9?q=%C3%A9"),
        ("/a%2Fb%e9", "http://h/a%2Fb%e9"),
        ("http://bücher.example/ü", "http://xn--bcher-kva.example/%C3%BC"),
        ("http://b\udcfccher.example:81/", "http://xn--bcher-kva.example:81/"),
    ],
)
def test_bytes_of_a_location_are_sent_as_they_came(location: str, url: str) -> None:
    assert follow(Hop("http://h/a", {}), location, count=0).url == url


@pytest.mark.parametrize(
    ("source", "location"),
    [
        ("http://h/a", "http://\udcff" + "ü" * 70 + "/"),
        ("http://h/a", "/" + "a" * 8192),
        ("http://h/a", "/\ud800"),
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
    follow(Hop("http://h/a", {}), "/b", count=MAX_REDIRECTS - 1)
    with pytest.raises(RedirectError, match="more than 10"):
        follow(Hop("http://h/a", {}), "/b", count=MAX_REDIRECTS)


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


def _embeddings(inner: IPv4Address) -> dict[str, str]:
    """Return every way in which IPv6 is known to carry an IPv4 address, and that one itself."""
    number = int(inner)
    high, low = number >> 16, number & 0xFFFF
    flipped = number ^ 0xFFFF_FFFF
    return {
        "plain": str(inner),
        "mapped": f"::ffff:{inner}",
        "compatible": f"::{inner}",
        "translated": f"::ffff:0:{inner}",
        "nat64": f"64:ff9b::{inner}",
        "nat64, one's own": f"64:ff9b:1::{inner}",
        "6to4": f"2002:{high:x}:{low:x}::1",
        "teredo": f"2001:0:5ef5:79fd:0:59d:{flipped >> 16:x}:{flipped & 0xFFFF:x}",
        "teredo server": f"2001:0:{high:x}:{low:x}:0:59d:a66c:2fd6",
        "isatap": f"2606:2800::5efe:{inner}",
        "isatap, unique": f"2606:2800::200:5efe:{inner}",
    }


PRIVATE = [
    IPv4Network(text)
    for text in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
    )
]


@given(st.sampled_from(PRIVATE), st.integers(min_value=0, max_value=2**32 - 1))
def test_no_embedding_makes_a_private_address_public(network: IPv4Network, number: int) -> None:
    inner = IPv4Address(int(network.network_address) + number % network.num_addresses)
    public = [how for how, text in _embeddings(inner).items() if is_public(text)]
    assert not public


@given(st.integers(min_value=1 << 24, max_value=(10 << 24) - 1))
def test_what_a_translator_reaches_in_the_world_is_public(number: int) -> None:
    ways = _embeddings(IPv4Address(number))
    assert is_public(ways["plain"])
    assert is_public(ways["mapped"])
    assert is_public(ways["nat64"])
    assert is_public(ways["6to4"])


@pytest.mark.parametrize(
    "address",
    [
        *("fec0::1", "feff:ffff::1", "fc00::1", "fd12::1", "fe80::1%eth0", "fe80::1%25"),
        *("ff02::1", "ff0e::1", "224.0.0.1", "239.255.255.250", "::", "::1", "100.64.0.1"),
        *("64:ff9b:1::8.8.8.8", "100::1", "2001:db8::1", "4000::1", "no address", ""),
    ],
)
def test_what_is_not_the_worlds(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["2606:2800:220:1::1", "2a00:1450:4001::200e", "1.1.1.1"])
def test_what_is_the_worlds(address: str) -> None:
    assert is_public(address)
