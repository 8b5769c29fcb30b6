"""A text is read in its charset, however its bytes arrive."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.models import Validator
from core.sources.texts import text_of


class Sent:
    """A document whose bytes arrive in these pieces."""

    url = "http://x/"
    media_type = "text/plain"
    validator = Validator()

    def __init__(self, pieces: Iterable[bytes], content_type: str = "text/plain") -> None:
        self.pieces = pieces
        self.headers = {"content-type": content_type}

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece


@given(
    content=st.text("aé\n\r🎉\x00", max_size=40),
    cuts=st.lists(st.integers(1, 5), min_size=1, max_size=10),
    charset=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
async def test_a_text_is_the_same_however_it_arrives(
    content: str, cuts: list[int], charset: str
) -> None:
    raw, pieces = content.encode(charset), []
    for size in cuts * len(raw):
        pieces.append(raw[:size])
        raw = raw[size:]
    assert await text_of(Sent(pieces)) == content


@pytest.mark.parametrize(
    ("content_type", "raw"),
    [
        ("text/plain", "é €".encode()),
        ("text/plain; charset=ISO-8859-1", "é €".encode("cp1252")),
        ('text/plain; charset="utf-16le"', "é €".encode("utf-16-le")),
        ("text/plain; charset=utf-16", codecs.BOM_UTF16_BE + "é €".encode("utf-16-be")),
        ("text/plain; charset=rot13", "é €".encode()),
    ],
)
async def test_the_charset_that_is_named_is_used_where_it_is_known(
    content_type: str, raw: bytes
) -> None:
    assert await text_of(Sent([raw], content_type)) == "é €"


async def test_what_is_no_utf_8_is_read_as_latin_1() -> None:
    assert await text_of(Sent([b"caf\xe9"])) == "café"
