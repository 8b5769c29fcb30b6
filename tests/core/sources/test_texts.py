"""A text is read in its charset, line by line, however its bytes arrive."""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.models import Validator
from core.sources.texts import lines, text_of


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


async def read(document: Sent, longest: int = 100) -> list[tuple[int, str, bool]]:
    return [
        (each.number, each.text, each.is_cut) async for each in lines(document, longest=longest)
    ]


@given(
    content=st.text("aé\n\r🎉\x00", max_size=40),
    cuts=st.lists(st.integers(1, 5), min_size=1, max_size=10),
    charset=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
async def test_lines_are_the_same_however_they_arrive(
    content: str, cuts: list[int], charset: str
) -> None:
    raw, pieces = content.encode(charset), []
    for size in cuts * len(raw):
        pieces.append(raw[:size])
        raw = raw[size:]
    expected = content.split("\n")
    if not expected[-1]:
        expected.pop()
    assert await read(Sent(pieces)) == [
        (number, line.removesuffix("\r"), False) for number, line in enumerate(expected, start=1)
    ]
    assert await text_of(Sent(pieces)) == content


async def test_a_line_that_is_too_long_is_cut_and_says_so() -> None:
    pieces = [b"one\n", b"x" * 60, b"x" * 60, b"x" * 60, b"\nthree\n" + b"y" * 101]
    assert await read(Sent(pieces)) == [
        (1, "one", False),
        (2, "x" * 100, True),
        (3, "three", False),
        (4, "y" * 100, True),
    ]


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


async def test_a_line_that_is_no_utf_8_is_latin_1() -> None:
    assert await read(Sent([b"caf\xe9\ncaf\xc3\xa9\n"])) == [
        (1, "café", False),
        (2, "café", False),
    ]
