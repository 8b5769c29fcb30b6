"""The queue as a document: what goes out comes in again, and a wrong one is refused as a whole."""

from __future__ import annotations

import json
import stat
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.errors import UsageError
from core.domain.models import Checksum, Conflict, Download, DownloadRequest, Progress, Status
from core.domain.names import safe_name
from core.domain.origins import Origin
from core.domain.value import replace
from tests.tui.cli.conftest import Winch
from tests.tui.cli.samples import download, view
from tui.cli import export_format
from tui.cli.export_format import Export, from_bytes, to_requests, to_text

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
_words = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)
_urls = st.just("s3://bucket/a b%41") | st.builds(
    lambda login, path, query: f"https://{login}example.org/{path}{query}",
    st.sampled_from(["", "me:pw@"]),
    st.text("abcxyz%20", max_size=9),
    st.sampled_from(["", "?x=1", "?token=t0p", "#part"]),
)
_requests = st.builds(
    DownloadRequest,
    url=_urls,
    directory=_words.map(lambda word: "/" + word),
    name=st.none() | _words.map(safe_name),
    checksum=st.none() | st.just(Checksum("md5", "ab" * 16)),
    conflict=st.none() | st.sampled_from(Conflict),
    retries=st.none() | st.integers(0, 1000),
    connections=st.none() | st.integers(1, 32),
    limit=st.none() | st.integers(1, 2**40),
    mirrors=st.lists(_urls, max_size=2).map(tuple),
    headers=st.dictionaries(st.text("abcXYZ-", min_size=1, max_size=9), _words, max_size=2),
    cookies=st.none() | _words.map(lambda word: "/" + word),
    priority=st.integers(-(10**6), 10**6),
    group=st.none() | _words,
    restart=st.booleans(),
    origin=st.none() | st.just(Origin(options={"profile": "lab", "region": "eu-west-1"})),
)
_downloads = st.builds(
    lambda request, status, total: download(request=request, status=status, total_bytes=total),
    _requests,
    st.sampled_from(Status),
    st.none() | st.integers(0, 2**50),
)


def document(downloads: list[Download], *, paused: bool = False) -> Export:
    entries = tuple(export_format.entry(view(d, Progress(bytes_downloaded=7))) for d in downloads)
    return Export(exported_at=NOW, paused=paused, downloads=entries)


@given(st.lists(_downloads, max_size=5), st.booleans())
def test_what_goes_out_comes_in_again(downloads: list[Download], paused: bool) -> None:
    out = document(downloads, paused=paused)
    text = to_text(out)
    assert text.isascii()
    again = from_bytes(text.encode(), "q")
    assert (again.exported_at, again.paused) == (out.exported_at, out.paused)
    assert tuple(again.entries("q")) == out.downloads
    assert [r for r in to_requests(again, "q", directory=None) if r is not None] == [
        replace(d.request, paused=d.status in (Status.PAUSED, Status.FAILED))
        for d in downloads
        if d.status not in (Status.COMPLETED, Status.CANCELLED)
    ]


@given(st.lists(_downloads, max_size=5))
def test_without_secrets_no_secret_is_left(downloads: list[Download]) -> None:
    entries = [export_format.without_secrets(item) for item in document(downloads).downloads]
    assert not any(map(export_format.holds_secrets, entries))
    text = to_text(Export(exported_at=NOW, downloads=tuple(entries)))
    assert "me:pw" not in text
    assert "t0p" not in text
    requests = to_requests(from_bytes(text.encode(), "q"), "q", directory=None)
    asked = sum(request is not None for request in requests)
    assert asked == sum(item.status not in export_format.ENDED for item in entries)


@given(st.lists(_requests, max_size=20), st.integers(1, 2000))
def test_batches_lose_nothing_and_stay_small(requests: list[DownloadRequest], most: int) -> None:
    portions = list(export_format.batches(requests, most))
    assert [request for portion in portions for request in portion] == requests
    for portion in portions:
        assert len(portion) == 1 or len(list(export_format.batches(portion, most))) == 1


def test_one_directory_can_replace_all_others() -> None:
    out = document([download(), download(status=Status.PAUSED)])
    again = from_bytes(to_text(out).encode(), "q")
    assert {r and r.directory for r in to_requests(again, "q", directory="/here")} == {"/here"}


ENTRY = {"url": "http://h.example/a", "directory": "/d", "status": "pending"}


def raw(*entries: object, **fields: object) -> bytes:
    head = {"winch_export": 1, "exported_at": "2026-03-01T12:00:00Z", "downloads": entries}
    return json.dumps(head | fields).encode()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "q is not JSON"),
        (b"{", "q is not JSON"),
        (b"\xff\xfe", "q is not JSON"),
        pytest.param(b'{"a": ' + b"[" * 100_000, "q is not JSON", id="deep"),
        (b"[]", "q is no export of winch"),
        (b'{"downloads": []}', "q is no export of winch"),
        (raw(winch_export=2), "newer winch (format 2, this one reads 1)"),
        (raw(winch_export=0), "q is no export of winch"),
        (raw(winch_export="1"), "q is no export of winch"),
        (b'{"winch_export": 1}', "q: object missing required field 'exported_at'"),
        (raw(paused=1), "q, paused: expected 'bool'"),
        (raw(ENTRY, 7), "q, download 2: expected 'object'"),
        (raw(ENTRY, {"url": "x"}), "q, download 2: object missing required field 'directory'"),
        (raw(ENTRY | {"limmit": 1}), "q, download 1: object contains unknown field 'limmit'"),
        (raw(ENTRY, ENTRY | {"limit": "5"}), "q, download 2, limit: expected"),
        (raw(ENTRY | {"limit": 0}), "q, download 1, limit: expected"),
        (raw(ENTRY | {"retries": -1}), "q, download 1, retries: expected"),
        (raw(ENTRY | {"priority": 2**70}), "q, download 1, priority"),
        (raw(ENTRY | {"connections": 1000}), "q, download 1, connections: connections: 1000"),
        (raw(ENTRY | {"status": "gone"}), "q, download 1, status: invalid enum value 'gone'"),
        (raw(ENTRY | {"url": "file:///etc/passwd"}), "q, download 1, url: "),
        (raw(ENTRY | {"mirrors": ["gopher://x"]}), "q, download 1, mirrors: "),
        (raw(ENTRY | {"directory": "here"}), "q, download 1, directory: the path 'here'"),
        (raw(ENTRY | {"directory": "/a\nb"}), "q, download 1, directory: "),
        (raw(ENTRY | {"name": "../../.profile"}), "q, download 1, name: "),
        (raw(ENTRY | {"name": ".."}), "q, download 1, name: "),
        (raw(ENTRY | {"name": "CON"}), "q, download 1, name: 'CON' is no safe file name"),
        (raw(ENTRY | {"cookies": "jar"}), "q, download 1, cookies: "),
        (raw(ENTRY | {"store": {"region": "a/b"}}), "q, download 1, store: "),
        (raw(ENTRY | {"checksum": "md5:12"}), "q, download 1, checksum: "),
        (raw(ENTRY | {"headers": {"a b": "c"}}), "q, download 1, headers: "),
        (raw(ENTRY | {"headers": {"a": "s3cret\r\nX: y"}}), "q, download 1, headers: the value of"),
        (raw(ENTRY | {"headers": {"a": "s3cret\x9b"}}), "q, download 1, headers: the value of"),
        (
            raw(ENTRY | {"headers": {"Range": "bytes=1-"}}),
            "q, download 1, headers: the header Range",
        ),
        (raw(ENTRY, ENTRY | {"status": "completed", "url": "x"}), "q, download 2, url: "),
    ],
)
def test_what_cannot_be_right_is_refused_with_its_place(data: bytes, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        list(to_requests(from_bytes(data, "q"), "q", directory=None))
    assert caught.value.message.startswith("q")
    assert said in caught.value.message
    assert "s3cret" not in caught.value.message


def test_a_document_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_format, "DOCUMENT_BYTES", 1 << 20)
    assert from_bytes(raw().ljust(1 << 20), "q").downloads == ()
    with pytest.raises(UsageError, match="larger than 1 MiB"):
        from_bytes(raw().ljust((1 << 20) + 1), "q")


# -- from end to end -------------------------------------------------------------------------------


@pytest.fixture
def queued(winch: Winch) -> list[str]:
    """Three that wait, in the order b c a, the last of them with secrets; one is cancelled."""
    ids = winch("add", "--paused", *(f"http://127.0.0.1:1/{name}" for name in "abc")).stdout.split()
    winch("add", "--paused", "http://127.0.0.1:1/given-up")
    winch("cancel", winch.json("ls")[-1]["id"])
    secret = ["--header", "X-Token: s3cret", "-o", "d", "--priority", "-1"]
    winch("add", "--paused", "http://me:pw@127.0.0.1:1/d", *secret)
    winch("move", ids[0], "--bottom")
    return ids


@pytest.fixture
def other(winch: Winch, tmp_path: Path) -> Winch:
    """Another winch, on another machine as it were."""
    there = Winch(tmp_path / "other", winch.directory)
    yield there  # type: ignore[misc]
    assert there("daemon", "stop").returncode == 0


def listed(winch: Winch) -> list[tuple[str, str, int]]:
    return [(d["name"], d["status"], d["priority"]) for d in winch.json("ls")]


def test_through_a_pipe_into_another_winch_and_twice_adds_nothing(
    winch: Winch, other: Winch, queued: list[str]
) -> None:
    with winch.start("export") as source:
        target = subprocess.run(
            [*other.command, "import", "-y", "-"],
            env=other.env,
            stdin=source.stdout,
            capture_output=True,
            text=True,
            timeout=50,
            check=False,
        )
    assert source.returncode == 0
    assert target.returncode == 0, target.stderr
    there = listed(other)
    assert there == [(name, "paused", -1 if name == "d" else 0) for name in "bcad"]
    assert target.stdout.split() == [d["id"][:8] for d in other.json("ls")]
    again = other("import", "-y", "-", stdin=winch("export").stdout)
    assert again.stdout == ""
    assert "imported 0 downloads; 4 in the list already" in again.stderr
    assert listed(other) == there


def test_all_tells_of_the_others_too_and_they_are_not_taken_in(
    winch: Winch, other: Winch, queued: list[str]
) -> None:
    text = winch("export", "--all").stdout
    assert [d["status"] for d in json.loads(text)["downloads"]].count("cancelled") == 1
    elsewhere = winch.directory / "elsewhere"
    refused = other("import", "-y", "-", "-d", "elsewhere", stdin=text)
    assert refused.returncode == 2
    assert "mkdir" in refused.stderr
    elsewhere.mkdir()
    taken = other("import", "-y", "-", "-d", "elsewhere", stdin=text)
    assert "imported 4 downloads; 1 completed or cancelled, left out" in taken.stderr
    where = {Path(d["download_path"]).parent for d in other.json("ls")}
    assert where == {elsewhere}


def test_a_file_is_private_and_replaces_nothing_but_an_export(
    winch: Winch, queued: list[str]
) -> None:
    file = winch.directory / "queue.json"
    for _ in range(2):
        result = winch("export", "queue.json")
        assert result.returncode == 0
        assert "keep it to yourself" in result.stderr
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "s3cret" in file.read_text()
    assert winch("export", "--no-secrets", "queue.json").returncode == 0
    assert "s3cret" not in file.read_text()
    assert "me:pw" not in file.read_text()
    thesis = winch.directory / "thesis.txt"
    thesis.write_text("years of work")
    refused = winch("export", "thesis.txt")
    assert (refused.returncode, thesis.read_text()) == (2, "years of work")
    assert "--force" in refused.stderr
    assert winch("export", "thesis.txt", "--force").returncode == 0
    assert json.loads(thesis.read_text())["winch_export"] == 1
    assert winch("export", "no/such/directory").returncode == 2
    assert sorted(path.name for path in winch.directory.iterdir()) == ["queue.json", "thesis.txt"]


def test_one_that_cannot_be_right_adds_none(winch: Winch) -> None:
    for bad in ({"limit": -1}, {"url": "ftp://h/x"}, {"name": "CON"}):
        result = winch("import", "-y", "-", stdin=raw(ENTRY, ENTRY | bad).decode())
        assert result.returncode == 2
        assert result.stdout == ""
    assert winch.json("ls") == []
    missing = winch("import", "missing.json")
    assert missing.returncode == 2
    assert "missing.json" in missing.stderr


def test_the_hold_is_taken_over_by_an_empty_queue_only(winch: Winch, other: Winch) -> None:
    assert winch("pause", "--queue").returncode == 0
    winch("add", "http://127.0.0.1:1/a", "http://127.0.0.1:1/b")
    text = winch("export").stdout
    assert json.loads(text)["paused"]
    taken = other("import", "-y", "-", stdin=text)
    assert "the queue is held" in taken.stderr
    assert {status for _, status, _ in listed(other)} == {"pending"}
    assert other.json("daemon", "status")["paused"]
    other("pause", "--all")
    other("resume", "--queue")
    more = text.replace("127.0.0.1:1/", "127.0.0.1:1/more-")
    taken = other("import", "-y", "-", stdin=more)
    assert "this one is not" in taken.stderr
    assert not other.json("daemon", "status")["paused"]


def test_holding_the_queue_from_the_command_line(winch: Winch) -> None:
    held = "the queue is held; `winch resume --queue` lets it go on"
    assert held in winch("pause", "--queue").stderr
    added = winch("add", "http://127.0.0.1:1/a")
    assert held in added.stderr
    (id_,) = added.stdout.split()
    assert winch.json("show", id_)["status"] == "pending"
    for words in (["ls"], ["resume", id_]):
        assert held in winch(*words).stderr
    assert "held" in winch("daemon", "status").stdout
    with winch.start("wait") as waiting:
        assert waiting.stderr is not None
        assert held in waiting.stderr.readline()
        waiting.terminate()
    with winch.start("get", "http://127.0.0.1:1/b") as getting:
        assert getting.stderr is not None
        assert held in getting.stderr.readline()
        getting.terminate()
    now = winch("set", id_, "--now")
    assert now.returncode == 1
    assert "resume --queue" in now.stderr
    for words in (["pause", "--queue", "--all"], ["resume", "--queue", id_]):
        assert winch(*words).returncode == 2
    assert "goes on" in winch("resume", "--queue").stderr
    assert held not in winch("ls").stderr
