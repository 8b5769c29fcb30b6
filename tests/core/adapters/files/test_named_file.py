"""A file is read; everything else is refused in words, and at once."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from core.adapters.files.named_file import CHUNK, UnfitFileError, named_chunks, read_named
from tests.core.adapters.files.odd_files import ODD, odd

ENOUGH = 100 * 2**20


def test_a_file_is_read_through_a_link_too(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("f")
    assert read_named(tmp_path / "link", most=3) == b"abc"
    with pytest.raises(UnfitFileError, match="larger"):
        read_named(tmp_path / "f", most=2)


@pytest.mark.parametrize("pipes", [False, True])
@pytest.mark.parametrize("kind", [kind for kind in ODD if kind != "pipe"])
def test_what_is_no_file_is_refused(tmp_path: Path, kind: str, pipes: bool) -> None:
    with pytest.raises(OSError):  # noqa: PT011 (a socket and a circle are the system's own)
        read_named(odd(tmp_path, kind), most=ENOUGH, pipes=pipes)


def test_a_pipe_is_read_only_where_somebody_may_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = odd(tmp_path, "pipe")
    with pytest.raises(UnfitFileError, match="a pipe, not a file"):
        read_named(path, most=ENOUGH)
    writer = threading.Thread(target=path.write_bytes, args=(b"http://h/a",), daemon=True)
    writer.start()
    fstat = os.fstat

    def once_the_writer_has_gone(fd: int) -> os.stat_result:
        writer.join()
        return fstat(fd)

    monkeypatch.setattr(os, "fstat", once_the_writer_has_gone)
    assert read_named(path, most=ENOUGH, pipes=True) == b"http://h/a"


def test_what_a_shell_puts_in_place_of_a_command_is_read(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, b"http://h/a")
    os.close(writer)
    assert read_named(f"/dev/fd/{reader}", most=ENOUGH, pipes=True) == b"http://h/a"
    os.close(reader)


def test_what_is_no_regular_file_of_the_system_has_no_size_and_is_cut_all_the_same() -> None:
    with pytest.raises(UnfitFileError, match="larger"):
        read_named("/proc/self/maps", most=10)


def test_what_may_be_long_comes_in_chunks(tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(content := os.urandom(CHUNK + 1))
    assert [len(chunk) for chunk in named_chunks(path, most=ENOUGH)] == [CHUNK, 1]
    assert b"".join(named_chunks(path, most=ENOUGH)) == content
    with pytest.raises(UnfitFileError, match="larger"):
        next(named_chunks(path, most=CHUNK))


@pytest.mark.parametrize("kind", [kind for kind in ODD if kind != "pipe"])
def test_what_is_no_file_has_no_chunks(tmp_path: Path, kind: str) -> None:
    with pytest.raises(OSError):  # noqa: PT011
        next(named_chunks(odd(tmp_path, kind), most=ENOUGH))


def test_a_pipe_gives_what_is_there_before_it_ends() -> None:
    reader, writer = os.pipe()
    os.write(writer, b"first\n")
    chunks = named_chunks(f"/dev/fd/{reader}", most=ENOUGH)
    assert next(chunks) == b"first\n"
    os.write(writer, b"second\n")
    assert next(chunks) == b"second\n"
    os.close(writer)
    assert list(chunks) == []
    os.close(reader)
