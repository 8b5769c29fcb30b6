"""The committer: written down before it is named, named before it is told, one by one."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest

from core.adapters.files import file_batch
from core.adapters.files.file_batch import MOST, NeedsPartFileError, NewFile
from core.domain.errors import DestinationError, DiskFullError, WinchError
from core.domain.models import PendingCommit
from core.engine.transfer import committer as committer_module
from core.engine.transfer.committer import MOST_BYTES, Committer


class Journal:
    """What was written down; `before` is called when a flush begins, `gate` holds it up."""

    def __init__(self) -> None:
        self.commits: dict[str, PendingCommit] = {}
        self.flushed: list[dict[str, PendingCommit]] = []
        self.before: Callable[[], None] = lambda: None
        self.gate = asyncio.Event()
        self.gate.set()
        self.asked = asyncio.Event()

    def put_commit(self, download_id: str, commit: PendingCommit) -> None:
        self.commits[download_id] = commit

    def discard_commit(self, download_id: str) -> None:
        self.commits.pop(download_id, None)

    async def flush(self) -> None:
        self.asked.set()
        await self.gate.wait()
        self.before()
        self.flushed.append(dict(self.commits))


def _new(directory: Path, name: str, content: bytes = b"x") -> NewFile:
    return NewFile(str(directory), name, [content], renames=True)


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def test_a_name_is_written_down_before_it_is_given(tmp_path: Path) -> None:
    journal = Journal()
    seen: list[list[str]] = []
    journal.before = lambda: seen.append(_names(tmp_path))
    file = _new(tmp_path, "a.bin", b"abc")
    await Committer(journal).commit("1", file)
    assert seen == [[]]
    assert file.identity is not None
    assert file.stamp is not None
    expected = PendingCommit(name="a.bin", part=file.identity, total=3, stamp=file.stamp)
    assert journal.flushed == [{"1": expected}]
    assert (tmp_path / "a.bin").read_bytes() == b"abc"


async def test_those_that_wait_share_an_append(tmp_path: Path) -> None:
    journal = Journal()
    committer = Committer(journal)
    files = {str(number): _new(tmp_path, f"{number}") for number in range(MOST)}
    await asyncio.gather(*(committer.commit(id_, file) for id_, file in files.items()))
    assert len(journal.flushed) == 1
    assert _names(tmp_path) == sorted(files)
    committer.forget(files)
    assert journal.commits == {}


async def test_behind_several_others_they_gather(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(committer_module, "GATHERING", 60.0)
    journal = Journal()
    committer = Committer(journal)
    await asyncio.gather(*(committer.commit(name, _new(tmp_path, name)) for name in "ab"))
    third = asyncio.ensure_future(committer.commit("c", _new(tmp_path, "c")))
    await asyncio.sleep(0)
    # Where there is no more room nobody waits for others.
    last = committer.commit("d", _new(tmp_path, "d", bytes(MOST_BYTES)))
    await asyncio.wait_for(asyncio.gather(third, last), 30)
    assert [sorted(commits) for commits in journal.flushed] == [["a", "b"], ["a", "b", "c", "d"]]


async def test_a_batch_leaves_descriptors_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (48, 48))
    journal = Journal()
    committer = Committer(journal)
    files = {str(number): _new(tmp_path, f"{number}") for number in range(30)}
    await asyncio.gather(*(committer.commit(id_, file) for id_, file in files.items()))
    assert [len(commits) for commits in journal.flushed] == [12, 24, 30]
    assert _names(tmp_path) == sorted(files)


async def test_what_cannot_be_written_down_gets_no_name(tmp_path: Path) -> None:
    journal = Journal()

    def full() -> None:
        raise DiskFullError("no space is left")

    journal.before = full
    committer = Committer(journal)
    both = [committer.commit(name, _new(tmp_path, name)) for name in ("a", "b")]
    results = await asyncio.gather(*both, return_exceptions=True)
    assert [type(result) for result in results] == [DiskFullError, DiskFullError]
    assert _names(tmp_path) == []
    assert journal.commits == {}
    journal.before = lambda: None
    await committer.commit("a", _new(tmp_path, "a"))
    assert _names(tmp_path) == ["a"]


async def test_what_fails_fails_alone_and_leaves_nothing_in_the_journal(tmp_path: Path) -> None:
    journal = Journal()
    committer = Committer(journal)
    bad, good = _new(tmp_path / "nowhere", "a"), _new(tmp_path, "b")
    await asyncio.gather(committer.commit("bad", bad), committer.commit("good", good))
    assert isinstance(bad.error, DestinationError)
    assert good.made
    assert journal.commits.keys() == {"good"}


async def test_a_name_that_is_taken_meanwhile_is_written_down_anew(tmp_path: Path) -> None:
    journal = Journal()

    def take() -> None:
        (tmp_path / "a").write_bytes(b"theirs")
        journal.before = lambda: None

    journal.before = take
    file = _new(tmp_path, "a", b"ours")
    await Committer(journal).commit("1", file)
    assert [commits["1"].name for commits in journal.flushed] == ["a", "a (1)"]
    assert (tmp_path / "a").read_bytes() == b"theirs"
    assert (tmp_path / "a (1)").read_bytes() == b"ours"


async def test_who_is_cancelled_before_the_batch_begins_leaves_nothing(tmp_path: Path) -> None:
    journal = Journal()
    journal.gate.clear()
    committer = Committer(journal)
    first = asyncio.create_task(committer.commit("1", _new(tmp_path, "a")))
    await journal.asked.wait()
    second = asyncio.create_task(committer.commit("2", _new(tmp_path, "b")))
    await asyncio.sleep(0)
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    journal.gate.set()
    await first
    assert _names(tmp_path) == ["a"]


async def test_who_is_cancelled_later_is_told_that_it_is_done(tmp_path: Path) -> None:
    journal = Journal()
    journal.gate.clear()
    file = _new(tmp_path, "a")
    task = asyncio.create_task(Committer(journal).commit("1", file))
    await journal.asked.wait()
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    journal.gate.set()
    while not task.done():
        # At its very end too.
        task.cancel()
        await asyncio.sleep(0)
    await task
    assert file.made


async def test_a_cancellation_at_any_moment_leaves_all_or_nothing(tmp_path: Path) -> None:
    made = 0
    for turns in range(200):
        journal = Journal()
        file = _new(tmp_path, str(turns))
        task = asyncio.create_task(Committer(journal).commit("1", file))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled() != file.made
        assert journal.commits.keys() == ({"1"} if file.made else set())
        assert (str(turns) in _names(tmp_path)) == file.made
        made += file.made
    assert made > 0


async def test_what_was_not_foreseen_is_told_to_all_of_the_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_file: NewFile) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(file_batch.FileBatch, "_link", lambda _self, file: broken(file))
    committer = Committer(Journal())
    with pytest.raises(WinchError, match="unexpected"):
        await committer.commit("1", _new(tmp_path, "a"))
    monkeypatch.undo()
    await committer.commit("1", _new(tmp_path, "a"))
    assert _names(tmp_path) == ["a"]


async def test_what_needs_a_part_file_is_said_so_and_not_written_down(tmp_path: Path) -> None:
    (tmp_path / "a.part").write_bytes(b"theirs")
    journal = Journal()
    file = _new(tmp_path, "a")
    await Committer(journal).commit("1", file)
    assert isinstance(file.error, NeedsPartFileError)
    assert journal.commits == {}


async def test_there_is_room_for_so_many_bytes(tmp_path: Path) -> None:
    journal = Journal()
    journal.gate.clear()
    committer = Committer(journal)
    piece = bytes(MOST_BYTES // 4)
    tasks = []
    for number in range(4):
        assert committer.has_room
        file = _new(tmp_path, str(number), piece)
        tasks.append(asyncio.create_task(committer.commit(str(number), file)))
        await asyncio.sleep(0)
    assert not committer.has_room
    tasks[-1].cancel()
    await asyncio.wait(tasks[-1:])
    assert committer.has_room
    journal.gate.set()
    await asyncio.gather(*tasks[:-1])
    assert committer.has_room
    assert len(os.listdir(tmp_path)) == 3  # noqa: PTH208
