"""A list that `-i` names: where it comes from, what of it is asked for, and with what."""

from __future__ import annotations

import os
import sys
from itertools import chain
from pathlib import Path
from typing import TextIO

import pytest

from core.domain.entries import Entry, Refused
from core.domain.errors import UsageError
from core.domain.models import Checksum, DownloadRequest
from core.domain.origins import Origin
from tui.cli.parser import parse
from tui.input import url_lists
from tui.input.url_lists import entry_request, list_portions

SHA1 = "da39a3ee5e6b4b0d3255bfef95601890afd80709"


def read(*words: str) -> tuple[list[Entry], list[Refused]]:
    portions = list(list_portions(parse(["add", *words])[1]))
    return (
        list(chain.from_iterable(portion.entries for portion in portions)),
        list(chain.from_iterable(portion.refused for portion in portions)),
    )


@pytest.fixture
def listed(tmp_path: Path) -> Path:
    return tmp_path / "urls.txt"


def stdin(monkeypatch: pytest.MonkeyPatch, content: bytes) -> TextIO:
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    stream = os.fdopen(reader)
    monkeypatch.setattr(sys, "stdin", stream)
    return stream


def test_a_list_comes_from_a_file(listed: Path) -> None:
    listed.write_bytes(b"http://a/1\nnonsense\nhttp://a/2\nhttp://a/1\n")
    entries, refused = read("-i", str(listed))
    assert [entry.url for entry in entries] == ["http://a/1", "http://a/2"]
    assert [(each.where, each.code) for each in refused] == [("line 2", "usage")]


def test_a_dash_reads_the_list_from_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    with stdin(monkeypatch, b"http://a/1\nnonsense\n"):
        entries, refused = read("-i", "-")
    assert [entry.url for entry in entries] == ["http://a/1"]
    assert refused[0].where == "line 2"


def test_a_list_that_cannot_be_read_is_told(listed: Path) -> None:
    with pytest.raises(UsageError, match=r"cannot read .*urls\.txt: No such file"):
        read("-i", str(listed))
    with pytest.raises(UsageError, match="it is a directory, not a file"):
        read("-i", str(listed.parent))
    listed.write_text("<html>")
    with pytest.raises(UsageError, match=r"urls\.txt: this is XML or HTML"):
        read("-i", str(listed))


def test_globs_choose_by_path_or_by_the_name_in_the_address(listed: Path) -> None:
    rows = "url,path\nhttp://a/1,x/1.csv\nhttp://a/2.csv,\nhttp://a/3.csv?x,3.txt\nno,y.csv\n"
    listed.write_text(rows)
    entries, refused = read("-i", str(listed), "--include", "*.csv", "--exclude", "2*")
    assert [entry.url for entry in entries] == ["http://a/1"]
    assert len(refused) == 1


def test_what_is_listed_twice_under_two_paths_is_two_files(listed: Path) -> None:
    listed.write_text("url,path\nhttp://a/1,x\nhttp://a/1,y\nhttp://a/1,x\n")
    entries, _ = read("-i", str(listed))
    assert [entry.path for entry in entries] == ["x", "y"]


def test_of_a_list_without_end_only_what_was_lately_is_remembered(
    listed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(url_lists, "_REMEMBERED", 10)
    listed.write_text("".join(f"http://a/{number % 8}\n" for number in range(100)))
    assert len(read("-i", str(listed))[0]) == 8
    listed.write_text("".join(f"http://a/{number % 30}\n" for number in range(60)))
    assert len(read("-i", str(listed))[0]) == 60


def test_a_line_may_say_what_the_command_says_for_all() -> None:
    shared = DownloadRequest(
        url="", directory="/d", headers={"A": "1", "B": "2"}, priority=3, group="g"
    )
    entry = Entry(
        url="http://a/1",
        path="x/y/z.bin",
        size=7,
        checksum=Checksum("sha1", SHA1),
        mirrors=("http://b/1",),
        headers={"B": "3"},
        priority=0,
    )
    assert entry_request(shared, entry) == DownloadRequest(
        url="http://a/1",
        directory="/d/x/y",
        name="z.bin",
        checksum=Checksum("sha1", SHA1),
        mirrors=("http://b/1",),
        headers={"A": "1", "B": "3"},
        group="g",
        origin=Origin(size=7),
    )
    assert entry_request(shared, Entry(url="http://a/1")) == DownloadRequest(
        url="http://a/1", directory="/d", headers={"A": "1", "B": "2"}, priority=3, group="g"
    )
    assert entry_request(shared, Entry(url="http://a/1", path="n")).directory == "/d"
