"""How far a collection is, and what it lacks and why: counted from its members."""

from __future__ import annotations

import asyncio
from collections import Counter

from core.domain.collections import Cause, CollectionRecord, CollectionView, Verdict, verdict_of
from core.domain.errors import ErrorInfo
from core.domain.models import Status
from core.domain.totals import DownloadSums, Totals
from core.domain.value import replace
from core.engine.downloads.list import DownloadList

_AT_ONCE = 5000


async def view_of(
    downloads: DownloadList, collection: CollectionRecord, *, with_lists: bool = True
) -> CollectionView:
    """Return a collection with the sums of its members; without its lists, where nobody wants them.

    Very many members are counted by portions, with all else having its turn in between.
    """
    verdicts = Counter[Verdict]()
    causes = _Causes()
    sums = DownloadSums()
    rate, members = 0.0, downloads.members(collection.name)
    for number, download in enumerate(members, start=1):
        progress = downloads.progress_of(download.id)
        sums.count(download, progress.bytes_downloaded, 1)
        verdict = verdict_of(download)
        verdicts[verdict] += 1
        if download.status is Status.ACTIVE:
            rate += progress.rate or 0.0
        if verdict in (Verdict.BAD, Verdict.MISSING):
            causes.add(download.error)
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    causes.add_refused(collection)
    totals = Totals(
        files=sums.counts.total() - sums.counts[Status.CANCELLED],
        files_done=sums.counts[Status.COMPLETED],
        bytes_done=sums.bytes_done,
        bytes_total=sums.bytes_total,
        unsized=sums.unsized,
        rate=rate,
        eta=_seconds_left(sums, rate),
    )
    return CollectionView(
        collection=collection if with_lists else replace(collection, refused=(), vanished=()),
        verdicts={verdict.value: verdicts[verdict] for verdict in Verdict},
        totals=totals,
        causes=causes.told(),
    )


def _seconds_left(sums: DownloadSums, rate: float) -> float | None:
    """Return what is left at this rate; files of unknown length are taken to be like the others."""
    sized = sums.counts.total() - sums.counts[Status.CANCELLED] - sums.unsized
    if not rate or not sized:
        return None
    left = sums.bytes_total - sums.bytes_done + sums.unsized * sums.bytes_total / sized
    return left / rate


class _Causes:
    """Why files are bad or missing, and how many for each reason.

    Answers of different status are different causes, and so is what a source names and nobody can
    fetch.
    """

    def __init__(self) -> None:
        self._counts = Counter[tuple[str, int | None, bool]]()
        self._sentences: dict[tuple[str, int | None, bool], str] = {}
        self._differ: set[tuple[str, int | None, bool]] = set()

    def add(self, error: ErrorInfo | None) -> None:
        """Take in why one member failed; None for one that was given up."""
        if error is None:
            self._add(("cancelled", None, False), "it was given up")
        else:
            self._add((str(error.code), error.status, False), error.message)

    def add_refused(self, collection: CollectionRecord) -> None:
        """Take in what the source names and nobody can fetch."""
        codes = Counter(refused.code for refused in collection.refused)
        for refused in collection.refused:
            self._add((refused.code, None, True), f"{refused.where}: {refused.reason}")
        if more := collection.refused_count - len(collection.refused):
            # Of very many only the first are remembered: the others are taken for the like.
            self._counts[codes.most_common(1)[0][0], None, True] += more

    def _add(self, key: tuple[str, int | None, bool], sentence: str) -> None:
        self._counts[key] += 1
        if self._sentences.setdefault(key, sentence) != sentence:
            self._differ.add(key)

    def told(self) -> tuple[Cause, ...]:
        """Return them, the most frequent first."""
        return tuple(
            Cause(
                code=key[0],
                message=f"{'such as ' if key in self._differ else ''}{self._sentences[key]}",
                count=count,
            )
            for key, count in self._counts.most_common()
        )
