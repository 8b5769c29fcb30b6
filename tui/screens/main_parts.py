"""What the main screen is made of, and what all of its actions need: to ask and to say something.

The actions themselves, one `action_*` method for each key, are in the files beside this one, by
what they are about; `main_screen.py` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from textual.screen import Screen
from textual.widgets import Static

from core.domain.errors import WinchError
from core.domain.models import Progress
from core.domain.outcomes import Outcome, Refusal
from core.domain.service import DownloadService
from core.domain.settings import ScreenSettings
from tui.control.hosts import DrivenHost, HostList
from tui.control.key_actions import MAIN, KeyTarget
from tui.control.queue_requests import QueueRequests, ServiceCall
from tui.model.selection import Selection
from tui.model.view import View
from tui.terminal.spans import SpanCompositor
from tui.text.fmt import clean
from tui.widgets.detail_pane import EVERY, SELDOM, DetailPane
from tui.widgets.download_table import DownloadTable
from tui.widgets.header_bar import HeaderBar
from tui.widgets.hosts_bar import HostsBar
from tui.widgets.key_bar import KeyBar
from tui.widgets.letter_bar import LetterBar
from tui.widgets.notice_bar import NoticeBar
from tui.widgets.prompt import QuestionPrompt
from tui.widgets.tabs_bar import ListSummary, TabsBar

T = TypeVar("T")

_LONG = 8.0
"""Seconds for which it is said that something went wrong."""


class MainParts(Screen[None]):
    """The store, what is chosen of it, and the widgets; `service` does what is asked for.

    There is one for each machine that was looked at, with dialogs of its own: they are in the
    program's `mode` of that name.
    """

    def __init__(
        self,
        host: DrivenHost,
        hosts: HostList,
        settings: ScreenSettings,
        *,
        mode: str,
        now: Callable[[], datetime],
        cursor: str,
        is_behind: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._compositor = SpanCompositor()
        self.now = now
        self.mode = mode
        self.host = host
        self.hosts = hosts
        self.typed_lines: list[str] = []
        """What was typed after `:`, the newest last."""
        # Where the cursor is to be once the list is there.
        self._cursor = cursor
        self._theme = settings.theme
        self.store = host.store
        self.feed = host.feed
        self.view = View(self.store, now=self.moment)
        self.selection = Selection(self.view, self.store)
        self.queue_requests = QueueRequests(
            self.store, self.view, self.selection, self.ask, self.say
        )
        self.hosts_bar = HostsBar(hosts)
        self.header = HeaderBar(host.name, is_remote=host.is_remote)
        self.banner = Static(id="banner", markup=False)
        self.notices = NoticeBar()
        self.tabs = TabsBar()
        self.table = DownloadTable(
            self.store,
            self.view,
            self.selection,
            now=self.moment,
            moved=self.show_chosen,
            marked=self.show_state,
        )
        if host.is_remote:
            self.table.expects = f"connecting to {host.name}"
        self.details = DetailPane(
            lambda: self.service,
            every=SELDOM if host.is_remote else EVERY,
            is_resting=lambda: is_behind() or not self.is_active,
        )
        self.prompt = QuestionPrompt()
        self.letters = LetterBar()
        self.key_bar = KeyBar(*MAIN, KeyTarget.TABLE, label=self.queue_requests.label)

    @property
    def directory(self) -> str:
        """Where files go when nothing else is said."""
        return self.host.places.base

    @property
    def service(self) -> DownloadService:
        """Who does the work; raises DaemonError where it is out of reach."""
        return self.feed.service

    def ask(self, call: ServiceCall) -> None:
        """Ask the service for something, and say what is refused; the rest the events tell."""
        self.run_worker(self._ask(call))

    async def _ask(self, call: ServiceCall) -> None:
        try:
            outcome = await call(self.service)
        except WinchError as error:
            self.complain(error)
            return
        if isinstance(outcome, Outcome):
            if outcome.refused:
                self.say(_in_words(outcome.refused), wrong=True)
            if outcome.notes:
                self.say("\n".join(outcome.notes))

    def when_reached(self, use: Callable[[T], object]) -> Callable[[T], object]:
        """Return what raises DaemonError in place of using an answer while nobody hears it."""

        def do(answer: T) -> object:
            _ = self.service
            return use(answer)

        return do

    def say(self, text: str, *, wrong: bool = False) -> None:
        """Say something in passing, cleaned line by line; longer where something is wrong."""
        shown = "\n".join(map(clean, text.split("\n")))
        if wrong:
            self.notify(shown, severity="error", timeout=_LONG, markup=False)
        else:
            self.notify(shown, markup=False)

    def complain(self, error: WinchError) -> None:
        self.say(f"{error.message}\n{error.hint}".strip(), wrong=True)

    def moment(self) -> datetime:
        """Return what time it is in the picture: it stands still while nothing is heard."""
        return self.feed.lost_since or self.now()

    def show_chosen(self) -> None:
        self.show_state()
        self.show_details()

    def show_details(self) -> None:
        id_ = self.table.cursor_id
        download = self.store.download(id_) if id_ is not None and id_ in self.store else None
        progress = self.store.progress(download.id) if download else Progress()
        self.details.show(download, progress, self.now())

    def show_state(self) -> None:
        """Say what is shown and marked, and which keys apply to it."""
        marks = self.selection.marks
        summary = ListSummary(
            tab=self.view.tab,
            filter=self.view.filter.text.strip(),
            order=self.view.order,
            marked=len(marks),
            hidden=self.selection.hidden if marks else 0,
            has_range=self.selection.has_range,
        )
        self.tabs.show(summary, self.view.counts)
        self.key_bar.follow()


def _in_words(refused: Sequence[Refusal]) -> str:
    """Return many refusals in one sentence: the first, and how many there are."""
    first = refused[0].error
    count = "" if len(refused) == 1 else f"{len(refused):,} downloads refused, the first of them: "
    return f"{count}{first.message}\n{first.hint}".strip()
