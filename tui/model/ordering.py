"""The orders in which the list can be shown: by the queue, or by what a column says.

A place is what a row sorts by: places compare as their rows stand, the smaller one above, whatever
the direction. What is not known stands last in either direction, and equals stand as in the queue.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import repeat
from math import inf
from typing import Any

from core.domain.hosts import host_of
from core.domain.models import Download, Progress, Status
from tui.text.download_state import bytes_done, is_moving, updated_at

# What this order looks at, and last the id, so that no two are equal.
SortPlace = tuple[Any, ...]


class SortKey(StrEnum):
    """What the list can be sorted by."""

    QUEUE = "queue"
    NAME = "name"
    SIZE = "size"
    PROGRESS = "progress"
    RATE = "rate"
    ETA = "eta"
    STATUS = "status"
    AGE = "age"
    UPDATED = "updated"
    PRIORITY = "priority"
    HOST = "host"


_LIVE = frozenset({SortKey.PROGRESS, SortKey.RATE, SortKey.ETA, SortKey.UPDATED})
# What is looked for in a sort by size, progress, rate or priority is the largest, by change the
# latest.
_LARGEST_FIRST = frozenset(
    {SortKey.SIZE, SortKey.PROGRESS, SortKey.RATE, SortKey.PRIORITY, SortKey.UPDATED}
)
_STATUS_RANKS = {
    status: rank
    for rank, status in enumerate(
        (
            Status.ACTIVE,
            Status.FAILED,
            Status.PAUSED,
            Status.PENDING,
            Status.COMPLETED,
            Status.CANCELLED,
        )
    )
}
_NOTHING = Progress()
# Bytes that compare the other way round, with an end that is greater than any of them.
_TURNED = bytes(range(255, -1, -1))
_END = b"\xff"


@dataclass(frozen=True, slots=True)
class Order:
    """A sort and its direction; `is_live` tells that rows move with the progress alone."""

    key: SortKey = SortKey.QUEUE
    descending: bool = False

    @classmethod
    def natural(cls, key: SortKey) -> Order:
        """Return a sort in the direction in which it is mostly wanted."""
        return cls(key, descending=key in _LARGEST_FIRST)

    @property
    def reversed(self) -> Order:
        """The same sort the other way round."""
        return Order(self.key, descending=not self.descending)

    @property
    def is_live(self) -> bool:
        """Whether a place depends on the progress."""
        return self.key in _LIVE

    def place(self, download: Download, progress: Progress) -> SortPlace:
        """Return where a download stands among the others of this order."""
        return self._figures((download,), (progress,))[0], download.sort_key, download.id

    def arrange(
        self,
        ids: Sequence[str],
        downloads: Mapping[str, Download],
        progress: Mapping[str, Progress],
    ) -> list[str]:
        """Return downloads in this order instead of the queue's, in which they come."""
        if self.key is SortKey.QUEUE and not self.descending:
            return list(ids)
        wanted = [downloads[id_] for id_ in ids]
        reports: Iterable[Progress] = repeat(_NOTHING)
        if self.is_live:
            reports = [progress.get(id_, _NOTHING) for id_ in ids]
        figures = self._figures(wanted, reports)
        # By the figure alone: sorting is stable, so equals stay in the order of the queue.
        return [ids[index] for index in sorted(range(len(ids)), key=figures.__getitem__)]

    def _figures(self, downloads: Iterable[Download], reports: Iterable[Progress]) -> list[Any]:
        """Return what is compared, turned around for a descending order.

        Of all at once: a call for each of 100,000 is what takes the time.
        """
        if self.key is SortKey.QUEUE:
            keys = [download.sort_key for download in downloads]
            return [(-major, -minor) for major, minor in keys] if self.descending else keys
        if self.key in _TEXTS:
            texts = map(_TEXTS[self.key], downloads)
            if not self.descending:
                return list(texts)
            encoded = (text.encode("utf-8", "surrogatepass") for text in texts)
            return [text.translate(_TURNED) + _END for text in encoded]
        numbers = map(_NUMBERS[self.key], downloads, reports)
        if self.descending:
            return [inf if number is None else -number for number in numbers]
        return [inf if number is None else number for number in numbers]


def _done(download: Download, progress: Progress) -> float | None:
    total = download.total_bytes
    if total is None:
        return None
    return bytes_done(download, progress) / total if total else 1.0


_TEXTS: dict[SortKey, Callable[[Download], str]] = {
    SortKey.NAME: lambda download: download.name.casefold(),
    SortKey.HOST: lambda download: host_of(download.request.url),
}
_NUMBERS: dict[SortKey, Callable[[Download, Progress], float | None]] = {
    SortKey.SIZE: lambda download, _: download.total_bytes,
    SortKey.PROGRESS: _done,
    SortKey.RATE: lambda download, progress: progress.rate if is_moving(download) else None,
    SortKey.ETA: lambda download, progress: progress.eta if is_moving(download) else None,
    SortKey.STATUS: lambda download, _: _STATUS_RANKS[download.status],
    # The youngest has the smallest age.
    SortKey.AGE: lambda download, _: -download.created_at.timestamp(),
    SortKey.UPDATED: lambda download, progress: updated_at(download, progress).timestamp(),
    SortKey.PRIORITY: lambda download, _: download.request.priority,
}
