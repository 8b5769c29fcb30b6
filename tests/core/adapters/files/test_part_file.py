"""Part files are never shared, never followed elsewhere, and never replace anything."""

from __future__ import annotations

import asyncio
import errno
import gc
import os
import subprocess
import sys
import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.adapters.files import destination
from core.adapters.files.destination import check_directory, disk_error, survey
from core.adapters.files.part_file import PartFile
from core.adapters.files.part_lock import PartInUseError, is_locked
from core.domain.errors import DestinationError, DiskError, DiskFullError, LockedError
from core.domain.models import PartIdentity

_HOLD = """
import asyncio, sys
from core.adapters.files.part_file import PartFile
async def hold():
    part = await PartFile.create(sys.argv[1], sys.argv[2])
    await part.write(0, [sys.argv[3].encode()])
    print("writes", flush=True)
    sys.stdin.read()
asyncio.run(hold())
"""


@contextmanager
def another_process(directory: Path, name: str, content: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that writes the part file of `name`, until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(directory), name, content],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[4],
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writes\n"
        try:
            yield process
        finally:
            process.kill()


async def created(directory: Path, name: str = "f") -> PartFile:
    part = await PartFile.create(str(directory), name)
    assert part is not None
    return part


async def test_what_is_written_stands_under_the_final_name(tmp_path: Path) -> None:
    part = await created(tmp_path)
    await part.write(3, [b"de", b"f"])
    await part.write(0, [b"abc"])
    assert await part.read(1, 4) == b"bcde"
    assert await part.publish("f")
    await part.close()
    assert (tmp_path / "f").read_bytes() == b"abcdef"
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


async def test_only_what_is_not_yet_safe_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    monkeypatch.setattr("core.adapters.files.part_file._DATASYNC", synced.append)
    part = await created(tmp_path)
    await part.sync()
    assert len(synced) == 0
    await part.write(0, [b"abc"])
    await part.sync()
    await part.sync()
    assert len(synced) == 1
    await part.truncate()
    await part.sync()
    assert len(synced) == 2

    def fail(fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    await part.write(0, [b"abc"])
    with monkeypatch.context() as patch:
        patch.setattr("core.adapters.files.part_file._DATASYNC", fail)
        with pytest.raises(DiskError):
            await part.sync()
    await part.sync()
    assert len(synced) == 3
    await part.close()


async def test_many_buffers_are_written_whole(tmp_path: Path) -> None:
    part = await created(tmp_path)
    await part.write(0, [bytes([n % 251]) * 100 for n in range(3000)])
    await part.close()
    expected = b"".join(bytes([n % 251]) * 100 for n in range(3000))
    assert (tmp_path / "f.part").read_bytes() == expected


async def test_a_taken_name_is_not_created(tmp_path: Path) -> None:
    (tmp_path / "done").write_bytes(b"x")
    (tmp_path / "begun.part").write_bytes(b"x")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("done", "begun", "link"):
        assert await PartFile.create(str(tmp_path), name) is None


async def test_an_empty_part_file_without_an_owner_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "f.part").touch()
    part = await created(tmp_path)
    assert await PartFile.create(str(tmp_path), "f") is None
    await part.close()


async def test_a_planted_link_is_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.touch()
    (tmp_path / "f.part").symlink_to(victim)
    assert await PartFile.create(str(tmp_path), "f") is None
    found = victim.stat()
    identity = PartIdentity(device=found.st_dev, inode=found.st_ino)
    assert await PartFile.reopen(str(tmp_path), "f", identity) is None


async def test_a_replaced_part_file_is_not_reopened(tmp_path: Path) -> None:
    part = await created(tmp_path)
    await part.close()
    keep = tmp_path / "keep"
    (tmp_path / "f.part").rename(keep)
    (tmp_path / "f.part").write_bytes(b"foreign")
    assert await PartFile.reopen(str(tmp_path), "f", part.identity) is None
    keep.rename(tmp_path / "f.part")
    again = await PartFile.reopen(str(tmp_path), "f", part.identity)
    assert again is not None
    await again.close()


async def test_a_part_file_has_one_writer(tmp_path: Path) -> None:
    part = await created(tmp_path)
    await part.write(0, [b"x"])
    with pytest.raises(LockedError):
        await PartFile.reopen(str(tmp_path), "f", part.identity)
    await part.close()
    again = await PartFile.reopen(str(tmp_path), "f", part.identity)
    assert again is not None
    await again.close()


async def test_publishing_replaces_no_file(tmp_path: Path) -> None:
    part = await created(tmp_path)
    await part.write(0, [b"new"])
    (tmp_path / "f").write_bytes(b"somebody's")
    assert not await part.publish("f")
    assert await part.publish("f (1)")
    await part.close()
    assert (tmp_path / "f").read_bytes() == b"somebody's"
    assert (tmp_path / "f (1)").read_bytes() == b"new"


async def test_a_crash_between_link_and_unlink_is_finished(tmp_path: Path) -> None:
    part = await created(tmp_path)
    await part.write(0, [b"x"])
    os.link(tmp_path / "f.part", tmp_path / "f")
    assert await part.publish("f")
    await part.close()
    assert [path.name for path in tmp_path.iterdir()] == ["f"]


async def test_a_file_system_without_links_still_replaces_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_links(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "no hard links here")

    part = await created(tmp_path)
    monkeypatch.setattr(os, "link", no_links)
    (tmp_path / "f").write_bytes(b"somebody's")
    assert not await part.publish("f")
    assert await part.publish("g")
    await part.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f", "g"]


@pytest.mark.parametrize(("name", "words"), [("gone", "does not exist"), ("f", "not a directory")])
async def test_a_directory_that_is_none_is_named(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / "f").touch()
    with pytest.raises(DestinationError, match=words):
        await check_directory(str(tmp_path / name))


async def test_a_directory_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(DestinationError, match="cannot write"):
        await check_directory(str(tmp_path))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_has_its_own_cause(number: int) -> None:
    assert isinstance(disk_error(OSError(number, "x"), "/d"), DiskFullError)


async def test_a_read_only_file_system_is_named(tmp_path: Path) -> None:
    error = disk_error(OSError(errno.EROFS, "x"), str(tmp_path))
    assert isinstance(error, DestinationError)
    assert str(tmp_path) in error.message


async def test_a_cancelled_creation_leaves_no_lock_behind(tmp_path: Path) -> None:
    creating = asyncio.ensure_future(PartFile.create(str(tmp_path), "f"))
    await asyncio.sleep(0)
    creating.cancel()
    await asyncio.wait([creating])
    assert creating.cancelled()
    part = await created(tmp_path)
    await part.close()


async def test_a_write_that_fails_when_nobody_waits_for_it_any_more_is_no_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, going_on = threading.Event(), threading.Event()

    def refuse(*_: object) -> int:
        begun.set()
        going_on.wait()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    faults: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: faults.append(context))
    part = await PartFile.create(str(tmp_path), "file")
    assert part is not None
    monkeypatch.setattr(os, "pwritev", refuse)
    writing = asyncio.create_task(part.write(0, [b"bytes"]))
    await asyncio.to_thread(begun.wait)
    writing.cancel()
    await asyncio.wait([writing])
    going_on.set()
    await part.close()
    del writing
    gc.collect()
    assert faults == []


async def test_who_awaits_a_write_is_cancelled_only_once_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, going_on, write = threading.Event(), threading.Event(), os.pwritev

    def hold(fd: int, buffers: Sequence[memoryview], offset: int) -> int:
        begun.set()
        going_on.wait()
        return write(fd, buffers, offset)

    async def store() -> None:
        await part.begin_write(0, [b"bytes"])

    part = await created(tmp_path)
    monkeypatch.setattr(os, "pwritev", hold)
    writing = asyncio.create_task(store())
    await asyncio.to_thread(begun.wait)
    for _ in range(2):
        writing.cancel()
        await asyncio.sleep(0)
    assert not writing.done()
    going_on.set()
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await part.read(0, 99) == b"bytes"
    await part.close()


async def test_a_replacement_is_whole_or_not_there(tmp_path: Path) -> None:
    part = await created(tmp_path)
    await part.write(0, [b"new"])
    (tmp_path / "f").write_bytes(b"old")
    (tmp_path / "d").mkdir()
    assert not await part.publish("d", replace=True)
    assert await part.publish("f", replace=True)
    await part.close()
    assert (tmp_path / "f").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "f"]


async def test_a_part_file_that_somebody_swapped_is_not_published(tmp_path: Path) -> None:
    part = await created(tmp_path)
    await part.write(0, [b"mine"])
    (tmp_path / "f.part").unlink()
    for replace in (False, True):
        with pytest.raises(DiskError, match="removed or replaced"):
            await part.publish("f", replace=replace)
        (tmp_path / "f.part").write_bytes(b"foreign")
    await part.close()
    assert [path.name for path in tmp_path.iterdir()] == ["f.part"]


async def test_a_published_file_has_the_time_it_was_given(tmp_path: Path) -> None:
    part = await created(tmp_path)
    assert await part.publish("f", modified=784111777.0)
    await part.close()
    assert (tmp_path / "f").stat().st_mtime == 784111777.0


async def test_what_was_set_aside_is_not_replaced(tmp_path: Path) -> None:
    part = await created(tmp_path)
    (tmp_path / "f.mismatch").write_bytes(b"older")
    assert not await part.set_aside("f.mismatch")
    assert await part.set_aside("f (1).mismatch")
    await part.close()
    assert (tmp_path / "f.mismatch").read_bytes() == b"older"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["f (1).mismatch", "f.mismatch"]


async def test_beside_a_file_that_is_to_be_replaced_only_the_part_file_must_be_free(
    tmp_path: Path,
) -> None:
    (tmp_path / "f").write_bytes(b"old")
    assert await PartFile.create(str(tmp_path), "f") is None
    part = await PartFile.create(str(tmp_path), "f", replace=True)
    assert part is not None
    assert await PartFile.create(str(tmp_path), "f", replace=True) is None
    await part.close()


@pytest.mark.parametrize("content", ["", "bytes"])
async def test_a_part_file_that_another_process_writes_is_said_to_be_in_use(
    tmp_path: Path, content: str
) -> None:
    part = tmp_path / "f.part"
    with another_process(tmp_path, "f", content) as process:
        for replace in (False, True):
            with pytest.raises(PartInUseError) as caught:
                await PartFile.create(str(tmp_path), "f", replace=replace)
            assert caught.value.path == str(part)
            if Path("/proc/locks").exists():
                assert f"(process {process.pid})" in caught.value.message
        identity = destination.identity_of(part.stat())
        with pytest.raises(PartInUseError):
            await PartFile.reopen(str(tmp_path), "f", identity)
        assert is_locked(str(part))
        assert part.read_text() == content
    assert not is_locked(str(part))
    again = await PartFile.reopen(str(tmp_path), "f", identity)
    assert again is not None
    await again.close()


async def test_what_this_process_writes_is_a_taken_name_and_no_stranger(tmp_path: Path) -> None:
    part = await created(tmp_path)
    for written in ([], [b"x"]):
        await part.write(0, written)
        assert await PartFile.create(str(tmp_path), "f") is None
        assert await PartFile.create(str(tmp_path), "f", replace=True) is None
    await part.close()
    assert not is_locked(str(tmp_path / "f.part"))


async def test_what_this_process_has_closed_is_its_own_no_more(tmp_path: Path) -> None:
    part = await created(tmp_path)
    await part.close()
    with another_process(tmp_path, "f", "x"):
        assert destination.identity_of((tmp_path / "f.part").stat()) == part.identity
        with pytest.raises(PartInUseError):
            await PartFile.create(str(tmp_path), "f")


async def test_many_at_once_get_one_name_and_no_lock_is_left(tmp_path: Path) -> None:
    creating = [PartFile.create(str(tmp_path), "f") for _ in range(40)]
    parts = [part for part in await asyncio.gather(*creating) if part is not None]
    assert len(parts) == 1
    await parts[0].close()
    assert not is_locked(str(tmp_path / "f.part"))


def test_nothing_is_locked_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "fifo")
    for name in ("gone", "link", "fifo", "no/directory"):
        assert not is_locked(str(tmp_path / name))


async def test_a_survey_tells_what_has_each_name(tmp_path: Path) -> None:
    (tmp_path / "here").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("here")
    names = {
        str(tmp_path): ["here", "link", "gone"],
        str(tmp_path / "no"): ["x"],
        str(tmp_path / "here"): ["x"],
    }
    found = await survey(names, patience=30)
    there = found[str(tmp_path)]
    assert there["here"] is not None
    assert there["here"].st_size == 3
    assert there["link"] is not None
    assert there["link"].st_ino == (tmp_path / "link").lstat().st_ino
    assert there["gone"] is None
    # No directory, and a file in its place: there is nothing, which is an answer.
    assert found[str(tmp_path / "no")] == found[str(tmp_path / "here")] == {"x": None}
    assert await survey({}, patience=30) == {}


async def test_a_survey_does_without_those_that_do_not_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    look = destination._look

    def sometimes(directory: str, names: Collection[str]) -> dict[str, os.stat_result | None]:
        if "hung" in directory:
            released.wait()
        return look(directory, names)

    monkeypatch.setattr(destination, "_look", sometimes)
    hung = [str(tmp_path / f"hung{number}") for number in range(20)]
    found = await survey({str(tmp_path): ["x"], **{name: ["x"] for name in hung}}, patience=0.1)
    assert found == {str(tmp_path): {"x": None}}
    released.set()


async def test_a_directory_that_may_not_be_looked_at_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_: Path) -> os.stat_result:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(Path, "lstat", refused)
    assert await survey({str(tmp_path): ["x"]}, patience=30) == {}


async def test_a_part_file_whose_closing_fails_is_closed_once_and_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = await created(tmp_path)
    closed: list[int] = []
    real = os.close

    def failing(fd: int) -> None:
        real(fd)
        closed.append(fd)
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "close", failing)
    await part.close()
    await part.close()
    monkeypatch.undo()
    assert len(closed) == len(set(closed)) == 2
    again = await PartFile.reopen(str(tmp_path), "f", part.identity)
    assert again is not None
    await again.close()
