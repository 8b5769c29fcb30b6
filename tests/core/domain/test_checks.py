"""What is no URL is answered with the one that it may be short for."""

from __future__ import annotations

import re
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain import checks
from core.domain.checks import check_url, in_full
from core.domain.errors import UsageError

SOMEWHERE = "write it in full: https://host/path"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("example.org/x", "https://example.org/x"),
        ("//example.org/x", "https://example.org/x"),
        ("example.org:8080", "https://example.org:8080"),
        ("localhost:8000/a b", None),
        ("localhost:8000/a", "http://localhost:8000/a"),
        ("10.0.0.1/a", "http://10.0.0.1/a"),
        ("example.org/x?token=secret", "https://example.org/x?token=…"),
        ("list.txt", None),
        ("./list.txt", None),
        ("/etc/hosts", None),
        ("word", None),
        ("me:secret@example.org/x", None),
        ("a." * 5000 + "org/x", None),
    ],
)
def test_an_address_without_its_scheme_is_suggested_whole(typed: str, meant: str | None) -> None:
    assert in_full(typed) == (SOMEWHERE if meant is None else f"write it in full: {meant}")


def test_a_url_without_its_scheme_is_refused_with_that_hint() -> None:
    with pytest.raises(UsageError) as refused:
        check_url("example.org/x")
    assert refused.value.hint == "write it in full: https://example.org/x"


def _refusal(url: str) -> str | None:
    try:
        check_url(url)
    except UsageError as error:
        return error.message
    return None


@given(
    st.tuples(
        st.sampled_from(["http://", "https://", "HTTP://", "http:/", "ftp://", ""]),
        st.text("ab.-:@[]9/?#%\\ \n\x80", max_size=12),
        st.sampled_from(["", "/", "/a?b#c", "/\N{SNOWMAN}", "\n"]),
    ).map("".join)
)
def test_what_is_plainly_an_address_would_be_one_by_the_rules_too(url: str) -> None:
    quick = _refusal(url)
    with patch.object(checks, "_PLAIN", re.compile(r"(?!)")):
        assert _refusal(url) == quick
