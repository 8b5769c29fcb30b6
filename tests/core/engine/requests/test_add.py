"""Very many at once: what is on disk by when, and how often the list is written for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from core.domain.errors import UsageError
from core.domain.models import DownloadRequest, WaitReason
from core.domain.value import replace
from tests.core.adapters.records import generation, ids, reload
from tests.core.engine.conftest import Workspace


def portion(workspace: Workspace, number: int, *, paused: bool = True) -> list[DownloadRequest]:
    return [
        DownloadRequest(
            url=f"http://127.0.0.1:1/{number}-{n}", directory=str(workspace.files), paused=paused
        )
        for n in range(20)
    ]


async def as_after_a_kill(workspace: Workspace, copy: Path) -> set[str]:
    """Return the ids that the next start would find if this one ended now."""
    shutil.copytree(workspace.state, copy, ignore=shutil.ignore_patterns("*.tmp"))
    return ids(await reload(copy))


async def test_all_portions_are_on_disk_with_the_last_answer_and_written_once(
    workspace: Workspace, tmp_path: Path
) -> None:
    engine = await workspace.engine()
    # The first save of a session comes with whatever comes first.
    known = [download.id for download in await engine.add(portion(workspace, 0))]
    current = workspace.state / "downloads.json"
    before = generation(current)
    new: list[str] = []
    for number in range(1, 11):
        new += await engine.add_new(portion(workspace, number), more=True)
    cut_off = await as_after_a_kill(workspace, tmp_path / "cut off")
    assert cut_off >= set(known)
    assert (len(cut_off) - len(known)) % 20 == 0
    await engine.add_new([])
    assert await as_after_a_kill(workspace, tmp_path / "killed") == {*known, *new}
    # Half a second may have passed on a busy machine, but not ten times.
    assert generation(current) - before < 5


async def test_what_was_cut_off_and_comes_again_is_there_once(
    workspace: Workspace, tmp_path: Path
) -> None:
    engine = await workspace.engine()
    await engine.add_new(portion(workspace, 1), more=True)
    for number in (1, 2):
        await engine.add_new(portion(workspace, number), more=True)
    await engine.add_new([])
    assert len(await as_after_a_kill(workspace, tmp_path / "killed")) == 40


async def test_what_is_added_is_stored_as_it_waits_in_one_save(workspace: Workspace) -> None:
    engine = await workspace.engine()
    await engine.hold(True)
    added = await engine.add(portion(workspace, 1, paused=False))
    assert {download.wait_reason for download in added} == {WaitReason.QUEUED}
    stored = (await reload(workspace.state)).downloads
    assert stored == added


async def test_a_scheme_that_no_package_knows_is_refused_before_anything_is_queued(
    workspace: Workspace,
) -> None:
    engine = await workspace.engine()
    for request in (
        workspace.request("lake://set/a"),
        replace(workspace.request("http://host/a"), mirrors=("lake://set/a",)),
    ):
        with pytest.raises(UsageError, match="winch does not fetch lake: addresses"):
            await engine.add([workspace.request("http://host/b"), request])
    assert await engine.downloads() == []
