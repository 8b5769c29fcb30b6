"""Hostile sources cost a refusal for each entry, and no more memory than honest ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.datasets.home import Home
from tests.datasets.hostile import (
    NAME,
    OUTSIDE,
    ROOM,
    as_list,
    as_sums,
    bomb,
    endless,
    live_with_lines,
    peak,
    peak_of_an_idle_daemon,
    surroundings,
)
from tests.datasets.nginx import Faults
from tests.datasets.sites import BUCKET, PREFIX, Web, store, web
from tests.datasets.sizes import LINES
from tests.unix import short_directory

CONTENT = b"as it should be"


@pytest.fixture
def root() -> Iterator[Path]:
    """What lies around a destination, one directory of it behind a link that is in its way."""
    with short_directory() as root:
        (root / "outside").mkdir()
        (root / "outside" / "inside.bin").write_text("somebody's")
        (root / "files").mkdir()
        (root / "files" / "link").symlink_to(root / "outside")
        yield root


@pytest.fixture
def home(root: Path) -> Iterator[Home]:
    home = Home(root)
    yield home
    home.run("daemon", "stop")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Web]:
    with web(tmp_path, Faults(percent=0, requests=1000)) as site:
        for path in ("good.bin", "deep/good.bin"):
            site.put(path, CONTENT)
        yield site


def add(home: Home, *words: str) -> int:
    """Ask for a collection of what is hostile, and return the exit code once nothing moves."""
    added = home.run("add", "--collection", NAME, "-d", str(home.files), *words)
    return added.returncode or home.run("wait", NAME).returncode


def test_entities_that_multiply_are_refused(home: Home, root: Path) -> None:
    file = root / "cwd" / "set.meta4"
    file.write_text(bomb())
    idle = peak_of_an_idle_daemon(home)
    before = surroundings(root)
    assert add(home, "--manifest", str(file)) != 0
    rows, status = home.report(NAME)
    assert (rows, status != 0) == ({}, True)
    assert "entit" in home.collection(NAME)["error_message"]
    assert peak(home.pid) < idle + ROOM
    assert surroundings(root) == before


@pytest.mark.parametrize("kind", ["list", "sums"])
def test_paths_that_lead_elsewhere_are_refused_each_by_its_name(
    home: Home, root: Path, site: Web, kind: str
) -> None:
    if kind == "list":
        file = root / "cwd" / "list.jsonl"
        file.write_text(as_list(f"{site.url}good.bin"))
        words = ("-i", str(file))
    else:
        site.put("SHA256SUMS", as_sums(hashlib.sha256(CONTENT).hexdigest()))
        words = ("--manifest", f"{site.url}SHA256SUMS")
    before = surroundings(root)
    assert add(home, *words) != 0
    rows, status = home.report(NAME)
    assert status != 0
    good = {"good.bin", "deep/good.bin"}
    assert {path for path, row in rows.items() if row["verdict"] == "whole"} == good
    bad = [row for path, row in rows.items() if path not in good]
    assert len(bad) == len(OUTSIDE)
    for row in bad:
        assert row["message"]
        assert row["cause"]
    assert surroundings(root) == before
    assert home.whole_files().keys() == good


def test_names_that_meet_lose_nobodys_bytes(home: Home, root: Path, site: Web) -> None:
    contents = {"Case.bin": b"1", "case.bin": b"2", "both": b"3", "both/below": b"4"}
    lines = []
    for number, (path, content) in enumerate(contents.items()):
        site.put(f"met/{number}", content)
        lines.append(f'{{"url": "{site.url}met/{number}", "path": "{path}"}}\n')
    file = root / "cwd" / "list.jsonl"
    file.write_text("".join(lines))
    assert add(home, "-i", str(file)) != 0
    rows, _ = home.report(NAME)
    whole = {path for path, row in rows.items() if row["verdict"] == "whole"}
    assert home.whole_files() == {path: contents[path] for path in whole}
    assert whole >= {"Case.bin"}
    assert len({"both", "both/below"} & whole) == 1
    assert len(rows) == len(contents)
    assert all(row["message"] for path, row in rows.items() if path not in whole)


@pytest.mark.timeout(240)
def test_very_many_lines_that_are_none_are_counted() -> None:
    with short_directory() as root:
        print(live_with_lines(root, LINES))


def test_a_manifest_without_an_end_can_be_left(home: Home) -> None:
    idle = peak_of_an_idle_daemon(home)
    with endless() as server:
        words = ("--manifest", f"{server.url}/SHA256SUMS")
        adding = home.start("add", "--collection", NAME, "-d", str(home.files), *words)
        try:
            while not found(home) or home.collection(NAME)["refused_count"] < 100_000:
                assert adding.poll() in (None, 0)
        finally:
            adding.terminate()
            adding.communicate()
        assert peak(home.pid) < idle + ROOM
        removed = home.run("rm", "-y", NAME)
        assert removed.returncode == 0, removed.stderr
        assert server.broken_off.wait(30), "it is still being read"
        assert not found(home)


def test_a_bucket_without_an_end_can_be_left(home: Home) -> None:
    idle = peak_of_an_idle_daemon(home)
    with endless() as server:
        words = ("s3://bucket/set/", "--endpoint-url", server.url)
        added = home.run("add", "--collection", NAME, "-d", str(home.files), *words)
        assert added.returncode == 0, added.stderr
        while home.collection(NAME)["refused_count"] < 20_000:
            assert home.collection(NAME)["state"] == "reading"
        assert peak(home.pid) < idle + ROOM
        assert home.run("rm", "-y", NAME).returncode == 0
        asked = server.asked
        assert not found(home)
        assert server.asked == asked, "it is still being read"


def test_an_index_of_directories_without_an_end_comes_to_one(home: Home, root: Path) -> None:
    idle = peak_of_an_idle_daemon(home)
    before = surroundings(root)
    with endless() as server:
        assert add(home, "-r", f"{server.url}/") != 0
        rows, status = home.report(NAME)
        assert status != 0
        (row,) = rows.values()
        assert "pages away" in row["message"]
        assert peak(home.pid) < idle + ROOM
    assert surroundings(root) == before


def test_keys_that_no_path_can_have_are_refused_each_by_its_name(
    home: Home, root: Path, tmp_path: Path
) -> None:
    keys = {"good.bin": b"1", "a": b"2", "a/b": b"3", "../up": b"4", "x//y": b"5", "./dot": b"6"}
    with store(tmp_path, Faults(percent=0, requests=1000)) as site:
        for key, content in keys.items():
            site.put(key, content)
        before = surroundings(root)
        assert add(home, f"s3://{BUCKET}/{PREFIX}", "--endpoint-url", site.server.url) != 0
        rows, status = home.report(NAME)
    assert status != 0
    whole = {path for path, row in rows.items() if row["verdict"] == "whole"}
    assert home.whole_files() == {path: keys[path] for path in whole}
    assert "good.bin" in whole
    assert len(whole & {"a", "a/b"}) == 1
    assert len(rows) == len(keys)
    assert surroundings(root) == before


def found(home: Home) -> bool:
    """Tell whether there is any collection."""
    return home.run("collections", "--json").stdout.strip() not in ("", "[]")
