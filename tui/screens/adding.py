"""The ways by which downloads come in: the dialog, and what is pasted anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from textual.screen import Screen

from core.domain.models import DownloadRequest, Status
from core.domain.service import DownloadService
from tui.input.add_validation import AddForm
from tui.model.store import DownloadStore
from tui.screens.add import AddScreen
from tui.screens.requests import Requests


class Adding:
    """Queues downloads; what was typed into the dialog and not sent is there the next time."""

    def __init__(
        self,
        screen: Screen[None],
        store: DownloadStore,
        requests: Requests,
        service: Callable[[], DownloadService],
        *,
        directory: str,
        ascii_only: bool,
    ) -> None:
        self._screen = screen
        self._store = store
        self._requests = requests
        self._service = service
        self._ascii = ascii_only
        self.directory = directory
        self._form = self._blank
        self.handlers: Mapping[str, Callable[[], object]] = MappingProxyType(
            {"add": self.open, "add_paused": self.open_paused}
        )

    def use_directory(self, directory: str) -> None:
        """From now on let downloads go to another directory, where nothing else is said."""
        self.directory = directory
        self._form = self._blank

    async def open(self) -> None:
        """Open the dialog for new downloads, with what was left in it the last time."""
        await self._open(self._form)

    async def open_paused(self) -> None:
        """Open that dialog for downloads that wait until somebody starts them."""
        await self._open(replace(self._form, paused=True))

    async def add(self, requests: Sequence[DownloadRequest]) -> None:
        """Queue downloads; raises WinchError when the service refuses, and then none is queued."""
        added = await self._service().add(requests)
        noun = "download is" if len(added) == 1 else "downloads are"
        paused = ", paused" if all(d.status is Status.PAUSED for d in added) else ""
        self._screen.notify(f"{len(added):,} {noun} in the queue{paused}.", markup=False)

    def add_pasted(self, urls: Sequence[str]) -> None:
        """Queue URLs that were pasted, to the directory that is set."""
        requests = [DownloadRequest(url=url, directory=self.directory) for url in urls]

        async def add(_: DownloadService) -> None:
            await self.add(requests)

        self._requests.send(add)

    async def add_later(self, text: str) -> None:
        """Put text that was pasted into the dialog, where it can be looked at before it is sent."""
        before = self._form.urls.rstrip()
        await self._open(replace(self._form, urls=f"{before}\n{text}".lstrip("\n")))

    async def _open(self, form: AddForm) -> None:
        def keep(unsent: AddForm | None) -> None:
            # Whether it starts paused is what the key says.
            self._form = replace(unsent, paused=False) if unsent else self._blank

        dialog = AddScreen(
            self.add, self._store, base=self.directory, form=form, ascii_only=self._ascii
        )
        await self._screen.app.push_screen(dialog, keep)

    @property
    def _blank(self) -> AddForm:
        return AddForm(directory=self.directory)
