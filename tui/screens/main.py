"""The main screen: the list with its totals, details and keys, and what each key asks for.

A key only asks the service; what is shown changes when the service says that it has changed.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen
from textual.widgets import Static

from core.domain.errors import DestinationError, ErrorInfo, WinchError
from core.domain.lifecycle import Action, allowed_actions
from core.domain.models import Download, DownloadRequest, Progress, Status
from core.domain.service import DownloadService, Outcome
from core.domain.settings import ScreenSettings
from tui import actions
from tui.feed import Connect, ConnectionLost, Feed, Reconnected, StoreChanged
from tui.format import clean, cut_middle
from tui.screens.add import AddScreen
from tui.screens.confirm import ConfirmScreen
from tui.screens.help import HelpScreen
from tui.store import DownloadStore
from tui.widgets.detail_pane import DetailPane
from tui.widgets.download_table import DownloadTable
from tui.widgets.header_bar import HeaderBar
from tui.widgets.key_bar import KeyBar
from tui.widgets.spans import SpanCompositor


class MainScreen(Screen[None]):
    """Shows a store and asks the feed's service for what the person wants."""

    AUTO_FOCUS = "DownloadTable"
    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: keys that were typed ahead act in their order, also across a dialog.
        Binding(",".join(action.keys), action.id, action.label, id=action.id, priority=True)
        for action in actions.by_target(actions.Target.SCREEN)
    ]
    DEFAULT_CSS = """
    MainScreen {
        background: $background;
        & > #banner {
            height: 1; padding: 0 1; display: none;
            background: $warning 20%; color: $warning; text-style: bold;
        }
        & > #banner.-shown { display: block; }
    }
    """

    def __init__(
        self,
        connect: Connect,
        settings: ScreenSettings,
        *,
        directory: str,
        now: Callable[[], datetime],
    ) -> None:
        super().__init__()
        self._compositor = SpanCompositor()
        self._directory = directory
        self._now = now
        self._draft = ""
        self._was_connected = False
        self._noticed: set[str] = set()
        self._is_ticking = False
        self.store = DownloadStore()
        self.feed = Feed(
            connect, self.store, self.post_message, interval=repaint_interval(settings), now=now
        )
        self.header = HeaderBar(ascii_only=settings.ascii)
        self.banner = Static(id="banner", markup=False)
        self.table = DownloadTable(self.store, now=self._moment, ascii_only=settings.ascii)
        self.details = DetailPane()

    def compose(self) -> ComposeResult:
        yield self.header
        yield self.banner
        yield self.table
        yield self.details
        yield KeyBar()

    def on_mount(self) -> None:
        """Start to follow the service."""
        self.run_worker(self.feed.run())

    # What the service says.

    @on(StoreChanged)
    def show_changes(self) -> None:
        """Bring everything in sight up to date."""
        self.table.is_loaded = True
        self._show()

    @on(ConnectionLost)
    def show_loss(self, message: ConnectionLost) -> None:
        """Say since when the picture is old; it stays."""
        since = f"{message.since.astimezone():%H:%M:%S}"
        text = f"connection to the daemon lost since {since} - reconnecting"
        if message.stopped:
            text = f"the daemon was stopped at {since} - `winch daemon start` starts it again"
        elif not self._was_connected:
            text = f"no connection to the daemon ({message.reason}) - trying again"
        self.banner.update(clean(text))
        self.banner.add_class("-shown")

    @on(Reconnected)
    def show_connection(self) -> None:
        """Take the banner away."""
        self._was_connected = True
        self.banner.remove_class("-shown")
        self.run_worker(self._show_notices())

    async def _show_notices(self) -> None:
        """Show what the service wants the person to know; each sentence once."""
        with contextlib.suppress(WinchError):
            for notice in (await self.feed.service.status()).notices:
                if notice not in self._noticed:
                    self._noticed.add(notice)
                    self.notify(clean(notice), severity="warning", timeout=15, markup=False)

    @on(DownloadTable.CursorMoved)
    def _show_details(self) -> None:
        if self.details.display:
            download = self._current
            progress = self.store.progress(download.id) if download else Progress()
            self.details.show(download, progress, self._now())

    def _show(self) -> None:
        self.header.show(self.store.totals)
        self.table.update_rows()
        self._show_details()
        if self.store.is_counting_down and not self._is_ticking and self.feed.lost_since is None:
            self._is_ticking = True
            self.set_timer(1.0, self._tick)

    def _moment(self) -> datetime:
        """Return what time it is in the picture: it stands still while nothing is heard."""
        return self.feed.lost_since or self._now()

    def _tick(self) -> None:
        self._is_ticking = False
        self._show()

    # What the person asks for.

    async def action_add(self) -> None:
        """Open the dialog for new downloads, with what was left in it the last time."""
        dialog = AddScreen(self.add, directory=self._directory, draft=self._draft)
        await self.app.push_screen(dialog, self._keep_draft)

    def action_toggle_pause(self) -> None:
        """Pause the download, or let it go on."""
        if (download := self._current) is None:
            return
        id_ = download.id
        if Action.RESUME in allowed_actions(download.status):
            self._request(lambda service: service.resume([id_]))
        else:
            self._request(lambda service: service.pause([id_]))

    def action_retry(self) -> None:
        """Try the download again now."""
        if (download := self._current) is not None:
            id_ = download.id
            self._request(lambda service: service.retry([id_]))

    async def action_remove(self) -> None:
        """Take the download off the list, once that is confirmed."""
        if (download := self._current) is None:
            return
        id_ = download.id
        if download.status is Status.COMPLETED:
            note = f"The file stays on disk: {clean(download.path)}"
        else:
            note = f"What there is of it stays on disk: {clean(download.part_path)}"
        question = ConfirmScreen(
            title="Remove",
            question=f"Remove {cut_middle(clean(download.name), 200)} from the list?",
            note=note,
            yes="Remove",
            no="Keep",
        )

        def remove(confirmed: bool | None) -> None:
            if confirmed:
                self._request(lambda service: service.remove([id_]))

        await self.app.push_screen(question, remove)

    def action_toggle_details(self) -> None:
        """Show the details, or hide them."""
        self.details.toggle_class("-shown")
        if self.details.has_class("-shown"):
            self.call_after_refresh(self._show_details)
        else:
            self.table.focus()

    async def action_help(self) -> None:
        """Show every key."""
        await self.app.push_screen(HelpScreen())

    def action_detach(self) -> None:
        """Leave the screen; the daemon goes on."""
        self.app.exit(0)

    async def add(self, urls: Sequence[str], directory: str) -> None:
        """Queue URLs; raises WinchError when the service refuses, and then nothing is queued."""
        target = _absolute(directory, self._directory)
        requests = [DownloadRequest(url=url, directory=target) for url in urls]
        added = await self.feed.service.add(requests)
        noun = "download is" if len(added) == 1 else "downloads are"
        self.notify(f"{len(added)} {noun} in the queue.", markup=False)

    def add_pasted(self, urls: Sequence[str]) -> None:
        """Queue URLs that were pasted, to the directory that is set."""

        async def add(_: DownloadService) -> None:
            await self.add(urls, self._directory)

        self._request(add)

    @property
    def _current(self) -> Download | None:
        id_ = self.table.cursor_id
        return self.store.download(id_) if id_ is not None and id_ in self.store else None

    def _keep_draft(self, draft: str | None) -> None:
        self._draft = draft or ""

    def _request(self, call: Callable[[DownloadService], Awaitable[object]]) -> None:
        """Ask the service for something, and say it when that is refused."""

        async def ask() -> None:
            try:
                outcome = await call(self.feed.service)
            except WinchError as error:
                self._complain(error.info())
            else:
                for refusal in outcome.refused if isinstance(outcome, Outcome) else ():
                    self._complain(refusal.error)

        self.run_worker(ask())

    def _complain(self, error: ErrorInfo) -> None:
        hint = f"\n{error.hint}" if error.hint else ""
        lines = f"{error.message}{hint}".split("\n")
        self.notify("\n".join(map(clean, lines)), severity="error", timeout=8, markup=False)


def repaint_interval(settings: ScreenSettings) -> float:
    """Return the seconds between two repaints: what is set, else 1/4, or 1 over SSH."""
    if settings.refresh > 0:
        return 1 / settings.refresh
    return 1.0 if os.environ.get("SSH_CONNECTION") else 0.25


def _absolute(directory: str, base: str) -> str:
    """Return the directory a person means; raises DestinationError for an unknown `~name`."""
    try:
        return str(Path(base) / Path(directory).expanduser())
    except RuntimeError as error:
        raise DestinationError(f"'{directory}' names no home directory") from error
