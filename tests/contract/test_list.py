"""What every `DownloadService` promises of its list: what enters and leaves it, and its order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from core.domain.errors import (
    AmbiguousIdError,
    DestinationError,
    ErrorCode,
    UnknownIdError,
    UsageError,
)
from core.domain.events import Added
from core.domain.models import Checksum, Status
from core.domain.outcomes import AddedPortion
from core.domain.service import MoveTo
from core.domain.value import replace
from tests.contract.asking import RUNS, add, names, raises, statuses

if TYPE_CHECKING:
    from tests.contract.conftest import Harness


class TestAdd:
    async def test_what_was_asked_for_is_kept_whole(self, harness: Harness) -> None:
        request = replace(
            harness.request("file"),
            name="other name \N{SNOWMAN}.bin",
            checksum=Checksum("sha256", "ab" * 32),
            retries=3,
            headers={"X-Token": "abc"},
            priority=-2,
            group="set",
        )
        (download,) = await harness.service.add([request])
        assert download.request == request
        assert download.name == request.name
        assert download.status is Status.PAUSED
        assert (await harness.service.find(download.id)).download == download

    async def test_what_is_not_paused_runs_or_waits(self, harness: Harness) -> None:
        (download,) = await harness.service.add([harness.request("file", paused=False)])
        assert download.status in RUNS

    async def test_the_queue_keeps_the_order_of_asking(self, harness: Harness) -> None:
        await add(harness, "a", "b")
        await add(harness, "c")
        assert await names(harness) == ["a", "b", "c"]
        positions = [view.position for view in await harness.service.downloads()]
        assert positions == [1, 2, 3]

    async def test_a_higher_priority_goes_first(self, harness: Harness) -> None:
        await add(harness, "a")
        await harness.service.add([replace(harness.request("b"), priority=1)])
        assert await names(harness) == ["b", "a"]

    async def test_the_same_again_is_the_same_download(self, harness: Harness) -> None:
        (first,) = await add(harness, "a")
        again, other = await add(harness, "a", "b")
        assert again.id == first.id
        assert other.id != first.id
        assert len(await harness.service.downloads()) == 2

    async def test_the_same_twice_in_one_request_is_one(self, harness: Harness) -> None:
        first, second = await add(harness, "a", "a")
        assert first.id == second.id

    async def test_asking_again_continues_it(self, harness: Harness) -> None:
        (first,) = await add(harness, "a")
        (again,) = await harness.service.add([harness.request("a", paused=False)])
        assert again.id == first.id
        assert again.status in RUNS

    async def test_one_that_cannot_be_meant_queues_none(self, harness: Harness) -> None:
        bad = replace(harness.request("b"), url="gopher://host.example/1")
        await raises(UsageError.code, harness.service.add([harness.request("a"), bad]))
        relative = replace(harness.request("b"), directory="somewhere")
        await raises(DestinationError.code, harness.service.add([harness.request("a"), relative]))
        assert await harness.service.downloads() == []


class TestAddMany:
    async def test_portions_come_in_their_order_and_again_go_on(self, harness: Harness) -> None:
        (known,) = await add(harness, "b")
        await harness.service.cancel([known.id])
        requests = [harness.request(name, paused=False) for name in ("a", "b", "a")]
        first = await harness.service.add_many(requests, more=True)
        second = await harness.service.add_many([harness.request("c")], more=True)
        assert await harness.service.add_many([]) == AddedPortion()
        views = await harness.service.downloads()
        b, a, c = (view.download.id for view in views)
        assert (first.ids, first.new) == ((a, b, a), (a,))
        assert (second.ids, second.new) == ((c,), (c,))
        assert (await statuses(harness))[0] in RUNS

    async def test_one_that_cannot_be_meant_queues_none_of_its_portion(
        self,
        harness: Harness,
    ) -> None:
        await harness.service.add_many([harness.request("a")], more=True)
        bad = replace(harness.request("c"), url="gopher://host.example/1")
        await raises(UsageError.code, harness.service.add_many([harness.request("b"), bad]))
        assert await names(harness) == ["a"]


class TestAddNew:
    async def test_portions_come_in_their_order_and_twice_adds_nothing(
        self,
        harness: Harness,
    ) -> None:
        (known,) = await add(harness, "b")
        portions = [["a", "b", "a"], ["c"]]
        new = []
        for portion in portions * 2:
            requests = [harness.request(name) for name in portion]
            new += await harness.service.add_new(requests, more=True)
        assert await harness.service.add_new([]) == []
        views = await harness.service.downloads()
        assert [view.download.name for view in views] == ["b", "a", "c"]
        assert [view.download.id for view in views] == [known.id, *new]
        assert views[0].download == known

    async def test_what_is_not_paused_runs_or_waits(self, harness: Harness) -> None:
        await harness.service.add_new([harness.request("a", paused=False)])
        assert (await statuses(harness))[0] in RUNS

    async def test_one_that_cannot_be_meant_queues_none_of_its_portion(
        self,
        harness: Harness,
    ) -> None:
        await harness.service.add_new([harness.request("a")], more=True)
        bad = replace(harness.request("c"), url="gopher://host.example/1")
        await raises(UsageError.code, harness.service.add_new([harness.request("b"), bad]))
        assert await names(harness) == ["a"]


class TestIds:
    async def test_a_unique_prefix_is_enough(self, harness: Harness) -> None:
        (download,) = await add(harness, "a")
        assert (await harness.service.find(download.id[:8])).download.id == download.id
        outcome = await harness.service.cancel([download.id[:8]])
        assert [d.id for d in outcome.changed] == [download.id]

    async def test_an_unknown_one_stops_the_request_before_anything_changed(
        self,
        harness: Harness,
    ) -> None:
        (download,) = await add(harness, "a")
        ids = [download.id, "zzz"]
        service = harness.service
        for call in (service.cancel(ids), service.remove(ids), service.move(ids, MoveTo.TOP)):
            error = await raises(UnknownIdError.code, call)
            assert "zzz" in error.message
        assert await statuses(harness) == [Status.PAUSED]

    async def test_an_empty_one_names_nothing(self, harness: Harness) -> None:
        await add(harness, "a")
        await raises(UnknownIdError.code, harness.service.find(""))

    async def test_a_prefix_of_several_is_refused(self, harness: Harness) -> None:
        downloads = await add(harness, *(str(number) for number in range(17)))
        first = [download.id[0] for download in downloads]
        shared = next(letter for letter in first if first.count(letter) > 1)
        await raises(AmbiguousIdError.code, harness.service.cancel([shared]))
        assert set(await statuses(harness)) == {Status.PAUSED}


class TestRemove:
    async def test_it_is_gone_from_the_list(self, harness: Harness) -> None:
        one, _ = await add(harness, "a", "b")
        removal = await harness.service.remove([one.id])
        assert [d.id for d in removal.removed] == [one.id]
        assert removal.deleted_files == ()
        assert await names(harness) == ["b"]
        await raises(UnknownIdError.code, harness.service.find(one.id))

    async def test_what_runs_can_be_removed_too(self, harness: Harness) -> None:
        (download,) = await harness.service.add([harness.request("a", paused=False)])
        await harness.service.remove([download.id], files=True)
        assert await harness.service.downloads() == []

    async def test_all_of_it(self, harness: Harness) -> None:
        await add(harness, "a", "b")
        assert len((await harness.service.remove(None)).removed) == 2
        assert await harness.service.downloads() == []


class TestRestore:
    async def test_what_was_removed_comes_back_to_its_place(self, harness: Harness) -> None:
        _, two, three, _ = await add(harness, *"abcd")
        await harness.service.cancel([three.id])
        await harness.service.remove([three.id, two.id])
        assert await names(harness) == ["a", "d"]
        async with harness.service.subscribe() as events:
            await anext(events)
            outcome = await harness.service.restore([three.id, two.id[:8]])
            added = await anext(events)
            assert isinstance(added, Added)
        assert [d.id for d in outcome.changed] == [three.id, two.id]
        assert outcome.refused == ()
        assert await names(harness) == ["a", "b", "c", "d"]
        assert await statuses(harness) == [
            Status.PAUSED,
            Status.PAUSED,
            Status.CANCELLED,
            Status.PAUSED,
        ]

    async def test_what_ran_or_waited_waits_again(self, harness: Harness) -> None:
        (one,) = await harness.service.add([harness.request("a", paused=False)])
        await harness.service.remove([one.id])
        (back,) = (await harness.service.restore([one.id])).changed
        assert back.status in RUNS
        assert back.request == one.request

    async def test_without_its_files_it_does_not_come_back(self, harness: Harness) -> None:
        one, two = await add(harness, "a", "b")
        await harness.service.remove([one.id], files=True)
        await harness.service.remove([two.id])
        outcome = await harness.service.restore([one.id, two.id])
        assert [d.id for d in outcome.changed] == [two.id]
        (refusal,) = outcome.refused
        assert (refusal.id, refusal.error.code) == (one.id, ErrorCode.NOT_ALLOWED)

    async def test_only_what_was_removed_can_come_back_and_only_once(
        self,
        harness: Harness,
    ) -> None:
        one, two = await add(harness, "a", "b")
        await harness.service.remove([one.id])
        for _ in range(2):
            outcome = await harness.service.restore([two.id, one.id])
            assert await names(harness) == ["a", "b"]
        assert outcome.changed == ()
        assert [(r.id, r.error.code) for r in outcome.refused] == [
            (id_, UnknownIdError.code) for id_ in (two.id, one.id)
        ]


class TestMove:
    @pytest.mark.parametrize(
        ("to", "expected"),
        [
            (MoveTo.TOP, "bcad"),
            (MoveTo.BOTTOM, "adbc"),
            (MoveTo.UP, "bcad"),
            (MoveTo.DOWN, "adbc"),
            (1, "bcad"),
            (2, "abcd"),
            (99, "adbc"),
        ],
    )
    async def test_several_move_and_keep_their_order(
        self,
        harness: Harness,
        to: MoveTo | int,
        expected: str,
    ) -> None:
        _, two, three, _ = await add(harness, *"abcd")
        outcome = await harness.service.move([three.id, two.id], to)
        assert {d.id for d in outcome.changed} == {two.id, three.id}
        assert "".join(await names(harness)) == expected

    async def test_there_is_no_position_before_the_first(self, harness: Harness) -> None:
        (one,) = await add(harness, "a")
        await raises(UsageError.code, harness.service.move([one.id], 0))
