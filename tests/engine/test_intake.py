"""Very many at once: what is on disk by when, and how often the list is written for it."""

from __future__ import annotations

import shutil
from pathlib import Path

from core.domain.models import DownloadRequest, WaitReason
from tests.adapters.records import generation, ids, reload
from tests.engine.conftest import House


def portion(house: House, number: int, *, paused: bool = True) -> list[DownloadRequest]:
    return [
        DownloadRequest(
            url=f"http://127.0.0.1:1/{number}-{n}", directory=str(house.files), paused=paused
        )
        for n in range(20)
    ]


async def as_after_a_kill(house: House, copy: Path) -> set[str]:
    """Return the ids that the next start would find if this one ended now."""
    shutil.copytree(house.state, copy, ignore=shutil.ignore_patterns("*.tmp"))
    return ids(await reload(copy))


async def test_all_portions_are_on_disk_with_the_last_answer_and_written_once(
    house: House, tmp_path: Path
) -> None:
    engine = await house.engine()
    # The first save of a session comes with whatever comes first.
    known = [download.id for download in await engine.add(portion(house, 0))]
    current = house.state / "downloads.json"
    before = generation(current)
    new: list[str] = []
    for number in range(1, 11):
        new += await engine.add_new(portion(house, number), more=True)
    cut_off = await as_after_a_kill(house, tmp_path / "cut off")
    assert cut_off >= set(known)
    assert (len(cut_off) - len(known)) % 20 == 0
    await engine.add_new([])
    assert await as_after_a_kill(house, tmp_path / "killed") == {*known, *new}
    # Half a second may have passed on a busy machine, but not ten times.
    assert generation(current) - before < 5


async def test_what_was_cut_off_and_comes_again_is_there_once(house: House, tmp_path: Path) -> None:
    engine = await house.engine()
    await engine.add_new(portion(house, 1), more=True)
    for number in (1, 2):
        await engine.add_new(portion(house, number), more=True)
    await engine.add_new([])
    assert len(await as_after_a_kill(house, tmp_path / "killed")) == 40


async def test_what_is_added_is_stored_as_it_waits_in_one_save(house: House) -> None:
    engine = await house.engine()
    await engine.hold(True)
    added = await engine.add(portion(house, 1, paused=False))
    assert {download.wait_reason for download in added} == {WaitReason.QUEUED}
    stored = (await reload(house.state)).downloads
    assert stored == added
