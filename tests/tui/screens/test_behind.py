"""Between a change in the store and the next frame: what is in sight may be gone already."""

from __future__ import annotations

import pytest

from core.domain.models import DownloadRequest, Status
from tests.fakes import FakeService
from tests.tui.samples import app_for, until
from tui.control import key_actions
from tui.control.feed import StoreChanged
from tui.model.view import Tab

_NEVER = 0.001
"""Frames a second: after the first one there is none in the time of a test."""
_KEYS = [
    (action.id, action.keys[0])
    for action in key_actions.by_target(
        key_actions.KeyTarget.DOWNLOADS, key_actions.KeyTarget.TABLE
    )
]


async def put(service: FakeService) -> set[str]:
    """Put some downloads into a service, two of them in a group, in several states."""
    requests = [
        DownloadRequest(
            url=f"https://example.org/{n}", directory="/data", name=f"file-{n}.iso", group=group
        )
        for n, group in enumerate((None, "group", "group", None, None))
    ]
    ids = [download.id for download in await service.add(requests)]
    service.change(ids[0], status=Status.FAILED)
    service.change(ids[4], status=Status.COMPLETED, total_bytes=100)
    return set(ids)


@pytest.mark.parametrize(("marked", "left"), [(False, 0), (True, 1)], ids=["cursor", "marks"])
async def test_no_key_stumbles_over_what_is_gone(marked: bool, left: int) -> None:
    service = FakeService()
    app = app_for(service, refresh=_NEVER)
    async with app.run_test() as pilot:
        main, store, table = app.main, app.main.store, app.main.table
        await until(pilot, "Nothing to haul yet.")
        for action, key in _KEYS:
            ids = await put(service)
            while len(store) < len(ids):
                await pilot.pause()
            main.post_message(StoreChanged(frozenset(ids)))
            main.show_list(tab=Tab.ALL)
            main.action_clear()
            await until(pilot, "file-3.iso")
            table.focus()
            table.action_cursor_last()
            table.action_cursor_up()
            if marked:
                table.action_mark_all()
            gone = [id_ for id_ in store.ids if store.download(id_).name != "file-3.iso"]
            gone += set(store.ids).difference(gone) if not left else ()
            await service.remove(gone)
            while len(store) > left:
                await pilot.pause()
            await pilot.press(key)
            table.refresh()
            await pilot.pause()
            assert app.crash is None, action
            while len(app.screen_stack) > 1 or main.is_asking:
                await pilot.press("escape")
                await pilot.pause()
            await service.remove(None)
            while len(store):
                await pilot.pause()
