"""What takes a change of the queue back: it ends as it was, whatever was moved where."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.domain.models import Download, DownloadRequest
from core.domain.service import MOST_REMOVED, Changes, MoveTo
from tests.fakes import FakeService
from tests.tui.control.test_verbs import say
from tests.tui.samples import app_for, queue, sample, until
from tui.model.undo import (
    MOST,
    Prioritize,
    PutBack,
    Restore,
    Undos,
    of_move,
    of_priority,
    of_removal,
)


async def order(service: FakeService) -> list[Download]:
    return [view.download for view in await service.downloads()]


async def ranks(service: FakeService) -> list[tuple[str, int]]:
    return [(download.name, download.request.priority) for download in await order(service)]


@given(
    count=st.integers(1, 8),
    moved=st.sets(st.integers(0, 7), min_size=1),
    to=st.sampled_from([*MoveTo, 1, 2, 5, 99]),
)
async def test_a_move_that_is_undone_leaves_the_queue_as_it_was(
    count: int, moved: set[int], to: MoveTo | int
) -> None:
    service = FakeService()
    ids = await queue(service, *(f"{number}.iso" for number in range(count)))
    chosen = [id_ for number, id_ in enumerate(ids) if number in moved]
    undo = of_move(await order(service), set(chosen))
    if not chosen:
        return
    await service.move(chosen, to)
    for step in undo.steps_for(ids):
        assert isinstance(step, PutBack)
        await service.move(step.ids, step.to)
    assert [download.id for download in await order(service)] == ids


def test_neighbours_go_back_together() -> None:
    downloads = [sample(number) for number in range(6)]
    undo = of_move(downloads, {downloads[n].id for n in (1, 2, 3)})
    assert undo.steps == (PutBack(tuple(d.id for d in downloads[1:4]), 2),)
    assert undo.what == "the move of 3 downloads"


def test_priorities_go_back_to_what_each_had() -> None:
    one, two, three = (
        sample(n).replace(request=DownloadRequest(url="http://h/", directory="/", priority=p))
        for n, p in ((1, 0), (2, 5), (3, 0))
    )
    assert of_priority([one, two, three]).steps == (
        Prioritize((one.id, three.id), 0),
        Prioritize((two.id,), 5),
    )


def test_what_somebody_else_has_removed_is_left_out_but_not_what_is_to_come_back() -> None:
    undo = replace(
        of_removal(["a"]), steps=(Restore(("a",)), PutBack(("b", "c"), 1), PutBack(("d",), 2))
    )
    assert undo.steps_for({"c"}) == [Restore(("a",)), PutBack(("c",), 1)]


def test_the_last_change_comes_first_and_old_ones_are_forgotten() -> None:
    undos = Undos()
    for number in range(MOST + 5):
        undos.remember(of_removal([str(number)]))
    taken = [undos.take().steps[0].ids[0] for _ in range(len(undos))]
    assert taken == [str(number) for number in reversed(range(5, MOST + 5))]
    with pytest.raises(IndexError):
        undos.take()


def test_nothing_is_remembered_of_what_is_gone_for_good() -> None:
    undos = Undos()
    undos.remember(of_move([sample(1), sample(2)], {sample(1).id}))
    undos.remember(of_move([sample(1), sample(2)], {sample(1).id, sample(2).id}))
    undos.forget({sample(1).id})
    assert len(undos) == 1
    assert undos.take().steps == (PutBack((sample(2).id,), 1),)


async def test_a_move_and_a_priority_by_a_verb_are_undone() -> None:
    service = FakeService()
    ids = await queue(service, "a.iso", "b.iso", "c.iso")
    await service.set(ids[:1], Changes(priority=3))
    before = await ranks(service)
    async with app_for(service).run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, "c.iso")
        # By the start of an id, as a person types it.
        await say(pilot, f"move {ids[2][:8]} --top")
        await until(pilot, "moved 1 download", gone="\n :")
        moved = await ranks(service)
        await say(pilot, f"set --priority 7 {ids[0]} {ids[1][:8]}")
        await until(pilot, "changed 2 downloads", gone="\n :")
        await say(pilot, "set --limit 2M")
        await until(pilot, "changed 1 download", gone="\n :")
        await pilot.press("z")
        await until(pilot, "Undone: the priority of 2 downloads.")
        assert await ranks(service) == moved != before
        await pilot.press("z")
        await until(pilot, "Undone: the move of 1 download.")
        assert await ranks(service) == before
        await pilot.press("z")
        await until(pilot, "There is nothing to undo.")


@pytest.mark.parametrize("line", ["move nobody --top", "set nobody --priority 1"])
async def test_what_did_not_happen_is_not_undone(line: str) -> None:
    service = FakeService()
    await queue(service, "a.iso")
    async with app_for(service).run_test(notifications=True, size=(140, 40)) as pilot:
        await until(pilot, "a.iso")
        await say(pilot, line)
        await until(pilot, "no download has the id")
        await pilot.press("escape", "z")
        await until(pilot, "There is nothing to undo.")


async def test_of_a_very_large_removal_the_last_come_back_and_the_others_are_counted() -> None:
    service = FakeService()
    await queue(service, *(f"{number}.iso" for number in range(MOST_REMOVED + 2)))
    async with app_for(service).run_test(notifications=True, size=(140, 30)) as pilot:
        await until(pilot, "1,002 queued")
        await pilot.press("asterisk", "x")
        await until(pilot, "Remove 1,002 downloads from the list?", "only the last 1,000")
        await pilot.press("y")
        await until(pilot, "Nothing to haul yet.")
        await pilot.press("z")
        await until(pilot, "1,002 downloads, all but 2:", "1,000 queued")
    assert [download.name for download in (await order(service))[:1]] == ["2.iso"]
