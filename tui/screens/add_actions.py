"""The ways by which downloads come in: the dialog, and what is pasted anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.domain.models import DownloadRequest, Status
from core.domain.service import DownloadService
from tui.input.add_parser import pasted_urls
from tui.input.add_validation import AddForm
from tui.input.curl import is_curl
from tui.input.disk import Disk
from tui.screens.add_dialog import AddDialog
from tui.screens.main_parts import MainParts
from tui.text.vocabulary import STATES


class AddActions(MainParts):
    """Queues downloads; what was typed into the dialog and not sent is there the next time."""

    _unsent: AddForm | None = None

    async def action_add(self) -> None:
        await self._open_form(self._form)

    async def action_add_paused(self) -> None:
        await self._open_form(replace(self._form, paused=True))

    async def add(self, requests: Sequence[DownloadRequest]) -> None:
        """Queue downloads; raises WinchError when the service refuses, and then none is queued."""
        added = await self.service.add(requests)
        noun = "download is" if len(added) == 1 else "downloads are"
        paused = (
            f", {STATES[Status.PAUSED]}" if all(d.status is Status.PAUSED for d in added) else ""
        )
        self.say(f"{len(added):,} {noun} in the queue{paused}.")

    async def paste(self, text: str) -> None:
        """Add the URLs in what was pasted; show a curl command in the dialog first."""
        if is_curl(text.lstrip()):
            before = self._form.urls.rstrip()
            await self._open_form(replace(self._form, urls=f"{before}\n{text}".lstrip("\n")))
            return
        requests = [DownloadRequest(url=url, directory=self.directory) for url in pasted_urls(text)]

        async def add(_: DownloadService) -> None:
            await self.add(requests)

        if requests:
            self.ask(add)
        else:
            self.say("There is no http or https URL in what was pasted.")

    def use_directory(self, directory: str) -> None:
        """From now on let downloads go to another directory of this machine, if they go there."""
        if isinstance(self.host.places, Disk):
            self.host.places.base = directory
            self._unsent = None

    @property
    def _form(self) -> AddForm:
        return self._unsent or AddForm(directory=self.directory)

    async def _open_form(self, form: AddForm) -> None:
        def keep(unsent: AddForm | None) -> None:
            # Whether it starts paused is what the key says.
            self._unsent = replace(unsent, paused=False) if unsent else None

        machine = self.host.name if self.host.is_remote else ""
        dialog = AddDialog(
            self.add, self.store, places=self.host.places, form=form, machine=machine
        )
        await self.app.push_screen(dialog, keep)
