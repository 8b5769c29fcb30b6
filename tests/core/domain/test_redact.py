"""What is a secret never survives, whatever stands around it, and looking costs linear time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.bounds import MAX_SHOWN, MAX_URL
from core.domain.redact import redact_header, redact_text, redact_url

SECRET = "S3cr3t0"
filler = st.text(st.sampled_from("aze1-._~%/:;,=&?@+ '\"<>#\\é"), max_size=30)
words = st.sampled_from(("token", "X-Amz-Signature", "api_key", "PASSWORD", "auth", "session-id"))
hosts = st.sampled_from(("host", "example.org:8080", "[::1]"))


@given(filler, hosts, filler)
def test_a_login_never_survives(before: str, host: str, after: str) -> None:
    for url in (
        f"https://me:{SECRET}@{host}/{after}",
        f"https://{SECRET}@{host}",
        f"https://h/?next=https://me:{SECRET}@{host}",
        f"https://h/get/https://users:{SECRET}@{host}/x",
        f"https://h/?next=https%3A%2F%2Fme%3A{SECRET}%40{host}",
    ):
        assert SECRET not in redact_url(url)
        assert SECRET not in redact_text(f"{before} {url} {after}")
        assert SECRET not in redact_header("Location", url)
        assert SECRET not in redact_header("X-Any", f"{before} {url}")


@given(filler, words, filler)
def test_a_token_never_survives(before: str, name: str, after: str) -> None:
    query = before.replace("#", "")
    assert SECRET not in redact_url(f"https://h/p?{query}&{name}={SECRET}&{after}")
    assert SECRET not in redact_header("X-Any", f"{before} {name}={SECRET} {after}")
    assert SECRET not in redact_header(name, SECRET)


@pytest.mark.parametrize("length", [MAX_SHOWN - 9, MAX_URL - 9])
def test_half_a_secret_at_a_cut_does_not_survive(length: int) -> None:
    for size in range(length - 40, length + 20):
        path = "a" * size
        url = f"https://h/{path}/?u=https://me:{SECRET * 3}@host"
        assert "S3cr" not in redact_url(url)
        assert "S3cr" not in redact_header("X-Any", f"{path} https://me:{SECRET * 3}@host/")
    assert "S3cr" not in redact_url("https://" + SECRET * 2000 + "@host/")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/a/b.iso?mirror=7#top", "https://h/a/b.iso?mirror=7"),
        ("https://me:pw@h:81/a@b", "https://h:81/a@b"),
        ("https://h/?X-Amz-Signature=1&part=2", "https://h/?X-Amz-Signature=…&part=2"),
        ("https://h/see/https://us:pw@i/", "https://h/see/https://i/"),
        ("http://[bad/x@y", "y"),
    ],
)
def test_what_is_no_secret_stays(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_what_stands_around_an_address_stays() -> None:
    text = "GET (https://me:pw@h/a) and 'http://i/?token=1': 404"
    assert redact_text(text) == "GET (https://h/a) and 'http://i/?token=…': 404"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://h/f?a=1&page=2", "https://h/f?a=1&page=2"),
        (
            "https://h/f?private_token=t&client_secret=s",
            "https://h/f?private_token=…&client_secret=…",
        ),
        ("https://h/f#access_token=t", "https://h/f"),
        ("https://h/go?to=http://u:pw@host/x", "https://h/go?to=http://host/x"),
        ("https://h/http://u:pw@host/x", "https://h/http://host/x"),
        ("https://h/file@2x.png", "https://h/file@2x.png"),
        ("https://me:pw@h:8080/f", "https://h:8080/f"),
        ("https://h/f?X-Amz-Signature=abc&a=1", "https://h/f?X-Amz-Signature=…&a=1"),
        ("https://h/f?a=1&token=abc", "https://h/f?a=1&token=…"),
        ("https://h/f?Policy=p&Key=k", "https://h/f?Policy=…&Key=…"),
        ("https://me:pw@[bad/", "[bad/"),
    ],
)
def test_secrets_in_addresses_are_not_shown(url: str, shown: str) -> None:
    assert redact_url(url) == shown
