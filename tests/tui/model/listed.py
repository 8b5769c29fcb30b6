"""A store with all that the table needs over it, for the tests of what it shows."""

from __future__ import annotations

from datetime import timedelta

from core.domain.events import Added, Changed, Event, ProgressBatch
from core.domain.models import Download, Phase, Progress, Status
from core.domain.value import replace
from tests.tui.samples import NOW, sample
from tui.model.filters import parse
from tui.model.rows import GroupRow, Row
from tui.model.selection import Selection
from tui.model.store import DownloadStore
from tui.model.view import View


class Table:
    """A store with a view and a selection over it, and clocks that stand still."""

    def __init__(self, *downloads: Download) -> None:
        self.age = timedelta()
        self.clock = 100.0
        self.store = DownloadStore()
        self.view = View(self.store, now=lambda: NOW + self.age, monotonic=lambda: self.clock)
        self.selection = Selection(self.view, self.store)
        if downloads:
            self.apply(Added(revision=1, downloads=downloads))

    def apply(self, event: Event) -> bool:
        """Let something happen, and tell whether rows moved."""
        return self.update(self.store.apply(event))

    def update(self, changed: set[str]) -> bool:
        moved = self.view.update(changed)
        self.selection.forget(changed)
        self.selection.follow()
        return moved

    def change(self, download: Download, **changes: object) -> bool:
        return self.apply(Changed(revision=1, downloads=(download.replace(**changes),)))

    def report(self, **rates: float) -> bool:
        """Report a rate for downloads by their names."""
        ids = {d.name: d.id for d in self.store.by_id.values()}
        progress = {
            ids[name]: Progress(bytes_downloaded=int(rate), rate=rate)
            for name, rate in rates.items()
        }
        return self.apply(ProgressBatch(revision=1, progress=progress))

    def show(self, **what: object) -> None:
        if isinstance(text := what.get("matching"), str):
            what["matching"] = parse(text)
        self.view.show(**what)  # type: ignore[arg-type]
        self.selection.follow()

    @property
    def rows(self) -> list[Row]:
        return [self.view.row_at(index) for index in range(len(self.view))]

    @property
    def names(self) -> str:
        """The rows as text: the names of downloads, and of groups in brackets."""
        return " ".join(
            f"[{row.name}]" if isinstance(row, GroupRow) else self.store.download(row.id).name
            for row in self.rows
        )


def one(number: int, name: str, group: str | None = None, **changes: object) -> Download:
    download = sample(number, name=name).replace(**changes)
    return download.replace(request=replace(download.request, group=group))


def moving(number: int, name: str, group: str | None = None, **changes: object) -> Download:
    running = {"status": Status.ACTIVE, "phase": Phase.DOWNLOADING, "total_bytes": 100}
    return one(number, name, group, **(running | changes))
