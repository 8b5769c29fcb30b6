"""Metalink documents: what is read of them, and what hostile ones come to (RFC 5854)."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.entries import Entry, Refused
from core.domain.errors import UsageError
from core.domain.models import Checksum
from core.domain.origins import PieceHashes
from core.sources import metalink
from core.sources.metalink import read_metalink
from tests.core.sources.manifest_files import entries, read, refused

HEAD = '<?xml version="1.0" encoding="UTF-8"?><metalink xmlns="urn:ietf:params:xml:ns:metalink">'
URL = "<url>https://m/a</url>"
SHA256, SHA1 = "b" * 64, "a" * 40


def document(*files: str) -> bytes:
    return (HEAD + "".join(files) + "</metalink>").encode()


def file(content: str, name: str = "a") -> str:
    return f'<file name="{name}">{content}</file>'


@pytest.mark.parametrize("size", [1, 7, 100_000])
async def test_a_file_with_all_that_is_said_of_it(size: int) -> None:
    text = f"""\
{HEAD}
  <generator>x</generator>
  <!-- a comment -->
  <file name="dir/a &amp; b.iso">
    <size>25</size>
    <identity>x</identity>
    <hash type="sha-1">{SHA1}</hash>
    <hash type="sha-256">{SHA256.upper()}</hash>
    <hash type="whirlpool">00</hash>
    <pieces length="10" type="sha-1">
      <hash>{"1" * 40}</hash><hash>{"2" * 40}</hash><hash>{"3" * 40}</hash>
    </pieces>
    <metaurl mediatype="torrent">https://m/a.torrent</metaurl>
    <url priority="2" location="us">https://us/a</url>
    <url>https://none/a</url>
    <url priority="2" location="de">https://de/a</url>
    <url priority="1">https://first/a</url>
    <url priority="1">ftp://old/a</url>
    <url priority="3">https://us/a</url>
  </file>
  <file name="b">{URL}</file>
</metalink>
"""
    first, second = entries(await read(text.encode(), size=size, options={"location": "DE"}))
    assert (first.path, first.size) == ("dir/a & b.iso", 25)
    assert (first.url, *first.mirrors) == (
        "https://first/a",
        "https://de/a",
        "https://us/a",
        "https://none/a",
    )
    assert first.checksum == Checksum("sha256", SHA256)
    assert first.pieces == PieceHashes(
        algorithm="sha1", length=10, hexdigests=("1" * 40, "2" * 40, "3" * 40)
    )
    assert first.where == "line 4"
    assert (second.path, second.url, second.checksum) == ("b", "https://m/a", None)


async def test_version_3_is_read_too() -> None:
    text = f"""\
<metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="a">
  <size>5</size>
  <verification><hash type="sha1">{SHA1}</hash>
    <pieces type="sha1" length="4">
      <hash piece="0">{SHA1}</hash><hash piece="1">{SHA1}</hash>
    </pieces>
  </verification>
  <resources>
    <url type="http" location="us" preference="10">http://us/a</url>
    <url type="http" location="de" preference="100">http://de/a</url>
    <url type="bittorrent" preference="100">magnet:?xt=1</url>
  </resources>
</file></files></metalink>"""
    (found,) = entries(await read(text.encode()))
    assert (found.url, found.mirrors) == ("http://de/a", ("http://us/a",))
    assert found.checksum == Checksum("sha1", SHA1)
    assert found.pieces is not None
    assert len(found.pieces.hexdigests) == 2


async def test_the_strongest_pieces_count() -> None:
    text = document(
        file(
            f'{URL}<pieces length="4" type="sha-256"><hash>{SHA256}</hash></pieces>'
            f'<pieces length="2" type="sha-1"><hash>{SHA1}</hash></pieces>'
        )
    )
    (found,) = entries(await read(text))
    assert found.pieces == PieceHashes(algorithm="sha256", length=4, hexdigests=(SHA256,))


async def test_a_relative_address_is_below_the_document() -> None:
    (found,) = entries(await read(document(file("<url>sub/a</url>"))))
    assert found.url == "https://h/set/sub/a"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (file(URL, name=""), "without a name"),
        (file(""), "no address"),
        (file("<metaurl>https://m/t</metaurl>"), "other ways"),
        (file("<url>ftp://m/a</url>"), "other ways"),
        (file("<url>https://</url>"), "no address"),
        (file(f"<url>https://m/{'a' * 9000}</url>"), "no address"),
        (file(f"{URL}<size>much</size>"), "no number"),
        (file(f"{URL}<size>{'9' * 40}</size>"), "no number"),
        (file(f'{URL}<hash type="sha-256">abc</hash>'), "64 hexadecimal digits"),
        (
            file(
                f'{URL}<size>9</size><pieces length="4" type="sha-1"><hash>{SHA1}</hash></pieces>'
            ),
            "do not make up its size",
        ),
    ],
)
async def test_a_file_that_cannot_be_fetched_is_refused_and_the_next_one_is_not(
    content: str, reason: str
) -> None:
    items = await read(document(content, file(URL, name="next")), address="/home/x/a.meta4")
    (said,) = refused(items)
    assert reason in said.reason
    assert [item.path for item in items if isinstance(item, Entry)] == ["next"]


@pytest.mark.parametrize("name", ["../a", "/etc/passwd", "a\\..\\b", "c" * 4096, "a&#10;b"])
async def test_names_are_as_the_document_has_them(name: str) -> None:
    """What becomes of them is decided in one place for all sources."""
    (found,) = entries(await read(document(file(URL, name=name))))
    assert found.path == name.replace("&#10;", "\n")


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol">
<!ENTITY lol2 "&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;&lol;">]><metalink>&lol2;</metalink>"""
EXTERNAL = b"""<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<metalink><file name="&x;"><url>https://m/a</url></file></metalink>"""
ELSEWHERE = b'<!DOCTYPE metalink SYSTEM "https://evil/x.dtd"><metalink/>'


@pytest.mark.parametrize("text", [LAUGHS, EXTERNAL, ELSEWHERE])
async def test_entities_end_the_reading(text: bytes) -> None:
    with pytest.raises(UsageError, match="defines entities"):
        await read(text)


@pytest.mark.parametrize(
    "text",
    [
        b"<metalink><file></metalink>",
        b"<metalink>",
        b"<metalink>&unknown;</metalink>",
        b"<metalink>\x00</metalink>",
        b"<metalink>\xff\xfe</metalink>",
        b"<svg/>",
        b"<metalink>" + b"<a>" * 100,
    ],
)
async def test_what_is_no_metalink_says_so(text: bytes) -> None:
    with pytest.raises(UsageError):
        await read(text)


async def test_the_files_before_a_break_are_read() -> None:
    found: list[Entry | Refused] = []

    async def chunks() -> AsyncIterator[bytes]:
        yield (HEAD + file(URL)).encode()
        yield b"<broken"
        yield b"</metalink>"

    async def collect() -> None:
        async for item in read_metalink(chunks(), None, "https://h/x", location=None):
            found.append(item)  # noqa: PERF401 (what was found before it fails)

    with pytest.raises(UsageError, match="cannot be read"):
        await collect()
    assert len(entries(found)) == 1


@pytest.mark.parametrize("start", [b"<metalink><!-- ", b'<metalink a="', b"<metalink><?x "])
async def test_markup_without_an_end_takes_no_memory(start: bytes) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield start
        for _ in range(1000):
            yield b"x" * 65536

    with pytest.raises(UsageError, match="has no end"):
        async for _ in read_metalink(chunks(), None, "https://h/x", location=None):
            pass


async def test_text_and_mirrors_without_end_take_no_memory() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield (HEAD + '<file name="a"><url>').encode()
        for _ in range(300):
            yield b"x" * 65536
        yield b"</url>"
        for number in range(20_000):
            yield b"<url>https://m/%d</url>" % number
        yield b"</file></metalink>"

    tracemalloc.start()
    try:
        items = [i async for i in read_metalink(chunks(), None, "https://h/x", location=None)]
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (found,) = entries(items)
    assert len(found.mirrors) < metalink.MOST_MIRRORS
    assert most < 2_000_000


async def test_too_many_pieces_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metalink, "MOST_PIECES", 3)
    hashes = f"<hash>{SHA1}</hash>" * 4
    text = file(
        f'{URL}<hash type="sha-1">{SHA1}</hash><pieces length="1" type="sha-1">{hashes}</pieces>'
    )
    (found,) = entries(await read(document(text)))
    assert (found.pieces, found.checksum) == (None, Checksum("sha1", SHA1))


@given(
    st.lists(
        st.sampled_from(
            [
                "<file name='a'>",
                "</file>",
                URL,
                "<url>",
                "</url>",
                "<size>1",
                "</size>",
                "<pieces type='md5' length='1'>",
                "<hash type='md5'>",
                "</hash>",
                "</pieces>",
                "&#0;",
                "x",
                "<!--",
                "-->",
            ]
        ),
        max_size=20,
    ),
    st.integers(1, 40),
)
async def test_whatever_comes_is_read_or_refused(parts: list[str], size: int) -> None:
    text = (HEAD + "".join(parts) + "</metalink>").encode()
    try:
        items = await read(text, size=size)
    except UsageError:
        return
    assert all(isinstance(item, Entry | Refused) for item in items)
