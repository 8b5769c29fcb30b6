"""Leftovers: found by what a record says of them, removed only while they are still the same."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from core.adapters.files.atomic_file import set_aside
from core.adapters.files.destination import identity_of
from core.adapters.files.leftovers import delete_files, find_parts, remove_part, strays
from core.domain.models import DownloadRequest, ResumeRecord
from core.domain.upkeep import LeftoverKind
from core.domain.value import replace
from core.policy.retention import PartState
from tests.core.adapters.records import a_record


@pytest.fixture
def part(tmp_path: Path) -> Path:
    path = tmp_path / "a1.bin.part"
    path.write_bytes(b"x" * 1000)
    return path


def record_of(part: Path, directory: Path | None = None) -> ResumeRecord:
    request = DownloadRequest(
        url="https://example.org/a1.bin", directory=str(directory or part.parent)
    )
    return replace(a_record(), part=identity_of(part.lstat()), request=request)


async def state_of(record: ResumeRecord) -> PartState:
    return (await find_parts([record]))[record.id].state


async def remove(record: ResumeRecord, *, is_live: bool = False) -> str | None:
    assert record.request is not None
    return await remove_part(
        record.request.directory, record.name, record.part, is_live=lambda: is_live
    )


class TestParts:
    async def test_the_file_that_a_record_names_is_found(self, part: Path) -> None:
        found = (await find_parts([record_of(part)]))["a1"]
        assert (found.state, found.path, found.size) == (PartState.THERE, str(part), 1000)

    async def test_a_file_of_the_same_name_is_somebody_elses(self, part: Path) -> None:
        record = record_of(part)
        part.rename(part.with_name("elsewhere"))
        part.write_bytes(b"mine")
        assert await state_of(record) is PartState.GONE
        assert await remove(record) is None
        assert part.read_bytes() == b"mine"

    async def test_a_link_is_never_ours(self, part: Path) -> None:
        record = record_of(part)
        part.rename(part.with_name("target"))
        part.symlink_to("target")
        assert await state_of(record) is PartState.GONE
        assert await remove(record) is None
        assert part.is_symlink()
        assert part.with_name("target").exists()

    async def test_it_is_gone_only_where_its_own_disk_says_so(
        self, part: Path, tmp_path: Path
    ) -> None:
        record = record_of(part)
        part.unlink()
        assert await state_of(record) is PartState.GONE
        elsewhere = replace(record.part, device=record.part.device + 1)
        not_mounted = replace(record, part=elsewhere)
        assert await state_of(not_mounted) is PartState.UNREACHABLE
        assert await state_of(record_of(tmp_path, tmp_path / "no")) is PartState.UNREACHABLE

    async def test_a_record_that_names_no_directory_tells_nothing(self) -> None:
        assert await state_of(a_record()) is PartState.UNREACHABLE

    async def test_it_is_removed_once_it_is_locked(self, part: Path) -> None:
        record = record_of(part)
        with part.open("rb") as other:
            fcntl.flock(other, fcntl.LOCK_EX)
            assert "another winch" in (await remove(record) or "")
            assert part.exists()
        assert await remove(record) is None
        assert not part.exists()

    async def test_it_stays_where_a_download_has_it_by_now(self, part: Path) -> None:
        assert "has it" in (await remove(record_of(part), is_live=True) or "")
        assert part.exists()

    async def test_it_stays_where_another_took_its_name_at_the_last_moment(
        self, part: Path
    ) -> None:
        record = record_of(part)

        def swap() -> bool:
            part.rename(part.with_name("elsewhere"))
            part.write_bytes(b"mine")
            return False

        why = await remove_part(str(part.parent), record.name, record.part, is_live=swap)
        assert why == "another file has its name by now"
        assert part.read_bytes() == b"mine"


class TestStrays:
    async def test_what_was_set_aside_counts_from_then_on(self, tmp_path: Path) -> None:
        path = tmp_path / "downloads.json"
        path.write_text("garbage")
        os.utime(path, (1e9, 1e9))
        aside = set_aside(path)
        (found,) = await strays(tmp_path)
        assert (found.kind, found.path, found.size) == (LeftoverKind.DAMAGED, aside, 7)
        assert found.changed.timestamp() == pytest.approx(aside.lstat().st_ctime)

    async def test_a_temporary_file_is_one_only_without_what_it_was_to_become(
        self, tmp_path: Path
    ) -> None:
        records = tmp_path / "resume_data"
        records.mkdir()
        for name in ("a1.json", "a1.json.tmp", "b2.json.tmp"):
            (records / name).write_text("{")
        (tmp_path / "c.tmp").symlink_to("nowhere")
        (tmp_path / "d.damaged-yesterday").write_text("not ours")
        (found,) = await strays(tmp_path)
        assert (found.kind, found.path.name) == (LeftoverKind.TEMPORARY, "b2.json.tmp")

    async def test_a_state_that_was_never_written_has_none(self, tmp_path: Path) -> None:
        assert await strays(tmp_path / "no") == []


async def test_deleting_tells_the_bytes_and_passes_over_what_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    assert await delete_files([tmp_path / "no", path, tmp_path]) == 5
    assert not path.exists()
