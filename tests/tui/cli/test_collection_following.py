"""Collections are followed until nothing more happens to them by itself."""

from __future__ import annotations

import pytest

from core.domain.collections import Collection, CollectionRequest, CollectionState
from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.events import Added, Changed, CollectionsChanged, Snapshot
from core.domain.models import Download, DownloadRequest, Status
from core.domain.value import replace
from tests.fakes import FakeService
from tests.tui.cli.samples import START, download
from tui.cli.collection_following import CollectionFollowing, exit_code

BIRDS = Collection(name="birds", request=DownloadRequest(url="", directory="/d"), created_at=START)
READING = replace(BIRDS, state=CollectionState.READING)


def member(download_id: str, status: Status = Status.PENDING, group: str = "birds") -> Download:
    request = replace(download().request, group=group)
    return download(download_id, request=request, status=status)


def snapshot(*downloads: Download, collection: Collection = BIRDS) -> Snapshot:
    return Snapshot(revision=1, downloads=downloads, progress={}, collections=(collection,))


def changed(*collections: Collection) -> CollectionsChanged:
    return CollectionsChanged(revision=2, collections=collections)


def test_members_join_until_the_source_is_read_and_all_have_ended() -> None:
    following = CollectionFollowing(["birds"])
    assert not following.is_done
    following.apply(snapshot(collection=READING))
    assert not following.is_done
    following.apply(Added(revision=2, downloads=(member("a"), member("b", group="fish"))))
    assert [each.id for each in following] == ["a"]
    following.apply(changed(BIRDS))
    assert not following.is_done
    ended = following.apply(Changed(revision=3, downloads=(member("a", Status.COMPLETED),)))
    assert [each.id for each in ended] == ["a"]
    assert following.is_done


def test_one_that_is_together_has_ended_once_it_has_its_name_or_lacks_something() -> None:
    together = replace(BIRDS, together=True)
    following = CollectionFollowing(["birds"])
    following.apply(snapshot(member("a", Status.COMPLETED), collection=together))
    assert not following.is_done
    following.apply(changed(replace(together, state=CollectionState.PUBLISHING)))
    assert not following.is_done
    following.apply(changed(replace(together, state=CollectionState.PUBLISHED)))
    assert following.is_done
    lacking = CollectionFollowing(["birds"])
    lacking.apply(snapshot(member("a", Status.FAILED), collection=together))
    assert lacking.is_done


def test_one_whose_source_cannot_be_read_or_that_is_gone_is_not_waited_for() -> None:
    error = ErrorInfo(code=ErrorCode.NETWORK, message="no")
    unreadable = CollectionFollowing(["birds"])
    unreadable.apply(snapshot(collection=replace(READING, read_error=error)))
    assert unreadable.is_done
    gone = CollectionFollowing(["birds"])
    gone.apply(snapshot(collection=READING))
    gone.apply(CollectionsChanged(revision=2, removed=("birds",)))
    assert gone.is_done


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (Status.COMPLETED, None, 0),
        (Status.COMPLETED, ErrorCode.CHECKSUM, 32),
        (Status.FAILED, ErrorCode.NOT_FOUND, 3),
        (Status.PAUSED, None, 7),
        (Status.CANCELLED, None, 7),
    ],
)
async def test_the_status_tells_what_it_lacks(
    status: Status, error: ErrorCode | None, code: int
) -> None:
    service = FakeService()
    request = CollectionRequest(name="birds", request=DownloadRequest(url="", directory="/d"))
    await service.collect(request, fed=True)
    added = await service.add_entries("birds", [Entry(url="http://a/1", path="x")])
    info = None if error is None else ErrorInfo(code=error, message="why")
    service.change(added.ids[0], status=status, error=info)
    assert await exit_code(service, ["birds"]) == code
    assert await exit_code(service, ["birds", "nothing"]) == code or 7


async def test_what_the_source_names_and_nobody_can_fetch_makes_a_status_too() -> None:
    service = FakeService()
    source = SourceSpec(kind="list", address="/l")
    request = CollectionRequest(
        name="birds", request=DownloadRequest(url="", directory="/d"), source=source
    )
    await service.collect(request, fed=True)
    await service.add_entries("birds", [], [Refused(where="line 2", reason="nonsense")])
    assert await exit_code(service, ["birds"]) == 2
    error = ErrorInfo(code=ErrorCode.DNS, message="no such host")
    service.change_record("birds", read_error=error)
    assert await exit_code(service, ["birds"]) == 6
