"""Resume data is believed only when it is whole, of this download and of this version."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from core.adapters.state import resume_data
from core.adapters.state.resume_data import Orphan, ResumeStore
from core.domain.errors import DiskFullError, StateError
from core.domain.models import ResumeRecord
from core.domain.upkeep import DiskUsage
from tests.core.adapters.records import NOW, a_record, records


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "state" / "resume_data"


@pytest.fixture
def store(directory: Path) -> ResumeStore:
    return ResumeStore(directory)


async def test_a_record_comes_back_and_a_later_one_replaces_it(store: ResumeStore) -> None:
    await store.save(a_record(done=1000))
    assert await store.load("a1") == a_record(done=1000)
    await store.save(a_record(done=2000))
    assert await store.load("a1") == a_record(done=2000)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(record=records)
async def test_every_record_comes_back_as_it_was_saved(
    tmp_path_factory: pytest.TempPathFactory, record: ResumeRecord
) -> None:
    store = ResumeStore(tmp_path_factory.mktemp("resume_data"))
    await store.save(record)
    assert await store.load_all() == {record.id: record}


async def test_nothing_there_is_none(store: ResumeStore) -> None:
    assert await store.load("a1") is None
    assert await store.load_all() == {}
    await store.delete("a1")


async def test_a_deleted_record_is_gone_and_the_others_stay(store: ResumeStore) -> None:
    await store.save(a_record("a1"))
    await store.save(a_record("b2"))
    await store.delete("a1")
    assert await store.load_all() == {"b2": a_record("b2")}


async def test_several_are_deleted_at_once(store: ResumeStore, directory: Path) -> None:
    for name in ("a1", "b2", "c3"):
        await store.save(a_record(name))
    await store.delete("a1", "c3", "d4")
    assert [path.name for path in directory.iterdir()] == ["b2.json"]
    await store.delete()


async def test_what_is_saved_after_all_were_listed_is_found_too(store: ResumeStore) -> None:
    assert await store.load_all() == {}
    await store.save(a_record("a1"))
    assert await store.load("a1") == a_record("a1")
    await store.delete("a1")
    assert await store.load("a1") is None


async def test_only_the_owner_can_read(store: ResumeStore, directory: Path) -> None:
    await store.save(a_record())
    [file] = directory.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(directory.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("bad", ["", "../a1", "a/b", "a1.json", ".", "A1", "a1\n", "f" * 65])
async def test_an_id_that_is_no_id_names_no_file(
    store: ResumeStore, tmp_path: Path, bad: str
) -> None:
    for call in (store.load(bad), store.delete(bad), store.save(a_record(bad))):
        with pytest.raises(StateError):
            await call
    assert list(tmp_path.iterdir()) == []


def envelope(content: bytes, **changes: object) -> bytes:
    """Return the file with fields of its record changed, but their old checksum."""
    document = msgspec.json.decode(content)
    document["record"].update(changes)
    return msgspec.json.encode(document)


def truncated(content: bytes) -> bytes:
    return content[:-20]


def emptied(_: bytes) -> bytes:
    return b""


def foreign(_: bytes) -> bytes:
    return b'{"gid": "2089b05ecca3d829", "bitfield": "ffff"}'


def not_text(content: bytes) -> bytes:
    return content.replace(b"example", b"exampl\xff")


def claims_more(content: bytes) -> bytes:
    return envelope(content, done=[{"start": 0, "end": 5000}])


DAMAGES = [truncated, emptied, foreign, not_text, claims_more]


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_record_is_set_aside_and_logged(
    store: ResumeStore,
    directory: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[bytes], bytes],
) -> None:
    await store.save(a_record())
    file = directory / "a1.json"
    content = damage(file.read_bytes())
    file.write_bytes(content)

    with caplog.at_level(logging.WARNING):
        assert await store.load("a1") is None

    [aside] = directory.iterdir()
    assert aside.name.startswith("a1.json.damaged-")
    assert aside.read_bytes() == content
    assert aside.name in caplog.text
    assert await store.load_all() == {}


async def test_the_record_of_another_download_is_set_aside(
    store: ResumeStore, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await store.save(a_record("a1"))
    (directory / "a1.json").rename(directory / "b2.json")

    assert await store.load("b2") is None
    assert "another download" in caplog.text


async def test_a_record_of_a_newer_version_is_not_believed_and_left_alone(
    store: ResumeStore, directory: Path, caplog: pytest.LogCaptureFixture
) -> None:
    await store.save(a_record(version=3))
    before = (directory / "a1.json").read_bytes()

    assert await store.load("a1") is None
    assert await store.load_all() == {}
    assert "version 3" in caplog.text
    assert [file.read_bytes() for file in directory.iterdir()] == [before]


@pytest.mark.parametrize("version", [0, -1])
async def test_a_version_that_never_was_is_damage(
    store: ResumeStore, directory: Path, version: int
) -> None:
    await store.save(a_record(version=version))

    assert await store.load("a1") is None
    [aside] = directory.iterdir()
    assert "damaged" in aside.name


async def test_a_download_has_a_record_from_its_first_save_to_its_delete(
    store: ResumeStore, directory: Path
) -> None:
    for _ in range(2):
        assert await store.load("a1") is None
        await store.save(a_record("a1"))
        assert await store.load("a1") is not None
        await store.delete("a1")
        assert await store.load("a1") is None
        await store.load_all()


async def test_the_room_is_that_of_all_records(store: ResumeStore, directory: Path) -> None:
    assert await store.room() == DiskUsage()
    await store.save(a_record("a1"))
    await store.save(a_record("b2"))
    (directory / "notes.txt").write_text("not ours")

    sizes = [(directory / name).stat().st_size for name in ("a1.json", "b2.json")]
    assert await store.room() == DiskUsage(files=len(sizes), bytes=sum(sizes))


async def test_records_of_no_download_are_listed_and_left_alone(
    store: ResumeStore, directory: Path
) -> None:
    assert await store.orphans(set()) == []
    for name in ("a1", "b2", "c3"):
        await store.save(a_record(name))
    (directory / "c3.json").write_bytes(b"{")
    os.utime(directory / "b2.json", (NOW.timestamp(), NOW.timestamp()))

    b2, c3 = await store.orphans({"a1"})

    size = (directory / "b2.json").stat().st_size
    path = directory / "b2.json"
    assert b2 == Orphan(id="b2", record=a_record("b2"), path=path, size=size, mtime=NOW)
    assert (c3.id, c3.record, c3.size) == ("c3", None, 1)
    assert sorted(file.name for file in directory.iterdir()) == ["a1.json", "b2.json", "c3.json"]

    await store.delete(*(orphan.id for orphan in (b2, c3)))
    assert await store.orphans({"a1"}) == []
    assert await store.load_all() == {"a1": a_record("a1")}


async def test_one_damaged_record_does_not_hide_the_others(
    store: ResumeStore, directory: Path
) -> None:
    await store.save(a_record("a1"))
    await store.save(a_record("b2"))
    (directory / "a1.json").write_bytes(b"{")
    (directory / "notes.txt").write_text("not ours")

    assert await store.load_all() == {"b2": a_record("b2")}


async def test_a_full_disk_keeps_the_record_before(
    store: ResumeStore, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.save(a_record(done=1000))

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(DiskFullError):
            await store.save(a_record(done=2000))

    assert [path.name for path in directory.iterdir()] == ["a1.json"]
    assert await ResumeStore(directory).load("a1") == a_record(done=1000)
    # What is newer is as true; it is there for whoever goes on, and on disk once there is room.
    assert await store.load("a1") == a_record(done=2000)
    await store.close()
    assert await ResumeStore(directory).load("a1") == a_record(done=2000)


async def test_what_could_not_be_saved_is_saved_once_there_is_room(
    store: ResumeStore, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resume_data, "RETRY_PAUSE", 0.01)
    tries: list[int] = []
    saved = asyncio.Event()
    real = resume_data.write_atomically

    def full_at_first(path: Path, chunks: list[bytes]) -> None:
        tries.append(1)
        if len(tries) < 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(path, chunks)
        loop.call_soon_threadsafe(saved.set)

    loop = asyncio.get_running_loop()
    monkeypatch.setattr(resume_data, "write_atomically", full_at_first)
    with pytest.raises(DiskFullError):
        await store.save(a_record(done=1000))
    with pytest.raises(DiskFullError):
        await store.save(a_record("b2", done=1000))
    await store.delete("b2")
    await saved.wait()
    assert await ResumeStore(directory).load("a1") == a_record(done=1000)
    await store.close()
    assert [path.name for path in directory.iterdir()] == ["a1.json"]


async def test_saves_and_a_delete_of_one_download_keep_their_order(
    store: ResumeStore, directory: Path
) -> None:
    saves = [store.save(a_record(done=done)) for done in range(1, 40)]
    await asyncio.gather(*saves, store.delete("a1"), store.save(a_record(done=40)))
    assert await store.load("a1") == a_record(done=40)
    await asyncio.gather(store.save(a_record(done=41)), store.delete("a1"))
    assert list(directory.iterdir()) == []
