"""Everything that is known about one download, for as long as somebody looks at it.

While it is shown it asks once a second for a close look at what runs or waits. On the way to
another download it shows the one before for a moment rather than half of the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.geometry import Region, Size
from textual.timer import Timer

from core.domain.errors import WinchError
from core.domain.inspection import Inspection
from core.domain.models import Download, Progress, Status
from core.domain.service import DownloadService
from tui.model.rates import Throughput
from tui.terminal.theme import is_ascii
from tui.text.cells import Line, shifted
from tui.text.details import Subject, report
from tui.text.fmt import clean, cut_middle
from tui.widgets.cell_line import differences
from tui.widgets.page import Lines, Page

EVERY = 1.0
"""Seconds between two looks."""
SELDOM = 4.0
"""Seconds between two looks over a link: each is as much as a second of the whole list."""
PATIENCE = 0.1
"""Seconds for which the first look at another download is waited for before it is shown without."""

_MARGIN = 1
_TITLE_ROOM = 6
"""Cells of the border around the name."""


class DetailPane(Page):
    """Shows a download as the list knows it, and as the service sees it at a close look.

    It looks `every` so many seconds; `is_resting` tells that nobody sees what would be asked for.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+d", "page_down", show=False),
        Binding("ctrl+u", "page_up", show=False),
        Binding("escape", "leave", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    DetailPane {
        height: 50%;
        min-height: 6;
        display: none;
        background: $background;
        border-top: solid $border;
        border-title-color: $accent;
        border-title-style: bold;
        &.-shown { display: block; }
        &:focus { border-top: heavy $accent; }
        & > .page--title { color: $accent; }
    }
    """

    def __init__(
        self,
        service: Callable[[], DownloadService],
        *,
        every: float = EVERY,
        is_resting: Callable[[], bool] = lambda: False,
    ) -> None:
        super().__init__(self._report)
        self._every = every
        self._service = service
        self._throughput = Throughput()
        self._is_resting = is_resting
        self._clock = time.monotonic
        self._subject: Subject | None = None
        self._now: datetime | None = None
        self._shown_name = ""
        self._poll: Timer | None = None
        # Until when the picture of the download before is kept.
        self._grace: Timer | None = None
        self._is_asking = False
        self._has_to_ask = False
        self.border_title = "Details"

    def on_mount(self) -> None:
        self._poll = self.set_interval(self._every, self._look_again, pause=not self.display)

    def on_show(self) -> None:
        if self._poll is not None:
            self._poll.resume()

    def on_hide(self) -> None:
        """Cease to ask, and forget what was shown."""
        if self._poll is not None and not self.display:
            self._poll.pause()
            self._subject = None
            self._settle()

    def note(self, ids: Iterable[str], rate: Callable[[str], float | None]) -> None:
        """Take in how fast downloads are now that changed, also while nothing is shown."""
        self._throughput.note(ids, rate, self._clock())

    def show(self, download: Download | None, progress: Progress, now: datetime) -> None:
        """Show a download, if anything; what looks the same is not drawn again."""
        if download is not None:
            self._throughput.watch(download.id, progress.rate, self._clock())
        if not self.display:
            return
        before, self._now = self._subject, now
        if download is None:
            self._subject = None
            self._settle()
            return
        if before is not None and before.download.id == download.id:
            self._subject = replace(before, download=download, progress=progress)
            if before.download is not download:
                # Something has happened to it, though it may be told by the timeline alone.
                self._ask()
            if self._grace is None:
                self.rewrite()
            return
        self._subject = Subject(download=download, progress=progress)
        if self._grace is None:
            self._grace = self.set_timer(PATIENCE, self._settle)
        self._ask()

    def rewrite(self) -> None:
        """Bring the pane up to date, and draw the cells that look different."""
        before, self._lines = self._lines, self._report(self._room)
        self.virtual_size = Size(self.size.width, len(self._lines))
        self._entitle()
        top, regions = self.scroll_offset.y, []
        for y in range(self.size.height):
            old, new = _line(before, top + y), _line(self._lines, top + y)
            regions += [Region(x, y, width, 1) for x, width in differences(old, new)]
        if regions:
            self.refresh(*regions)

    def on_resize(self) -> None:
        if self._grace is None:
            self.rewrite()

    def action_leave(self) -> None:
        self.screen.focus_previous("DownloadTable")

    # What is asked.

    def _look_again(self) -> None:
        subject = self._subject
        # What has come to an end changes only when somebody says so, and then `show` asks.
        is_unsettled = subject is not None and not subject.download.status.is_settled
        if is_unsettled and not self._is_resting():
            self._ask()

    def _ask(self) -> None:
        """Ask for a close look; one question at a time, the last of many."""
        self._has_to_ask = True
        if not self._is_asking:
            self._is_asking = True
            self.run_worker(self._answer())

    async def _answer(self) -> None:
        try:
            while self._has_to_ask and self._subject is not None:
                self._has_to_ask = False
                id_ = self._subject.download.id
                try:
                    seen = await self._service().inspect(id_)
                except WinchError:
                    # The list says what is wrong; what was seen stays.
                    continue
                self._take(seen, id_)
        finally:
            self._is_asking = False

    def _take(self, seen: Inspection, id_: str) -> None:
        """Show an answer, unless it came too late: another download is shown by then."""
        if self._subject is not None and self._subject.download.id == id_:
            self._subject = replace(self._subject, inspection=seen)
            self._settle()

    def _settle(self) -> None:
        """Show what there is now, without waiting for more."""
        if self._grace is not None:
            self._grace.stop()
            self._grace = None
            self.scroll_home(animate=False)
        self.rewrite()

    # What is shown.

    @property
    def _room(self) -> int:
        return self.size.width - self.styles.scrollbar_size_vertical

    def _report(self, width: int) -> list[Line]:
        subject, now = self._subject, self._now
        if subject is None or now is None or width <= 0:
            return []
        is_running = subject.download.status is Status.ACTIVE
        at = self._clock() if is_running else None
        subject = replace(subject, rates=self._throughput.recent(subject.download.id, at))
        room = max(width - 2 * _MARGIN, 1)
        lines = report(subject, room, self.size.height, now, ascii_only=is_ascii(self))
        return shifted(lines, _MARGIN)

    def _entitle(self) -> None:
        name = clean(self._subject.download.name) if self._subject is not None else ""
        room = max(self.size.width - _TITLE_ROOM, 1)
        name = cut_middle(name.strip() or "Details", room, ascii_only=is_ascii(self))
        if name != self._shown_name:
            self._shown_name = name
            self.border_title = Text(name)


def _line(lines: Lines, index: int) -> Line:
    return lines[index] if index < len(lines) else ()


BESIDE = 160
"""Cells from which on there is room for both."""


class Split(Container):
    """The list, and its details below it, or beside it where the window is wide."""

    DEFAULT_CSS = """
    Split {
        height: 1fr;
        layout: vertical;
        &.-beside { layout: horizontal; }
        &.-beside > DetailPane { width: 45%; height: 100%; margin-left: 1; }
    }
    """

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= BESIDE, "-beside")
