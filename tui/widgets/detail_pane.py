"""Everything that is known about one download, in words, for the person who asks about it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from rich.style import Style
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from core.domain.models import Download, Progress
from core.domain.redact import redact_url
from tui import format as fmt
from tui.columns import Role, bytes_done, is_moving, status_role, status_text
from tui.theme import component_style

Field = tuple[str, str, Role]


class DetailPane(VerticalScroll):
    """The fields of one download; scrolls when they are more than fit."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"details--{role}" for role in Role}
    DEFAULT_CSS = """
    DetailPane {
        height: 40%;
        min-height: 6;
        display: none;
        background: $background;
        border-top: solid $border;
        border-title-color: $accent;
        border-title-style: bold;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        &.-shown { display: block; }
        &:focus { border-top: solid $accent; }
        & > .details--plain { color: $foreground; }
        & > .details--muted { color: $foreground-muted; }
        & > .details--active { color: $accent; }
        & > .details--done { color: $success; }
        & > .details--waiting { color: $warning; }
        & > .details--failed { color: $error; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._body = Static(markup=False)
        self._fields: list[Field] = []
        self.border_title = "Details"

    def compose(self) -> ComposeResult:
        yield self._body

    @property
    def fields(self) -> list[Field]:
        """What is shown: label, text and role of each line."""
        return list(self._fields)

    def show(self, download: Download | None, progress: Progress, now: datetime) -> None:
        """Show a download; what looks the same is not drawn again."""
        fields = [] if download is None else _fields(download, progress, now)
        if fields == self._fields:
            return
        self._fields = fields
        self._body.update(self._grid(fields) if fields else Text(""))

    def _grid(self, fields: list[Field]) -> Table:
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold")
        muted = self._style(Role.MUTED)
        for label, text, role in fields:
            grid.add_row(Text(label, muted), Text(text, self._style(role)))
        return grid

    def _style(self, role: Role) -> Style:
        return component_style(self, f"details--{role}")


def _fields(download: Download, progress: Progress, now: datetime) -> list[Field]:
    """Return every field that has something to say; all text from outside goes through `clean`."""
    request, error = download.request, download.error
    fields = [
        ("Name", fmt.clean(download.name), Role.PLAIN),
        ("Status", status_text(download, progress, now), status_role(download)),
        ("Error", fmt.clean(f"{error.message} [{error.code}]") if error else "", Role.FAILED),
        ("Hint", fmt.clean(error.hint) if error else "", Role.PLAIN),
        ("Size", _amount(download, bytes_done(download, progress)), Role.PLAIN),
        ("Rate", _motion(progress) if is_moving(download) else "", Role.PLAIN),
        ("URL", fmt.clean(redact_url(request.url)), Role.PLAIN),
        ("File", fmt.clean(download.path), Role.PLAIN),
        ("Resume", fmt.clean(download.resume_verdict or ""), Role.PLAIN),
        ("Checksum", fmt.clean(str(request.checksum or "")), Role.PLAIN),
        ("Retries", str(download.retry_count or ""), Role.PLAIN),
        ("Priority", str(request.priority or ""), Role.PLAIN),
        ("Group", fmt.clean(request.group or ""), Role.PLAIN),
        ("Added", _time(download.created_at, now), Role.PLAIN),
        ("Started", _time(download.started_at, now), Role.PLAIN),
        ("Completed", _time(download.completed_at, now), Role.PLAIN),
        ("ID", fmt.short_id(fmt.clean(download.id)), Role.PLAIN),
    ]
    for number, entry in enumerate(reversed(download.timeline)):
        text = f"{_time(entry.at, now)}  {fmt.clean(entry.text)}"
        fields.append(("" if number else "Timeline", text, Role.MUTED))
    return [field for field in fields if field[1]]


def _motion(progress: Progress) -> str:
    noun = "connection" if progress.connections == 1 else "connections"
    left = "" if progress.eta is None else f", {fmt.duration(progress.eta)} left"
    return f"{fmt.rate(progress.rate)}{left}, {progress.connections} {noun}"


def _amount(download: Download, done: int) -> str:
    if download.total_bytes is None:
        return f"{fmt.size(done)} so far, the whole is not known"
    percent = fmt.percent(done, download.total_bytes)
    return f"{fmt.size(done)} of {fmt.size(download.total_bytes)} ({percent})"


def _time(at: datetime | None, now: datetime) -> str:
    """Return the local time, with the date unless it is today's."""
    if at is None:
        return ""
    local = at.astimezone()
    same_day = local.date() == now.astimezone().date()
    return local.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")
