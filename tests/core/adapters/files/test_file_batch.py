"""Small files made together: whole under their names, or told why not, one by one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.adapters.files import file_batch
from core.adapters.files.file_batch import FileBatch, NeedsPartFileError, NewFile
from core.adapters.files.part_owner import final_mode
from core.domain.errors import DestinationError, DiskError, DiskFullError
from core.policy.transfer.filename import alternatives


@pytest.fixture(params=["unnamed", "part file"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to make a file: with and without files that have no name."""
    monkeypatch.setattr(file_batch, "_named_only", set())
    monkeypatch.setattr(file_batch, "_without_links", set())
    if request.param == "part file":
        monkeypatch.setattr(file_batch, "_UNNAMED", 0)
    return str(request.param)


def _new(directory: Path, name: str, *pieces: bytes, renames: bool = True) -> NewFile:
    return NewFile(str(directory), name, pieces, renames)


def _make(*files: NewFile) -> None:
    batch = FileBatch(files)
    try:
        batch.begin()
        batch.write_parts()
        batch.sync()
        while batch.pending:
            batch.link()
    finally:
        batch.close()


def _names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_files_are_whole_under_their_names_and_nothing_else_is_left(
    way: str, tmp_path: Path
) -> None:
    one = _new(tmp_path, "one.bin", b"first ", b"", b"second")
    two = _new(tmp_path, "two.bin")
    two.modified = 1_000_000_000.25
    _make(one, two)
    assert (tmp_path / "one.bin").read_bytes() == b"first second"
    assert (tmp_path / "two.bin").read_bytes() == b""
    assert (tmp_path / "two.bin").stat().st_mtime == 1_000_000_000.25
    assert _names(tmp_path) == ["one.bin", "two.bin"]
    for file in (one, two):
        found = (tmp_path / file.name).stat()
        assert stat.S_IMODE(found.st_mode) == final_mode()
        assert file.made
        assert file.identity is not None
        assert (file.identity.device, file.identity.inode) == (found.st_dev, found.st_ino)
        assert file.stamp is not None
        assert file.stamp.uid == found.st_uid
        assert file.stamp.modified == found.st_mtime_ns // 1000


def test_nothing_has_a_name_before_it_is_linked(tmp_path: Path, way: str) -> None:
    batch = FileBatch([_new(tmp_path, "a.bin", b"a")])
    batch.begin()
    batch.write_parts()
    batch.sync()
    assert "a.bin" not in _names(tmp_path)
    batch.close()
    assert _names(tmp_path) == []


def test_part_files_are_empty_until_they_are_known(tmp_path: Path, way: str) -> None:
    file = _new(tmp_path, "a.bin", b"a")
    batch = FileBatch([file])
    batch.begin()
    assert batch.unwritten == ([file] if way == "part file" else [])
    for path in tmp_path.iterdir():
        assert path.stat().st_size == 0
    batch.write_parts()
    assert batch.unwritten == []
    batch.close()


def test_files_of_one_name_get_one_each(tmp_path: Path, way: str) -> None:
    (tmp_path / "a.bin").write_bytes(b"there")
    files = [_new(tmp_path, "a.bin", bytes([number])) for number in range(3)]
    _make(*files)
    assert [file.name for file in files] == ["a (1).bin", "a (2).bin", "a (3).bin"]
    assert (tmp_path / "a.bin").read_bytes() == b"there"
    assert [(tmp_path / f.name).read_bytes() for f in files] == [b"\0", b"\1", b"\2"]


def test_a_name_that_was_taken_before_the_link_is_left_to_whoever_has_it(tmp_path: Path) -> None:
    file = _new(tmp_path, "a.bin", b"mine")
    batch = FileBatch([file])
    batch.begin()
    batch.write_parts()
    (tmp_path / "a.bin").write_bytes(b"theirs")
    batch.link()
    assert batch.pending == [file]
    assert file.name == "a (1).bin"
    batch.link()
    batch.close()
    assert (tmp_path / "a.bin").read_bytes() == b"theirs"
    assert (tmp_path / "a (1).bin").read_bytes() == b"mine"


def test_what_may_have_no_other_name_is_left_to_the_long_way(tmp_path: Path, way: str) -> None:
    (tmp_path / "a.bin").write_bytes(b"there")
    file = _new(tmp_path, "a.bin", b"new", renames=False)
    _make(file)
    assert isinstance(file.error, NeedsPartFileError)
    assert (tmp_path / "a.bin").read_bytes() == b"there"
    assert _names(tmp_path) == ["a.bin"]


def test_a_part_file_of_that_name_is_left_to_the_long_way(tmp_path: Path) -> None:
    (tmp_path / "a.bin.part").write_bytes(b"of somebody who is not done")
    file = _new(tmp_path, "a.bin", b"new")
    _make(file)
    assert isinstance(file.error, NeedsPartFileError)
    assert _names(tmp_path) == ["a.bin.part"]


def test_a_link_that_leads_nowhere_has_the_name(tmp_path: Path, way: str) -> None:
    (tmp_path / "a.bin").symlink_to(tmp_path / "elsewhere")
    file = _new(tmp_path, "a.bin", b"new")
    _make(file)
    assert file.name == "a (1).bin"
    assert not (tmp_path / "elsewhere").exists()


def test_what_fails_fails_alone(tmp_path: Path, way: str) -> None:
    gone = _new(tmp_path / "nowhere", "a.bin", b"a")
    long = _new(tmp_path, "x" * 300, b"a")
    good = _new(tmp_path, "good.bin", b"good")
    _make(gone, long, good)
    assert isinstance(gone.error, DestinationError)
    assert isinstance(long.error, DestinationError)
    assert good.made
    assert _names(tmp_path) == ["good.bin"]


@pytest.mark.parametrize("call", ["pwritev", "fsync", "link", "fstat"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
def test_a_call_that_fails_for_one_file_fails_no_other(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    files = [_new(tmp_path, f"{index}.bin", b"x") for index in range(3)]
    batch = FileBatch(files)
    real, victim = getattr(os, call), "1.bin"

    def failing(first: object, *rest: object, **options: object) -> object:
        own = {file.fd for file in files if file.wanted == victim}
        if first in own or (call == "link" and victim in rest):
            raise OSError(number, os.strerror(number))
        return real(first, *rest, **options)

    monkeypatch.setattr(os, call, failing)
    batch.begin()
    batch.write_parts()
    batch.sync()
    while batch.pending:
        batch.link()
    monkeypatch.undo()
    batch.close()
    assert [file.made for file in files] == [True, False, True]
    assert isinstance(files[1].error, DiskFullError if number == errno.ENOSPC else DiskError)
    assert _names(tmp_path) == ["0.bin", "2.bin"]


def test_a_directory_that_cannot_be_synced_keeps_nothing(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = _new(tmp_path, "a.bin", b"a")
    batch = FileBatch([file])
    batch.begin()
    batch.write_parts()
    batch.sync()

    def failing(_fd: int) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    batch.link()
    monkeypatch.undo()
    batch.close()
    assert isinstance(file.error, DiskError)
    assert not file.made
    assert _names(tmp_path) == []  # the next attempt would make a second file of it


def test_no_descriptor_is_closed_twice_where_closing_one_fails(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel frees the number all the same, and then it may be anybody's."""
    other = tmp_path / "other"
    other.mkdir()
    files = [_new(tmp_path, "a.bin", b"a"), _new(tmp_path, "b.bin", b"b"), _new(other, "c", b"c")]
    batch = FileBatch(files)
    batch.begin()
    batch.write_parts()
    batch.sync()
    batch.link()
    open_ = {fd for file in files for fd in (file.fd, file.directory_fd)}
    closed: list[int] = []
    real = os.close

    def failing(fd: int) -> None:
        real(fd)
        closed.append(fd)
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "close", failing)
    batch.close()
    batch.close()
    monkeypatch.undo()
    assert (sorted(closed), batch.is_open) == (sorted(open_), False)
    assert all(file.made for file in files)


def test_without_hard_links_the_long_way_is_taken_at_once(
    tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_args: object, **_options: object) -> None:
        raise OSError(errno.EPERM, "operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    for _ in range(3):
        file = _new(tmp_path, "a.bin", b"a")
        _make(file)
        assert isinstance(file.error, NeedsPartFileError)
        assert _names(tmp_path) == []


def test_a_file_system_without_unnamed_files_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_batch, "_named_only", set())
    asked = 0
    real = os.open

    def refusing(path: str, flags: int, *rest: int, **options: int) -> int:
        nonlocal asked
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            asked += 1
            raise OSError(errno.EOPNOTSUPP, "operation not supported")
        return real(path, flags, *rest, **options)

    monkeypatch.setattr(os, "open", refusing)
    _make(_new(tmp_path, "a.bin", b"a"), _new(tmp_path, "b.bin", b"b"))
    assert asked == 1
    assert _names(tmp_path) == ["a.bin", "b.bin"]


_NAME = st.sampled_from(["a", "a.txt", "a (1)", "b"])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    there=st.dictionaries(_NAME, st.binary(max_size=3)),
    parts=st.sets(_NAME),
    late=st.sets(_NAME),
    wanted=st.lists(st.tuples(_NAME, st.booleans()), max_size=6),
)
def test_whatever_is_there_nothing_is_replaced_and_every_file_has_a_name_of_its_own(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    way: str,
    there: dict[str, bytes],
    parts: set[str],
    late: set[str],
    wanted: list[tuple[str, bool]],
) -> None:
    directory = tmp_path_factory.mktemp("batch")
    for name, content in there.items():
        (directory / name).write_bytes(content)
    for name in parts:
        (directory / f"{name}.part").write_bytes(b"somebody's")
    files = [
        _new(directory, name, bytes([number]), renames=renames)
        for number, (name, renames) in enumerate(wanted)
    ]
    batch = FileBatch(files)
    batch.begin()
    batch.write_parts()
    batch.sync()
    for name in late - there.keys():
        (directory / name).write_bytes(b"late")
    while batch.pending:
        batch.link()
    batch.close()
    made = [file for file in files if file.made]
    assert all(isinstance(file.error, NeedsPartFileError) for file in files if not file.made)
    assert len({file.name for file in made}) == len(made)
    expected = {name: there.get(name, b"late") for name in there.keys() | late}
    expected |= {f"{name}.part": b"somebody's" for name in parts}
    expected |= {file.name: b"".join(file.pieces) for file in made}
    assert {path.name: path.read_bytes() for path in directory.iterdir()} == expected
    for file in made:
        assert file.name not in there.keys() | late
        assert file.name == file.wanted or file.renames
        names = list(zip(alternatives(file.wanted), range(20), strict=False))
        assert file.name in [name for name, _ in names]
