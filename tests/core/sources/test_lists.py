"""Lists in every form: what they name, which of their lines are refused, and what that costs."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from collections.abc import Iterator
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.entries import Entry, Refused
from core.domain.errors import UsageError
from core.domain.models import Checksum
from core.sources import list_lines
from core.sources.list_lines import LONGEST
from core.sources.lists import ListReader

MD5 = "d41d8cd98f00b204e9800998ecf8427e"
SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def read(
    text: str | bytes, form: str | None = None, *, base: str | None = None, size: int = 4096
) -> list[Entry | Refused]:
    data = text.encode() if isinstance(text, str) else text
    reader = ListReader(form, base)
    chunks = (data[start : start + size] for start in range(0, len(data), size))
    return [*chain.from_iterable(map(reader.feed, chunks)), *reader.end()]


def entries(text: str | bytes, form: str | None = None) -> list[Entry]:
    found = read(text, form)
    assert [item for item in found if isinstance(item, Refused)] == []
    return [item for item in found if isinstance(item, Entry)]


def refusals(text: str | bytes, form: str | None = None) -> dict[str, str]:
    return {item.where: item.reason for item in read(text, form) if isinstance(item, Refused)}


def test_plain_urls_with_comments_blank_lines_a_bom_and_any_line_ends() -> None:
    text = "\ufeff# mine\r\n\r\n  http://a/1  \r\nhttps://b/2?x=1,2\n#x\nhttp://a/3"
    assert [(entry.url, entry.path, entry.where) for entry in entries(text)] == [
        ("http://a/1", None, "line 3"),
        ("https://b/2?x=1,2", None, "line 4"),
        ("http://a/3", None, "line 6"),
    ]


def test_a_bad_line_is_named_by_its_number_and_stops_nothing_else() -> None:
    text = b"http://a/1\n\nnonsense\nhttp://a/\xff\nhttp://a/\0\nhttp://a/ b\nhttp://a/2\n"
    found = read(text)
    assert [item.url for item in found if isinstance(item, Entry)] == ["http://a/1", "http://a/2"]
    assert {where: reason.partition(";")[0] for where, reason in refusals(text).items()} == {
        "line 3": "'nonsense' is not a URL",
        "line 4": "this is not UTF-8 text",
        "line 5": "this holds a NUL, and is no text",
        "line 6": "'http://a/ b' is not a URL: it holds a space or a control character",
    }


def test_the_syntax_of_aria2_is_obeyed() -> None:
    text = f"""\
# a session
http://a/1\thttp://b/1\thttp://a/1
  out=one.bin
  dir=sub/deep
  checksum=sha-256={SHA256.upper()}
  header=X-A: 1
  header=Cookie: b=2
  referer=*
  user-agent=me/1
  http-user=u
  http-passwd=p
  split=5
  max-download-limit=1M
  gid=0123456789abcdef
http://a/2
 dir=other

http://a/3
"""
    one, two, three = entries(text)
    assert one == Entry(
        url="http://a/1",
        path="sub/deep/one.bin",
        mirrors=("http://b/1",),
        checksum=Checksum("sha256", SHA256),
        headers={
            "X-A": "1",
            "Cookie": "b=2",
            "User-Agent": "me/1",
            "Referer": "http://a/1",
            "Authorization": "Basic dTpw",
        },
        where="line 2",
    )
    assert (two.path, two.headers) == ("other/2", {})
    assert (three.url, three.path, three.where) == ("http://a/3", None, "line 18")
    assert entries(text, "aria2") == [one, two, three]


def test_an_option_that_is_wrong_costs_its_own_download_and_names_its_own_line() -> None:
    text = """\
http://a/1
  chekcsum=sha-1=00
http://a/2
  checksum=sha-1=00
  out=x
http://a/3
  parameterized-uri=true
nothing
  out=y
http://a/4
  header=no colon, and a secret
http://a/5
"""
    assert [item.url for item in read(text) if isinstance(item, Entry)] == ["http://a/5"]
    refused = refusals(text)
    assert list(refused) == ["line 2", "line 4", "line 7", "line 8", "line 11"]
    assert "'chekcsum' is no option" in refused["line 2"]
    assert "40 hexadecimal digits" in refused["line 4"]
    assert "secret" not in refused["line 11"]


def test_where_it_is_said_to_be_of_aria2_what_is_indented_is_an_option() -> None:
    text = "  out=x\nhttp://a/1\n  http://a/2\nhttp://a/3\n"
    assert [item.url for item in read(text) if isinstance(item, Entry)] == [
        "http://a/1",
        "http://a/2",
        "http://a/3",
    ]
    found = read(text, "aria2")
    assert [item.url for item in found if isinstance(item, Entry)] == ["http://a/3"]
    assert list(refusals(text, "aria2")) == ["line 1", "line 3"]


@pytest.mark.parametrize(("delimiter", "form"), [(",", "csv"), (";", "csv"), ("\t", "tsv")])
def test_a_table_says_of_each_file_what_it_has_columns_for(delimiter: str, form: str) -> None:
    rows = [
        ["Path", "URL", "size", "SHA-256", "priority", "mirrors", "what else"],
        ["a/b, c.bin", "http://a/1", "12", SHA256, "5", "http://b/1 http://c/1", "ignored"],
        ["", "http://a/2", "", "", "", "", ""],
        ["x.bin", "http://a/3", "0", "", "-1"],
    ]
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter).writerows(rows)
    expected = [
        Entry(
            url="http://a/1",
            path="a/b, c.bin",
            size=12,
            checksum=Checksum("sha256", SHA256),
            priority=5,
            mirrors=("http://b/1", "http://c/1"),
            where="line 2",
        ),
        Entry(url="http://a/2", where="line 3"),
        Entry(url="http://a/3", path="x.bin", size=0, priority=-1, where="line 4"),
    ]
    assert entries(text.getvalue()) == expected
    assert entries(text.getvalue(), form) == expected


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("http://a/1,x,12 MB,", "its size '12 MB' is no number of bytes"),
        ("http://a/1,x,-1,", "is no number of bytes"),
        ("http://a/1,x,1,1.5", "its priority '1.5' is no whole number"),
        ("http://a/1,x,1,1,more", "this has 5 fields, and the header 4"),
        (",x,1,1", "this names no URL"),
        ('"http://a/1,x,1,1', "a quote is not closed"),
        ("ftp://a/1,x,1,1", "winch does not fetch ftp"),
    ],
)
def test_a_row_that_is_wrong_is_named(row: str, reason: str) -> None:
    text = f"url,path,size,priority\nhttp://a/0,,,\n{row}\nhttp://a/2,,,\n"
    found = read(text)
    assert [item.url for item in found if isinstance(item, Entry)] == ["http://a/0", "http://a/2"]
    assert reason in refusals(text)["line 3"]


def test_the_better_of_two_columns_counts_and_the_strongest_digest() -> None:
    (entry,) = entries(f"name,url,path,md5,sha1,folder\nn,http://a/1,p,{MD5},{SHA1},f\n")
    assert (entry.path, entry.checksum) == ("f/p", Checksum("sha1", SHA1))


@pytest.mark.parametrize("written", [SHA1, f"sha1:{SHA1}", f"SHA-1={SHA1}"])
def test_a_checksum_is_read_however_it_is_written(written: str) -> None:
    (entry,) = entries(f"url,checksum\nhttp://a/1,{written}\n")
    assert entry.checksum == Checksum("sha1", SHA1)


def test_a_table_without_a_column_of_addresses_is_none() -> None:
    with pytest.raises(UsageError, match="no column 'url'"):
        read("http://a/1,x\n", "csv")
    with pytest.raises(UsageError, match="too wide"):
        read("url" + ",x" * 10_000 + "\n", "csv")


def test_json_lines() -> None:
    text = "\n".join(
        [
            json.dumps(
                {
                    "url": "http://a/1",
                    "path": "a/\u00e9.bin",
                    "size": 0,
                    "checksum": f"md5:{MD5}",
                    "priority": 0,
                    "mirrors": ["http://b/1"],
                    "headers": {"X-A": "1: 2"},
                    "more": {"x": [1]},
                }
            ),
            "",
            '{"url": "http://a/2", "path": null, "size": "7"}',
        ]
    )
    assert entries(text) == [
        Entry(
            url="http://a/1",
            path="a/\u00e9.bin",
            size=0,
            checksum=Checksum("md5", MD5),
            priority=0,
            mirrors=("http://b/1",),
            headers={"X-A": "1: 2"},
            where="line 1",
        ),
        Entry(url="http://a/2", size=7, where="line 3"),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "7",
        "{}",
        '{"url": 7}',
        '{"url": "http://a/\\ud800"}',
        '{"url": "http://a/", "path": 7}',
        '{"url": "http://a/", "size": 1.5}',
        '{"url": "http://a/", "size": true}',
        '{"url": "http://a/", "size": 1000000000000000000000}',
        '{"url": "http://a/", "mirrors": [7]}',
        '{"url": "http://a/", "mirrors": ["x"]}',
        '{"url": "http://a/", "headers": {"A": 7}}',
        '{"url": "http://a/", "headers": {"A": "1\\n2"}}',
        '{"url": "http://a/", "headers": {"Range": "bytes=0-"}}',
        '{"url": "http://a/", "x": ' + "[" * 60_000 + "}",
    ],
)
def test_a_line_of_json_that_is_wrong_is_named(line: str) -> None:
    text = '{"url": "http://a/0"}\n' + line + '\n{"url": "http://a/2"}\n'
    found = read(text)
    assert [item.url for item in found if isinstance(item, Entry)] == ["http://a/0", "http://a/2"]
    assert list(refusals(text)) == ["line 2"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('[{"url": "http://a/1"}]', "a JSON array"),
        ("[\n", "a JSON array"),
        ("<?xml version='1.0'?>", "XML or HTML"),
        (f"{SHA1}  x\n", "a list of checksums"),
        (f"SHA256 (x) = {SHA256}\n", "a list of checksums"),
        (b"\x1f\x8b\x08\x00", "compressed with gzip"),
        (b"\x1f\x8b\x08" + b"x" * 3 * LONGEST, "compressed with gzip"),
        ("http://a/1".encode("utf-16"), "UTF-16"),
        (b"PK\x03\x04..", "a spreadsheet"),
    ],
)
def test_what_is_another_thing_is_told_with_what_to_do(text: str | bytes, reason: str) -> None:
    with pytest.raises(UsageError, match=reason) as caught:
        read(text)
    assert caught.value.hint


def test_a_form_that_is_unknown_is_refused() -> None:
    with pytest.raises(UsageError, match="there is no form of lists 'xml'"):
        ListReader("xml")


@pytest.mark.parametrize(
    "path",
    ["../x", "a/../../x", "/etc/passwd", "a//b", "a/", "..", "a\x1b[2Jb", "x" * 4096, "a/" * 2000],
)
def test_a_path_that_leads_out_or_cannot_be_stored_is_refused_by_its_line(path: str) -> None:
    row = {"url": "http://a/1", "path": path}
    table = io.StringIO()
    csv.writer(table).writerows([list(row), list(row.values())])
    assert list(refusals(table.getvalue())) == ["line 2"]
    assert list(refusals(json.dumps(row))) == ["line 1"]
    assert list(refusals(f"http://a/1\n out={path}\n")) == ["line 1"]
    assert list(refusals(f"http://a/1\n out=x\n dir={path}/..\n")) == ["line 1"]


def test_relative_addresses_begin_at_the_base() -> None:
    found = read("a/1.bin\n/2\nhttp://b/3\n", base="http://h/set/")
    assert [item.url for item in found if isinstance(item, Entry)] == [
        "http://h/set/a/1.bin",
        "http://h/2",
        "http://b/3",
    ]


def test_a_line_that_is_too_long_is_named_and_not_held() -> None:
    tracemalloc.start()
    reader = ListReader()
    found = [item for _ in range(2_000) for item in reader.feed(b"x" * LONGEST)]
    found += [*reader.feed(b"\nhttp://a/1\n"), *reader.end()]
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    refused, entry = found
    assert isinstance(refused, Refused)
    assert (refused.where, refused.reason) == ("line 1", "this is longer than 64 KiB")
    assert isinstance(entry, Entry)
    assert most < 2**20


def test_very_many_lines_are_read_without_being_held() -> None:
    chunk = b"http://a/x\nnonsense\n" * 500

    def many() -> Iterator[Entry | Refused]:
        reader = ListReader()
        for _ in range(50):
            yield from reader.feed(chunk)

    tracemalloc.start()
    count = sum(1 for _ in many())
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 50_000 - 1
    assert most < 2**20


def test_a_list_without_end_comes_to_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_lines, "MOST_LINES", 1000)
    reader = ListReader()
    assert len([*reader.feed(b"http://a/x\n" * 1000)]) == 999
    with pytest.raises(UsageError, match="at most 1,000 lines"):
        list(reader.feed(b"http://a/x\n"))


ODD_LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                "http://a/1",
                "http://a/1\thttp://b/1",
                " out=x",
                "\tdir=../..",
                " checksum=md5=" + MD5,
                "url,path,size",
                'http://a/1,"x',
                "http://a/1,x,7",
                '{"url": "http://a/1"}',
                "{",
                "#",
                "",
                "\ufeff",
                "\r",
                "\0",
            ]
        ),
        st.text(max_size=20),
    ),
    max_size=12,
)


def outcome(data: bytes, form: str | None, size: int) -> list[Entry | Refused | None]:
    """Return what is read, None for a list that is none."""
    try:
        return [*read(data, form, size=size)]
    except UsageError:
        return [None]


@given(ODD_LINES, st.integers(1, 40), st.sampled_from([None, "plain", "aria2", "jsonl"]))
def test_how_the_bytes_are_cut_makes_no_difference_and_every_number_is_of_a_line(
    lines: list[str], size: int, form: str | None
) -> None:
    data = "\n".join(lines).encode("utf-8", "surrogatepass")
    whole = outcome(data, form, len(data) + 1)
    assert outcome(data, form, size) == whole
    count = data.count(b"\n") + 1
    numbers = [int(item.where.removeprefix("line ")) for item in whole if item is not None]
    assert all(1 <= number <= count for number in numbers)
    assert len(set(numbers)) == len(numbers)


@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "url": st.from_regex(r"https?://[a-z]{1,8}\.org/[a-z0-9/]{0,12}", fullmatch=True),
                "path": st.from_regex(r"[a-z][a-z ,;\"'é]{0,8}[a-z](/[a-z]{1,4})?", fullmatch=True),
                "size": st.integers(0, 10**17),
                "priority": st.integers(-1000, 1000),
            }
        ),
        min_size=1,
        max_size=8,
    )
)
def test_what_is_written_as_a_table_or_as_json_is_read_alike(rows: list[dict[str, object]]) -> None:
    table = io.StringIO()
    writer = csv.DictWriter(table, ["path", "url", "priority", "size"])
    writer.writeheader()
    writer.writerows(rows)
    of_table = entries(table.getvalue())
    of_json = entries("\n".join(map(json.dumps, rows)))
    assert [e.path for e in of_table] == [row["path"] for row in rows]
    without_place = [
        [(e.url, e.path, e.size, e.priority) for e in found] for found in (of_table, of_json)
    ]
    assert without_place[0] == without_place[1]
