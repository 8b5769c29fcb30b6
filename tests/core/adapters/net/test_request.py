"""Which address a request goes to: a plain URL is taken as it stands, all others are read."""

from __future__ import annotations

import pytest
from yarl import URL

from core.adapters.net.request import address_of


@pytest.mark.parametrize(
    "url",
    [
        "http://files.test/a/b",
        "https://files.test:8443/a%20b?c=d&e=%2F",
        "http://127.0.0.1:8080/../a/./b//c",
        "http://files.test/a?b?c[]{}|\\^`\"<>'",
        "http://files.test/a?",
        "http://files.test/a?#",
        "http://files.test/a#b?c",
        "http://files.test/?a=#",
        "http://files.test",
        "http://files.test?a",
        "http://files.test:80/a",
        "https://files.test:80/a",
        "http://files.test:443/a",
        "https://files.test:443/a",
        "http://files.test:8080",
        "http://Files.TEST/a",
        "HTTPS://files.test/a",
        "http://[::1]:8080/a",
        "http://me:secret@files.test/a",
        "http://files.test/a b",
        "http://files.test/caf\u00e9",
        "http://b\u00fccher.test/a",
    ],
)
def test_an_address_is_what_the_library_makes_of_a_url(url: str) -> None:
    parts = URL(url, encoded=url.isascii() and " " not in url)
    address = address_of(url)
    assert address.origin == str(parts.origin())
    assert address.target == parts.raw_path_qs
    assert address.is_secure == (parts.scheme == "https")
    said = str(parts.with_user(None).with_fragment(None))
    # Only that it adds the "/" which is asked for where there is no path.
    assert address.url.removesuffix("/") == said.removesuffix("/")


@pytest.mark.parametrize(
    "url",
    ["", "files.test/a", "/a", "ftp://files.test/a", "file:///a", "http:///a", "http://[::1/a"],
)
def test_what_cannot_be_asked_for_is_no_address(url: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        address_of(url)
