"""Lists of checksums, as programs write them and as others spoil them."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.entries import Entry, Refused
from core.domain.errors import UsageError
from core.domain.models import Checksum
from core.sources.sums import parse_line, read_sums
from tests.core.sources.manifest_files import entries, read, refused

HEX = {
    "md5": "0" * 31 + "a",
    "sha1": "0" * 39 + "b",
    "sha224": "0" * 55 + "c",
    "sha256": "0" * 63 + "d",
    "sha384": "0" * 95 + "e",
    "sha512": "0" * 127 + "f",
}
SUM = HEX["sha256"]


@pytest.mark.parametrize("algorithm", HEX)
def test_the_number_of_digits_is_the_algorithm(algorithm: str) -> None:
    found = parse_line(f"{HEX[algorithm].upper()}  a.txt")
    assert found.checksum == Checksum(algorithm, HEX[algorithm])
    assert found.name == "a.txt"


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (f"{SUM}  a b.txt", "a b.txt"),
        (f"{SUM} *a.bin", "a.bin"),
        (f"{SUM}   leading", " leading"),
        (f"{SUM} a", "a"),
        (f"{SUM}\ta", "a"),
        (f"{SUM}  *a", "*a"),
        (f"{SUM}  ./d/a", "d/a"),
        (f"{SUM}  ../a", "../a"),
        (f"{SUM}  /etc/passwd", "/etc/passwd"),
        (f"\\{SUM}  a\\nb\\\\c\\rd", "a\nb\\c\rd"),
        (f"{SUM}  a\\nb", "a\\nb"),
        (f"SHA256 (a (1).iso) = {SUM}", "a (1).iso"),
        (f"\\SHA256 (a\\nb) = {SUM}", "a\nb"),
        (f"SHA256(a)= {SUM}", "a"),
        (f"SHA2-256(a)= {SUM}", "a"),
        (f"sha256 (a) = {SUM}", "a"),
    ],
)
def test_a_line_in_each_of_its_ways(line: str, name: str) -> None:
    assert parse_line(line).name == name
    assert parse_line(line).checksum == Checksum("sha256", SUM)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("hello", "no line of checksums"),
        (SUM, "no line of checksums"),
        (f"{SUM}  -", "standard input"),
        (f"{'a' * 33}  a", "33 digits"),
        (f"SHA256 (a) = {'a' * 63}", "no checksum of sha256"),
        (f"MD5 (a) = {SUM}", "no checksum of md5"),
        (f"WHIRLPOOL (a) = {SUM}", "'WHIRLPOOL'"),
        (f"\\{SUM}  a\\tb", "escaped as nobody does"),
        (f"\\{SUM}  a\\", "escaped as nobody does"),
        ("SIZE (a) = ten", "no size"),
    ],
)
def test_a_line_that_is_none_says_why(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_line(line)
    assert reason in str(caught.value)


@pytest.mark.parametrize("options", [[], ["--binary"], ["--tag"]])
@pytest.mark.parametrize("program", ["md5sum", "sha1sum", "sha256sum", "sha384sum", "sha512sum"])
async def test_what_the_programs_write_is_read_back(
    tmp_path: Path, program: str, options: list[str]
) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"no {program} here")
    names = ["plain", "with space", "back\\slash", "new\nline", "(1) = x", "ümlaut", "*star"]
    for name in names:
        (tmp_path / name).write_bytes(name.encode())
    text = subprocess.run(  # noqa: ASYNC221 (nothing else runs meanwhile)
        [program, *options, "--", *names], cwd=tmp_path, check=True, capture_output=True
    ).stdout
    found = entries(await read(text))
    algorithm = program.removesuffix("sum")
    assert [entry.path for entry in found] == names
    assert [str(entry.checksum) for entry in found] == [
        f"{algorithm}:{hashlib.new(algorithm, name.encode()).hexdigest()}" for name in names
    ]


async def test_the_names_are_below_the_manifest_or_the_base() -> None:
    text = f"{SUM}  d/a b#?%+.txt\n{SUM}  a:b\n{SUM}  //x\n".encode()
    assert [entry.url for entry in entries(await read(text))] == [
        "https://h/set/d/a%20b%23%3F%25%2B.txt",
        "https://h/set/a%3Ab",
        "https://h/set///x",
    ]
    first, *_ = entries(await read(text, address="/home/x/SUMS", base="https://b/c?key=1"))
    assert first.url == "https://b/c/d/a%20b%23%3F%25%2B.txt?key=1"
    assert first.path == "d/a b#?%+.txt"


async def test_the_keys_of_a_store_are_written_as_they_are() -> None:
    text = f"{SUM}  d/a b#?%+.txt\n".encode()
    (entry,) = entries(await read(text, base="s3://bucket/set"))
    assert entry.url == "s3://bucket/set/d/a b#?%+.txt"


async def test_a_local_manifest_without_a_base_says_what_to_do() -> None:
    (said,) = refused(await read(f"{SUM}  a\n".encode(), address="/home/x/SUMS"))
    assert "--base" in said.reason
    assert said.where == "line 1"


async def test_names_that_are_no_utf_8_are_asked_for_byte_by_byte() -> None:
    (entry,) = entries(await read(SUM.encode() + b"  caf\xe9\n"))
    assert entry.url == "https://h/set/caf%E9"
    assert entry.path == "caf\u00e9"


async def test_line_ends_comments_and_a_byte_order_mark_are_no_content() -> None:
    text = f"\ufeff# made today\r\n\r\n{SUM}  a\r\n   \r\n{SUM} *b".encode()
    assert [(e.path, e.where) for e in entries(await read(text))] == [
        ("a", "line 3"),
        ("b", "line 5"),
    ]


async def test_what_somebody_signed_is_read_without_the_signature() -> None:
    text = f"""\
-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA256

# Fedora-1.iso: 123 bytes
SHA256 (Fedora-1.iso) = {SUM}
- -----dashes
-----BEGIN PGP SIGNATURE-----

iQIzBAEBCAAdFiEE{SUM}
=abcd
-----END PGP SIGNATURE-----
"""
    items = await read(text.encode())
    assert [e.path for e in items if isinstance(e, Entry)] == ["Fedora-1.iso"]
    assert [r.where for r in refused(items)] == ["line 6"]


async def test_lines_about_one_file_are_one_entry_with_the_strongest_checksum() -> None:
    text = f"""\
MD5 (a) = {HEX["md5"]}
SHA512 (a) = {HEX["sha512"]}
SIZE (a) = 77
SHA1 (b) = {HEX["sha1"]}
"""
    first, second = entries(await read(text.encode()))
    assert (first.checksum, first.size) == (Checksum("sha512", HEX["sha512"]), 77)
    assert (second.path, second.checksum) == ("b", Checksum("sha1", HEX["sha1"]))


async def test_one_file_twice_is_named_twice() -> None:
    """So that whoever checks all paths can say so."""
    text = f"{SUM}  a\n{SUM}  a\n".encode()
    assert [entry.where for entry in entries(await read(text))] == ["line 1", "line 2"]


async def test_the_name_of_a_list_tells_two_algorithms_of_one_length_apart() -> None:
    text = f"{HEX['sha512']}  a\n".encode()
    (entry,) = entries(await read(text, address="https://h/B2SUMS"))
    assert entry.checksum == Checksum("blake2b", HEX["sha512"])


async def test_a_bad_line_stops_nothing_else() -> None:
    text = b"\n".join(
        [
            f"{SUM}  a".encode(),
            b"x" * 50_000,
            b"\x00\xff\x1b[31m",
            SUM.encode() + b"  " + b"d/" * 5000,
            SUM.encode() + b"  " + b"c" * 4096,
            f"{SUM}  b".encode(),
        ]
    )
    items = await read(text)
    assert [r.where for r in refused(items)] == ["line 2", "line 3", "line 4"]
    assert [e.where for e in items if isinstance(e, Entry)] == ["line 1", "line 5", "line 6"]


async def test_ten_million_lines_take_no_memory() -> None:
    lines = 60_000  # as many as a test has time for: what counts is that nothing grows with them

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, lines, 1000):
            yield b"".join(b"%b  f%d\n" % (SUM.encode(), n) for n in range(start, start + 1000))

    count, most = 0, 0
    tracemalloc.start()
    try:
        async for item in read_sums(chunks(), "https://h/"):
            assert isinstance(item, Entry)
            count += 1
            if count % 20_000 == 0:
                most = max(most, tracemalloc.get_traced_memory()[1])
    finally:
        tracemalloc.stop()
    assert count == lines
    assert most < 3_000_000


async def test_a_line_without_an_end_takes_no_memory() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 65536
        yield f"\n{SUM}  a\n".encode()

    tracemalloc.start()
    try:
        items = [item async for item in read_sums(chunks(), "https://h/")]
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [type(item) for item in items] == [Refused, Entry]
    assert most < 2_000_000


@pytest.mark.parametrize("text", [b"<!DOCTYPE html><p>", b"<html>", b"hello\nworld\n", b""])
async def test_what_is_no_manifest_is_none(text: bytes) -> None:
    with pytest.raises(UsageError):
        await read(text)


async def test_the_format_decides_where_it_is_said() -> None:
    (said,) = refused(await read(b"hello\n", format="sums"))
    assert said.where == "line 1"
    with pytest.raises(UsageError, match="'csv' is no format"):
        await read(b"hello\n", format="csv")


@given(st.binary(max_size=3000), st.integers(1, 100))
async def test_whatever_comes_is_named_or_refused_and_never_fails(text: bytes, size: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(text), size):
            yield text[at : at + size]

    for item in [item async for item in read_sums(chunks(), "https://h/")]:
        assert isinstance(item, Entry | Refused)
        assert item.where.startswith("line ")


@given(
    st.lists(
        st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1),
        max_size=8,
    ),
    st.integers(1, 50),
)
async def test_names_that_are_escaped_come_back_whatever_the_chunks(
    names: list[str], size: int
) -> None:
    def escaped(name: str) -> str:
        return name.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r")

    names = [name for name in dict.fromkeys(names) if name != "-" and not name.startswith("./")]
    text = "".join(f"\\{SUM}  {escaped(name)}\n" for name in names).encode()

    async def chunks() -> AsyncIterator[bytes]:
        for at in range(0, len(text), size):
            yield text[at : at + size]

    found = [item async for item in read_sums(chunks(), "https://h/")]
    assert [item.path for item in found if isinstance(item, Entry)] == names
