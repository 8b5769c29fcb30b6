"""Text from outside is valid from where it enters, and what has to go back goes back as it came."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.text import from_octets, mended, octets_of, valid
from core.domain.value import Value


def as_read(raw: bytes) -> str:
    """Return text as the system and the HTTP library read it."""
    return raw.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        ("ünï-文件".encode(), "ünï-文件"),
        (b"caf\xe9", "café"),
        (b"\xff\xfe", "ÿþ"),
    ],
)
def test_bytes_are_utf8_or_else_latin1(raw: bytes, text: str) -> None:
    assert valid(as_read(raw)) == text


def test_half_a_character_that_no_byte_stands_for_is_marked() -> None:
    assert valid("a\ud800b") == "a\ufffdb"


@given(st.text(st.characters(), max_size=60))
def test_all_text_can_be_encoded_afterwards(text: str) -> None:
    valid(text).encode()
    assert valid(valid(text)) == valid(text)


@given(st.binary(max_size=60))
def test_octets_keep_every_byte(raw: bytes) -> None:
    stored = octets_of(as_read(raw))
    stored.encode()
    assert from_octets(stored).encode("utf-8", "surrogateescape") == raw


def test_what_an_older_winch_stored_beyond_latin1_stands_for_itself() -> None:
    assert from_octets('"文件"') == '"文件"'


class Thing(Value, frozen=True):
    name: str
    fields: dict[str, tuple[object, ...]]


def test_only_what_is_broken_is_mended() -> None:
    good = Thing("a", {"b": ("c", 7)})
    bad = Thing("\udce9", {"b\udcff": ("\ud800", 10**30)})
    found = mended([good, bad])
    assert found[0] is good
    assert found[1] == Thing("é", {"bÿ": ("\ufffd", 2**63 - 1)})
    msgspec.json.encode(found)
