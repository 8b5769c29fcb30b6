"""Which server a URL names: the one that the standard library takes for it."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.hosts import host_of, site_of


@given(
    st.sampled_from(["http://", "https://", "HTTP://"]),
    st.text("abAB.-:@9/?#%\\ \n", max_size=12),
    st.sampled_from(["", "/", "/a@b?c#d", "\n"]),
)
def test_a_site_is_what_the_standard_takes_for_it(scheme: str, host: str, rest: str) -> None:
    url = scheme + host + rest
    assert site_of(url) == urlsplit(url).netloc.rpartition("@")[2].lower()


@pytest.mark.parametrize("url", ["http://[::1/", "http://a\u2100b/", "nothing", ""])
def test_what_is_no_url_has_no_site(url: str) -> None:
    assert not site_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://Example.org",
        "https://a.b.c:80/x",
        "http://u:p@h/x@y",
        "http://u@[::1]:80/",
        "http://h?x=/y",
        "http://h#@z",
        "HTTP://h/",
        "nothing",
        "a/b/c",
        "",
    ],
)
def test_a_host_is_the_one_that_is_asked(url: str) -> None:
    assert host_of(url) == (urlsplit(url).hostname or "")
