"""From the options of `add` to a collection and its source, and what cannot be meant."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

import pytest

from core.domain.collections import CollectionRequest
from core.domain.entries import SourceSpec
from core.domain.errors import UsageError
from tui.cli.parser import parse
from tui.input.source_options import collection_request, is_collection, name_for, named_files


def args(line: str) -> argparse.Namespace:
    return parse(["add", *shlex.split(line)])[1]


def request(line: str) -> CollectionRequest:
    return collection_request(args(line), "/setting")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("http://a/x", False),
        ("-i list", False),
        ("s3://bucket/key", False),
        ("--collection c http://a/x", True),
        ("--manifest http://a/SHA256SUMS", True),
        ("-r http://a/", True),
        ("s3://bucket/prefix/", True),
        ("gs://bucket", True),
    ],
)
def test_a_source_makes_a_collection_and_so_does_a_name(line: str, expected: bool) -> None:
    assert is_collection(args(line)) is expected


def test_a_manifest_with_everything() -> None:
    made = request(
        "--collection birds --together --manifest http://a/b/SHA256SUMS --base http://c/d/"
        " --format sums --include '*.wav' --include 'x/**' --exclude '*.tmp' --priority 3"
        " --limit 1M --paused --header 'A: b' -x 2"
    )
    assert made.source == SourceSpec(
        kind="manifest",
        address="http://a/b/SHA256SUMS",
        base="http://c/d/",
        format="sums",
        include=("*.wav", "x/**"),
        exclude=("*.tmp",),
    )
    assert (made.name, made.together, made.limit) == ("birds", True, 2**20)
    shared = made.request
    assert (shared.directory, shared.priority, shared.paused) == ("/setting/birds", 3, True)
    assert (shared.limit, shared.headers, shared.connections) == (None, {"A": "b"}, 2)


def test_an_index_and_a_store() -> None:
    index = request("-r http://a/pub/ --depth 2 -d /there")
    assert index.source == SourceSpec(kind="index", address="http://a/pub/", depth=2)
    assert (index.name, index.request.directory) == ("pub", "/there")
    store = request("s3://bucket/set/ --anonymous --endpoint-url http://h:9000 --region eu")
    assert store.source == SourceSpec(
        kind="store",
        address="s3://bucket/set/",
        options={"anonymous": "true", "endpoint_url": "http://h:9000", "region": "eu"},
    )
    assert (store.name, store.request.directory) == ("set", "/setting/set")


def test_lists_and_single_files_are_named_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    listed = request("--collection c -i list.csv --format csv http://a/1")
    assert listed.source == SourceSpec(
        kind="list", address=str(tmp_path / "list.csv"), format="csv"
    )
    assert request("--collection c -i -").source == SourceSpec(kind="list", address="-")
    assert request("--collection c http://a/1 http://a/2").source is None
    assert named_files(args("http://a/1 http://a/2 http://a/1")) == ["http://a/1", "http://a/2"]


def test_a_manifest_may_be_a_file(tmp_path: Path) -> None:
    path = tmp_path / "set.meta4"
    path.write_text("x")
    made = request(f"--manifest {path}")
    assert made.source == SourceSpec(kind="manifest", address=str(path))
    assert made.name == "set"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("s3://bucket/a/prefix/", "prefix"),
        ("s3://bucket", "bucket"),
        ("https://h.org/birds/SHA256SUMS", "birds"),
        ("https://h.org/birds/manifest-sha512.txt", "birds"),
        ("https://h.org/birds.meta4?x=1", "birds"),
        ("https://h.org/", "h.org"),
        ("/data/birds/fetch.txt", "birds"),
        ("/data/a%20b.csv", "a%20b"),
        ("https://h.org/a%20b/", "a b"),
        ("https://h.org/%1B%2e%2e/", "download"),
    ],
)
def test_a_name_is_made_of_the_last_part_that_says_anything(address: str, name: str) -> None:
    assert name_for(address) == name


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("--collection c", "no source of files"),
        ("--collection a/c http://a/1", "holds a ./."),
        ("--collection .c http://a/1", "cannot be called"),
        ("--collection c http://a/1 -o name", "-o fits one file"),
        ("--collection c http://a/1 --checksum md5:1", "--checksum fits one file"),
        ("--collection c http://a/1 --mirror http://b/1", "--mirror fits one file"),
        ("--collection c http://a/1 --group g", "leave out|group by itself"),
        ("--collection c http://a/1 --depth 3", "there is none"),
        ("--collection c http://a/1 --include x", "there is none"),
        ("--manifest http://a/x -r http://a/", "there are several"),
        ("--manifest http://a/x s3://bucket/c/", "there are several"),
        ("--manifest http://a/x http://a/1", "URLs name others"),
        ("--manifest http://a/x -i list", "-i names another"),
        ("--manifest http://a/x --depth 2", "there is none"),
        ("--manifest -", "has no stdin"),
        ("--manifest /nowhere/at/all", "cannot be read"),
        ("-r ftp://a/", "does not fetch ftp"),
        ("-r http://a/ --format csv", "--format"),
        ("--collection c http://a/1 ftp://b", "ftp"),
        ("s3://x", "names no bucket"),
        ("s3://bucket/a/ --profile p --anonymous", "--anonymous"),
    ],
)
def test_what_cannot_be_meant_is_refused(line: str, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        [collection_request(args(line), "/setting"), named_files(args(line))]
