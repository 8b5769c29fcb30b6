"""One record with text that nobody can encode never takes the others away."""

from __future__ import annotations

from core.domain.history import HistoryQuery
from core.domain.models import Status
from core.rpc.client import RemoteService
from tests.core.engine.conftest import Workspace
from tests.unix import serving, short_directory

POISON = "a\udce9\ud800.bin"


async def test_a_poisoned_record_is_shown_saved_and_removed_like_any_other(
    workspace: Workspace,
) -> None:
    engine = await workspace.engine()
    urls = [f"http://127.0.0.1:9/{n}.bin" for n in range(3)]
    requests = [workspace.request(url) for url in urls]
    await engine.hold(True)
    first, second, third = await engine.add(requests)
    downloads = engine._downloads
    downloads.update(downloads[second.id], name=POISON, resume_verdict=POISON)
    downloads.note(second.id, POISON)
    with short_directory() as directory:
        path = directory / "s"
        async with serving(engine, path), await RemoteService.open(path) as remote:
            async with remote.subscribe() as events:
                snapshot = await anext(events)
            ids = {download.id for download in snapshot.downloads}  # type: ignore[union-attr]
            assert ids == {first.id, second.id, third.id}
            listed = {view.download.id: view.download for view in await remote.downloads()}
            assert listed[second.id].name == "a\ufffd\ufffd.bin"
            assert listed[first.id].name == "0.bin"
            for id_ in listed:
                assert (await remote.inspect(id_)).id == id_
            await remote.history(HistoryQuery())
    await engine.close()

    engine = await workspace.engine()
    assert {view.download.id for view in await engine.downloads()} == ids
    await engine.remove([second.id])
    left = [view.download for view in await engine.downloads()]
    assert [download.id for download in left] == [first.id, third.id]
    assert {download.status for download in left} == {Status.PENDING}
