"""Collections from end to end: made, reported, mended, read again, removed, by their names."""

from __future__ import annotations

import csv
import io
import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tui.cli.conftest import Winch
from tests.tui.cli.test_get import FILE, OTHER, is_whole
from tui.demo.server import DemoServer

NOWHERE = "http://127.0.0.1:1"


@pytest.fixture
def server() -> Iterator[DemoServer]:
    with DemoServer([FILE, OTHER]) as running:
        yield running


@pytest.fixture
def sums(winch: Winch, server: DemoServer) -> list[str]:
    """Return the words that make the collection `set` of a manifest beside the destination."""
    path = winch.directory.parent / "set.sha256"
    path.write_text(f"{FILE.sha256}  {name_of(server, FILE)}\n{OTHER.sha256}  sub/x\n")
    return ["--manifest", str(path), "--base", server.url(FILE).rpartition("/")[0] + "/"]


def name_of(server: DemoServer, file: object) -> str:
    return server.url(file).rpartition("/")[2]  # type: ignore[arg-type]


def listed(winch: Winch, name: str, *rows: str) -> str:
    path = winch.directory.parent / name
    path.write_text("\n".join(rows))
    return str(path)


def report(winch: Winch, name: str) -> dict[str, str]:
    rows = json.loads(winch("report", name, "--json").stdout)
    return {row["path"]: row["verdict"] for row in rows}


def test_a_list_becomes_a_collection_with_a_verdict_on_each_file(
    winch: Winch, server: DemoServer
) -> None:
    path = listed(
        winch,
        "list.csv",
        "url,path,sha256",
        f"{server.url(FILE)},a/one.bin,{FILE.sha256}",
        f"{server.url(OTHER)},a/two.bin,{FILE.sha256}",
        f"{server.url(OTHER)}-gone,three.bin,",
        "nonsense,four.bin,",
    )
    made = winch("add", "--collection", "my set", "-i", path)
    assert (made.returncode, made.stdout) == (2, "my set\n")
    assert f"{path}, line 5: 'nonsense' is not a URL" in made.stderr
    assert winch("wait", "my set").returncode in (3, 32)
    result = winch("report", "my set", "--json")
    assert result.returncode == 1
    rows = {row["path"]: row for row in json.loads(result.stdout)}
    assert {path: (row["verdict"], row["cause"]) for path, row in rows.items()} == {
        "a/one.bin": ("whole", None),
        "a/two.bin": ("bad", "checksum"),
        "three.bin": ("missing", "not_found"),
        "line 5": ("missing", "usage"),
    }
    assert rows["a/one.bin"]["digest"] == f"sha256:{FILE.sha256}"
    assert rows["a/one.bin"]["bytes"] == FILE.size
    assert is_whole(winch.directory / "my set/a/one.bin", FILE)
    assert not (winch.directory / "my set/a/two.bin").exists()
    (shown,) = winch.json("collections")
    assert (shown["name"], shown["whole"], shown["bad"], shown["missing"]) == ("my set", 1, 1, 2)
    assert winch.json("show", "my set")["refused"][0]["where"] == "line 5"


def test_a_report_as_a_table_for_other_programs(winch: Winch, server: DemoServer) -> None:
    path = listed(winch, "l.csv", "url,path", f'{server.url(FILE)},"a, ""b"".bin"')
    winch("add", "--collection", "set", "-i", path)
    assert winch("wait", "set").returncode == 0
    result = winch("report", "set", "--csv")
    assert result.returncode == 0
    (row,) = csv.DictReader(io.StringIO(result.stdout))
    assert (row["path"], row["verdict"], row["bytes"]) == ('a, "b".bin', "whole", str(FILE.size))
    assert winch("report", "set").stdout == 'whole   a, "b".bin\n'


def test_a_manifest_is_read_by_the_daemon_and_its_name_is_made(
    winch: Winch, server: DemoServer, sums: list[str]
) -> None:
    made = winch("add", *sums, "--include", "*.bin")
    assert (made.returncode, made.stdout) == (0, "set\n")
    assert winch("wait", "set").returncode == 0
    assert report(winch, "set") == {name_of(server, FILE): "whole"}
    assert is_whole(winch.directory / "set" / name_of(server, FILE), FILE)
    again = json.loads(winch("add", *sums, "--include", "*.bin", "--json").stdout)
    assert (again["name"], again["source_kind"]) == ("set", "manifest")
    other = winch("add", *sums, "--exclude", "*.bin")
    assert other.returncode != 0
    assert "there is a collection 'set' of another source" in other.stderr


def test_what_is_damaged_on_disk_is_found_and_fetched_again(
    winch: Winch, server: DemoServer
) -> None:
    path = listed(winch, "l", f"{server.url(FILE)}", f"{server.url(OTHER)}")
    winch("add", "--collection", "set", "-i", path)
    assert winch("wait", "set").returncode == 0
    damaged = winch.directory / "set" / name_of(server, FILE)
    with damaged.open("ab") as file:
        file.write(b"more")
    assert winch("verify", "set").returncode in (1, 32)
    assert report(winch, "set") == {
        name_of(server, FILE): "bad",
        name_of(server, OTHER): "whole",
    }
    result = winch("retry", "set")
    assert (result.returncode, result.stderr) == (0, "winch: retried 1 download\n")
    assert winch("wait", "set").returncode == 0
    assert is_whole(damaged, FILE)


def test_verbs_take_its_name_and_it_keeps_what_they_say(winch: Winch) -> None:
    path = listed(winch, "l", f"{NOWHERE}/1", f"{NOWHERE}/2")
    winch("pause", "--queue")
    winch("add", "--paused", "--collection", "set", "-i", path)
    assert winch.json("show", "set")["paused"] is True
    assert winch("set", "set", "--priority", "4", "--limit", "1M").returncode == 0
    assert {each["priority"] for each in winch.json("ls", "collection:set")} == {4}
    shown = winch.json("show", "set")
    assert (shown["priority"], shown["limit"]) == (4, 2**20)
    mixed = winch("set", "set", "--priority", "4", "-x", "2")
    assert mixed.returncode == 2
    assert winch("resume", "set").stderr == "winch: resumed the collection set\n"
    assert winch.json("show", "set")["paused"] is False
    assert winch("pause", "set").returncode == 0
    assert {each["status"] for each in winch.json("ls")} == {"paused"}
    assert winch("wait", "set").returncode == 7
    assert winch("cancel", "set").returncode == 0
    assert {each["status"] for each in winch.json("ls")} == {"cancelled"}
    result = winch("rm", "set")
    assert (result.returncode, result.stderr) == (
        0,
        "winch: removed the collection set\nwinch: removed 2 downloads\n",
    )
    assert winch.json("collections") == []
    assert winch.json("ls") == []


def test_two_of_a_name_are_told_apart(winch: Winch) -> None:
    id_ = winch("add", "--paused", f"{NOWHERE}/photos").stdout.strip()
    winch("add", "--paused", "--collection", "photos", f"{NOWHERE}/1")
    winch("add", "--paused", "--collection", id_[:3], f"{NOWHERE}/2")
    winch("add", "--paused", "--collection", "0" * 16, f"{NOWHERE}/3")
    assert winch.json("show", id_[:3])["name"] == id_[:3]
    assert winch.json("show", id_)["name"] == "photos"
    assert winch.json("show", "0" * 16)["source"] is None
    both = winch("rm", "photos")
    assert both.returncode == 2
    assert "there is a collection 'photos', and a download has the same name" in both.stderr
    assert len(winch.json("ls")) == 4
    unknown = winch("pause", "nothing")
    assert unknown.returncode == 2


def test_deleting_needs_an_answer_and_names_the_files(winch: Winch, server: DemoServer) -> None:
    path = listed(winch, "l.csv", "url,path", f"{server.url(FILE)},sub/x.bin")
    winch("add", "--collection", "set", "-i", path)
    assert winch("wait", "set").returncode == 0
    there = winch.directory / "set/sub/x.bin"
    refused = winch("rm", "set", "--files")
    assert refused.returncode == 2
    assert there.exists()
    assert winch("rm", "set", "--files", "--dry-run").returncode == 0
    assert there.exists()
    deleted = winch("rm", "set", "--files", "-y")
    assert deleted.returncode == 0
    assert f"deletes {there}" in deleted.stderr
    assert not there.exists()
    assert winch.json("collections") == []


def test_a_source_is_read_again_and_what_vanished_is_deleted_only_when_asked(
    winch: Winch, server: DemoServer
) -> None:
    rows = ["url,path", f"{server.url(FILE)},x.bin", f"{server.url(OTHER)},y.bin"]
    path = listed(winch, "l.csv", *rows)
    winch("add", "--collection", "set", "-i", path)
    assert winch("wait", "set").returncode == 0
    listed(winch, "l.csv", rows[0], rows[1], f"{server.url(OTHER)},z.bin")
    dry = json.loads(winch("sync", "set", "--dry-run", "--json").stdout)
    assert (dry["new"], dry["vanished"], dry["unchanged"]) == (["z.bin"], ["y.bin"], 1)
    refused = winch("sync", "set", "--delete-extra")
    assert refused.returncode == 2
    result = winch("sync", "set", "--delete-extra", "-y")
    assert result.returncode == 0
    assert "deleted  y.bin\n" in result.stdout
    assert winch("wait", "set").returncode == 0
    assert report(winch, "set") == {"x.bin": "whole", "z.bin": "whole"}
    assert not (winch.directory / "set/y.bin").exists()


def test_no_at_the_question_deletes_nothing(winch: Winch, server: DemoServer) -> None:
    path = listed(winch, "l", server.url(FILE), server.url(OTHER))
    winch("add", "--collection", "set", "-i", path, "-d", str(winch.directory))
    assert winch("wait", "set").returncode == 0
    Path(path).write_text(server.url(FILE))
    answered = winch.answer(b"n\n", "sync", "set", "--delete-extra")
    assert answered.returncode == 7
    there = winch.directory / name_of(server, OTHER)
    assert there.exists()
    assert winch.answer(b"y\n", "sync", "set", "--delete-extra").returncode == 0
    assert not there.exists()


def test_a_source_that_names_nothing_deletes_nothing(winch: Winch, server: DemoServer) -> None:
    path = listed(winch, "l", server.url(FILE))
    winch("add", "--collection", "set", "-i", path, "-d", str(winch.directory))
    assert winch("wait", "set").returncode == 0
    Path(path).write_text("")
    result = winch("sync", "set", "--delete-extra", "-y")
    assert result.returncode == 1
    assert "nothing is deleted: its source names not one file" in result.stderr
    assert (winch.directory / name_of(server, FILE)).exists()


def test_what_cannot_be_read_is_told_by_those_who_wait(winch: Winch, server: DemoServer) -> None:
    missing = f"{server.url(FILE)}-is/not/SHA256SUMS"
    assert winch("add", "--collection", "set", "--manifest", missing).stdout == "set\n"
    waited = winch("wait", "set")
    assert waited.returncode == 3
    assert waited.stderr.startswith("winch: set: its source could not be read: ")
    told = winch("report", "set")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == waited.stderr
    for verb in ("report", "sync"):
        unknown = winch(verb, "nothing")
        assert unknown.returncode == 2
        assert "there is no collection 'nothing'" in unknown.stderr


def test_foreign_names_reach_no_terminal(winch: Winch) -> None:
    evil = json.dumps({"url": f"{NOWHERE}/1", "path": "a\u009b31m.bin"})
    path = listed(winch, "l.jsonl", evil, f'{{"url": "{NOWHERE}/2"}}')
    made = winch("add", "--paused", "--collection", "set", "-i", path)
    assert made.returncode == 2
    for words in (["report", "set"], ["show", "set"], ["collections"]):
        result = winch(*words)
        said = (result.stdout + result.stderr + made.stderr).splitlines()
        assert all(line.isprintable() for line in said)


def test_get_stays_until_all_is_whole(winch: Winch, server: DemoServer, sums: list[str]) -> None:
    result = winch("get", *sums, "--include", "*.bin", "--together", "--json")
    assert result.returncode == 0
    (done,) = map(json.loads, result.stdout.splitlines())
    there = str(winch.directory / "set" / name_of(server, FILE))
    assert (done["status"], done["download_path"]) == ("completed", there)
    assert f"./{name_of(server, FILE)}: " in result.stderr
    assert f"set is whole: {winch.directory / 'set'}\n" in result.stderr
    assert is_whole(winch.directory / "set" / name_of(server, FILE), FILE)
    assert winch.json("show", "set")["state"] == "published"
    lacking = winch(
        "get", "--collection", "birds", "-q", server.url(FILE), server.url(OTHER) + "-gone"
    )
    assert lacking.returncode == 3
    assert "birds: 1 missing" in lacking.stderr
    assert winch("get", *sums, "--embedded").returncode == 2


def test_ctrl_c_pauses_it_as_a_whole_and_the_same_command_goes_on(
    winch: Winch, server: DemoServer
) -> None:
    words = ["get", "--collection", "birds", server.url(FILE), server.url(OTHER)]
    winch("pause", "--queue")
    process = winch.start(*words)
    while not winch.json("ls"):
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "paused birds; to continue, run the same command again" in said
    assert winch.json("show", "birds")["paused"] is True
    winch("resume", "--queue")
    assert winch(*words).returncode == 0
    assert winch.json("show", "birds")["is_whole"] is True


def test_what_names_no_file_is_not_whole_and_a_retry_without_files_says_what_goes_on(
    winch: Winch, server: DemoServer, sums: list[str]
) -> None:
    assert winch("add", "--collection", "none", *sums, "--include", "*.none").returncode == 0
    waited = winch("wait", "none")
    assert (waited.returncode, waited.stderr) == (1, "winch: none: empty\n")
    gone = f"{server.url(FILE)}-gone"
    assert winch("add", "--collection", "typo", "--manifest", gone).returncode == 0
    assert winch("wait", "typo").returncode == 3
    assert "winch: typo: its source is read again" in winch("retry", "typo").stderr
    rows = ["url,path", f"{server.url(OTHER)},in", f"{server.url(OTHER)},../out"]
    path = listed(winch, "part.csv", *rows)
    assert winch("add", "--collection", "part", "-i", path).returncode == 2
    assert winch("wait", "part").returncode == 2
    hint = "part: 1 file was refused; `winch sync part` reads its source again"
    assert hint in winch("retry", "part").stderr
    rows[1] = f"{gone},in"
    path = listed(winch, "some.csv", *rows)
    assert winch("add", "--collection", "some", "-d", "some", "-i", path).returncode == 2
    assert winch("wait", "some").returncode != 0
    retried = winch("retry", "some").stderr
    assert "winch: retried 1 download" in retried
    assert hint.replace("part", "some") in retried


def test_a_collection_whose_name_is_no_name_in_a_command_is_refused(
    winch: Winch, sums: list[str]
) -> None:
    for name in ("status:done", "!x", "a/b"):
        result = winch("add", "--collection", name, *sums)
        assert (result.returncode, result.stdout) == (2, "")
        assert f"'{name}'" in result.stderr
    assert winch.json("collections") == []


def test_a_name_that_may_be_an_id_is_reached_by_its_filter(winch: Winch, sums: list[str]) -> None:
    winch("add", "--collection", "set", *sums)
    winch("wait", "set")
    assert "collection  set" in winch("show", "collection:set").stdout
    assert winch("rm", "collection:set").returncode == 0
    assert winch.json("collections") == []
