"""A file that another program holds for a while is waited for; one that stays busy is told of."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from core.adapters.files import atomic_file
from core.adapters.files.atomic_file import NotAFileError, read_file, state_error, write_atomically
from core.adapters.state.catalog import Catalog
from core.adapters.state.resume_data import ResumeStore
from core.domain.errors import StateError
from tests.core.adapters.records import a_download, a_record, ids, reload

PAUSES = atomic_file.BUSY_PAUSES
BUSY = [errno.EBUSY, errno.EAGAIN, errno.ETXTBSY]


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(atomic_file, "BUSY_PAUSES", (0.0, 0.0, 0.0))


def hold(
    monkeypatch: pytest.MonkeyPatch, where: object, name: str, error: int, times: int
) -> Callable[[], int]:
    """Let a call fail that many times; return what tells how often it was made."""
    call = getattr(where, name)
    calls: list[None] = []

    def held(*args: object, **kwargs: object) -> object:
        calls.append(None)
        if len(calls) <= times:
            raise OSError(error, os.strerror(error))
        return call(*args, **kwargs)

    monkeypatch.setattr(where, name, held)
    return lambda: len(calls)


def test_the_pauses_double_and_end_within_two_seconds() -> None:
    assert PAUSES[0] == 0.05
    assert all(later == 2 * pause for pause, later in pairwise(PAUSES))
    assert 1 < sum(PAUSES) < 2


@pytest.mark.parametrize("error", BUSY)
@pytest.mark.parametrize("call", ["open", "link", "replace"])
def test_a_file_that_is_let_go_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, error: int
) -> None:
    path, backup = tmp_path / "a", tmp_path / "b"
    write_atomically(path, [b"old"])
    made = hold(monkeypatch, os, call, error, 3)

    write_atomically(path, [b"n", b"ew"], backup=backup)

    assert made() > 3
    assert (path.read_bytes(), backup.read_bytes()) == (b"new", b"old")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("call", ["open", "link", "replace"])
def test_a_file_that_stays_busy_keeps_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path, backup = tmp_path / "a", tmp_path / "b"
    write_atomically(path, [b"old"])
    with monkeypatch.context() as patch:
        hold(patch, os, call, errno.EBUSY, 4)
        with pytest.raises(OSError, match="busy"):
            write_atomically(path, [b"new"], backup=backup)

    assert path.read_bytes() == b"old"
    assert not (tmp_path / "a.tmp").exists()


def test_what_is_not_busy_fails_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = hold(monkeypatch, os, "replace", errno.EACCES, 9)
    with pytest.raises(PermissionError):
        write_atomically(tmp_path / "a", [b"new"])
    assert made() == 1


def test_a_file_is_read_once_it_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"here")
    hold(monkeypatch, atomic_file, "_opened", errno.EAGAIN, 3)
    assert read_file(tmp_path / "a") == b"here"


async def test_a_busy_list_is_said_to_be_busy_and_nothing_is_lost(
    two_generations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        hold(patch, atomic_file, "_opened", errno.EBUSY, 4)
        with pytest.raises(StateError, match=r"downloads\.\w+ cannot be read: another program"):
            await reload(two_generations)
    catalog = Catalog(two_generations)
    await catalog.load()
    catalog.put(a_download("c3"))
    with monkeypatch.context() as patch:
        hold(patch, os, "open", errno.EBUSY, 4)
        with pytest.raises(StateError, match="another program holds it"):
            await catalog.flush()
    assert ids(await reload(two_generations)) == {"a1", "b2"}
    await catalog.close()
    assert ids(await reload(two_generations)) == {"a1", "b2", "c3"}


async def test_busy_resume_data_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ResumeStore(tmp_path / "resume_data")
    hold(monkeypatch, os, "replace", errno.EBUSY, 3)
    await store.save(a_record())
    hold(monkeypatch, atomic_file, "_opened", errno.EBUSY, 3)
    assert await store.load("a1") == a_record()


def test_the_error_names_the_file_and_what_to_do() -> None:
    error = state_error(OSError(errno.EBUSY, "Device or resource busy"), Path("/s/downloads.json"))
    assert isinstance(error, StateError)
    assert error.message.startswith("/s/downloads.json cannot be written: another program holds it")
    assert "try again" in error.hint


def test_only_files_are_read(tmp_path: Path) -> None:
    # Opening a pipe would wait for somebody who writes, perhaps for ever.
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "directory").mkdir()
    for name in ("pipe", "directory"):
        with pytest.raises(NotAFileError):
            read_file(tmp_path / name)
