"""What was tried and how it went: to look through, to fetch again, to take away as a file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.binding import BindingType

from core.domain.errors import DestinationError, WinchError
from core.domain.history import HistoryEntry, HistoryQuery
from core.domain.models import DownloadRequest
from core.domain.service import DownloadService
from core.domain.value import replace
from tui.control.bindings import bindings
from tui.control.export_file import refuse_existing, write_private
from tui.control.key_actions import KeyTarget
from tui.control.queue_requests import AddCall
from tui.screens.attempt_dialog import AttemptDialog
from tui.screens.page_screen import ListScreen, list_lines
from tui.terminal.theme import is_ascii
from tui.text import fmt
from tui.text.cells import Cell, ColumnSpec, Content, Line, Role
from tui.text.facts import END_ROLES, attempt_brief
from tui.text.fmt import seconds
from tui.text.json_records import exported
from tui.text.vocabulary import ENDS
from tui.widgets.page import CursorPage
from tui.widgets.prompt import Prompt

MOST = 1000
"""Attempts that are read; `winch history` and an export have the older ones too."""
_ROOMY = 20
"""From which height of the window on the details are shown unasked."""
_COLUMNS = (
    ColumnSpec("Ended", 16, right=False),
    ColumnSpec("Outcome", 11, right=False, start=40),
    ColumnSpec("Size", 9, start=56),
    ColumnSpec("Time", 7, start=96),
    ColumnSpec("Rate", 11, start=76),
    ColumnSpec("Host", 20, right=False, start=96),
    ColumnSpec("Name", right=False),
)


@dataclass(frozen=True, slots=True)
class _Rows:
    """The lines of attempts; each is made when it comes in sight."""

    entries: Sequence[HistoryEntry]
    width: int
    ascii_only: bool

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int, /) -> Line:
        row = self._row(self.entries[index])
        return list_lines(_COLUMNS, [row], self.width, ascii_only=self.ascii_only)[1]

    def _row(self, entry: HistoryEntry) -> Sequence[Content]:
        name = fmt.clean(entry.name)
        return (
            (f"{entry.ended_at.astimezone():%Y-%m-%d %H:%M}", Role.MUTED),
            (ENDS[entry.end], END_ROLES[entry.end]),
            (fmt.size(entry.bytes), Role.PLAIN),
            (seconds((entry.ended_at - entry.started_at).total_seconds()), Role.PLAIN),
            (fmt.rate(entry.average_rate), Role.PLAIN),
            (fmt.clean(entry.host), Role.MUTED),
            (lambda room: fmt.cut_middle(name, room, ascii_only=self.ascii_only), Role.PLAIN),
        )


class HistoryScreen(ListScreen):
    """Shows the newest attempts of a service; `add` queues downloads.

    `machine` is the other one on which they were made, "" for this one; `directory` is where a file
    of them is written here.
    """

    TARGET = KeyTarget.HISTORY
    NAME = "History"
    COLUMNS = _COLUMNS
    BINDINGS: ClassVar[list[BindingType]] = bindings(TARGET)
    DEFAULT_CSS = """
    HistoryScreen > #details {
        height: auto; max-height: 50%; min-height: 5; display: none;
        &.-shown { display: block; height: 9; }
    }
    """

    def __init__(
        self,
        service: Callable[[], DownloadService],
        add: AddCall,
        *,
        directory: Callable[[], str],
        machine: str = "",
        query: HistoryQuery | None = None,
    ) -> None:
        super().__init__()
        self._service = service
        self._add = add
        self._directory = directory
        self._machine = machine
        self._query = query or HistoryQuery(limit=None)
        self._entries: tuple[HistoryEntry, ...] = ()
        self._shown: list[HistoryEntry] = []
        self._is_read = False
        self._trouble = ""
        self._exports = False

    def on_mount(self) -> None:
        self._details.set_class(self.app.size.height >= _ROOMY, "-shown")
        self.action_history_reload()

    def action_history_reload(self) -> None:
        self.run_worker(self._read(), exclusive=True, group="read")

    def action_history_filter(self) -> None:
        self._exports = False
        self._prompt.open("/", self._query.text)

    def action_history_failed(self) -> None:
        self._query = replace(self._query, failed=not self._query.failed)
        self._choose()

    def action_history_export(self) -> None:
        self._exports = True
        path = str(Path(self._directory()) / "winch-history.json")
        here = ", on this machine" if self._machine else ""
        self._prompt.open("export to", path, note=f"JSON, or JSON Lines as *.jsonl{here}")

    def action_history_attempt(self) -> None:
        if (entry := self._current) is not None:
            self.app.push_screen(AttemptDialog(entry))

    @on(CursorPage.Chosen)
    def _open(self) -> None:
        self.action_history_attempt()

    def action_history_details(self) -> None:
        self._details.toggle_class("-shown")

    def action_history_add(self) -> None:
        if (entry := self._current) is not None:
            self.run_worker(self._add_again(entry))

    def action_history_help(self) -> None:
        self.show_keys()

    def action_history_back(self) -> None:
        self.dismiss()

    @on(Prompt.Changed)
    def _type(self, event: Prompt.Changed) -> None:
        if not self._exports:
            self._query = replace(self._query, text=event.text)
            self._choose()

    @on(Prompt.Submitted)
    def _submit(self, event: Prompt.Submitted) -> None:
        if self._exports:
            self.run_worker(self._export(event.text), exclusive=True, group="export")
        else:
            self._prompt.close()

    @on(Prompt.Cancelled)
    def _drop_filter(self) -> None:
        if not self._exports:
            self._query = replace(self._query, text="")
            self._choose()

    @on(CursorPage.Moved)
    def _show_details(self) -> None:
        self._details.rewrite()

    @property
    def _current(self) -> HistoryEntry | None:
        return self._shown[self._list.index] if self._shown else None

    async def _read(self) -> None:
        try:
            found = await self._service().history(HistoryQuery(limit=MOST))
        except WinchError as error:
            self._trouble = fmt.sentence(error)
        else:
            self._entries, self._is_read = found.entries, True
            self._trouble = "; ".join(f"{name} is damaged" for name in found.damaged)
        self._choose()

    def _choose(self) -> None:
        """Show those that are asked for, with the cursor on the one that it was on."""
        before = self._current
        wanted = [entry for entry in self._entries if self._query.admits(entry)]
        self._shown = wanted[: self._query.limit]
        self._list.rewrite()
        if before is not None:
            numbers = [entry.number for entry in self._shown]
            if before.number in numbers:
                self._list.action_move_to(numbers.index(before.number))
        self._details.rewrite()
        self._title.update(self._heading_text())

    async def _add_again(self, entry: HistoryEntry) -> None:
        if "…" in entry.url:
            self._say("The history keeps no secrets, so this URL lacks its own; add it anew.")
            return
        request = DownloadRequest(url=entry.url, directory=entry.directory, group=entry.group)
        try:
            await self._add([request])
        except WinchError as error:
            self._say(fmt.sentence(error))

    async def _export(self, text: str) -> None:
        try:
            # Before the history is read, which takes longer.
            path = await asyncio.to_thread(_free_path, text.strip())
            found = await self._service().history(self._query)
            lines = exported(reversed(found.entries), as_lines=path.suffix == ".jsonl")
            await asyncio.to_thread(write_private, path, lines)
        except (WinchError, RuntimeError, ValueError) as error:
            # An unknown ~user is a RuntimeError, a NUL in the name a ValueError.
            self._prompt.say(getattr(error, "message", str(error)), wrong=True)
            return
        self._prompt.close()
        count = len(found.entries)
        self.notify(
            f"Exported {fmt.counted(count, 'attempt')} to {fmt.clean(str(path))}"
            + (" on this machine" if self._machine else ""),
            markup=False,
        )

    def _say(self, text: str) -> None:
        self.notify(fmt.clean(text), severity="error", timeout=8, markup=False)

    def lines(self, width: int) -> _Rows:
        return _Rows(self._shown, width, is_ascii(self))

    def _heading_text(self) -> str:
        if self._trouble and not self._is_read:
            return f" History  {self._trouble}"
        total = f"the newest {MOST:,}" if len(self._entries) == MOST else f"{len(self._entries):,}"
        parts = [f" History  {len(self._shown):,} of {total}"]
        if self._query.limit is not None:
            parts.append(f"the newest {self._query.limit:,}")
        if self._query.since is not None:
            parts.append(f"since {self._query.since.astimezone():%Y-%m-%d %H:%M}")
        if self._query.failed:
            parts.append("failed only")
        if self._query.text:
            parts.append(f"/{fmt.clean(self._query.text)}")
        if self._trouble:
            parts.append(self._trouble)
        return "  ".join(parts)

    def describe(self, width: int) -> list[Line]:
        entry = self._current
        if entry is None:
            text = "Nothing was tried yet." if not self._entries else "Nothing matches."
            return [(Cell(1, text if self._is_read else "", Role.MUTED),)]
        room = max(width - 11, 1)
        return [
            (
                Cell(1, f"{label:<8}", Role.MUTED),
                Cell(10, fmt.fit(text, room, ascii_only=is_ascii(self)), role),
            )
            for label, text, role in attempt_brief(entry)
        ]


def _free_path(text: str) -> Path:
    """Return a path where nothing is yet; raises WinchError, RuntimeError or ValueError."""
    path = Path(text).expanduser().absolute()
    if not text or path.is_dir():
        raise DestinationError("name a file")
    refuse_existing(path)
    return path
