"""How far a collection is, and what it lacks and why: counted from its members."""

from __future__ import annotations

import asyncio
from collections import Counter

from core.domain.collections import Cause, CollectionRecord, CollectionView, Verdict, verdict_of
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
    causes = Counter[str]()
    sentences: dict[str, str] = {}
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
            error = download.error
            code = "cancelled" if error is None else str(error.code)
            causes[code] += 1
            sentences.setdefault(code, "it was given up" if error is None else error.message)
        if number % _AT_ONCE == 0:
            await asyncio.sleep(0)
    for refused in collection.refused:
        causes[refused.code] += 1
        sentences.setdefault(refused.code, f"{refused.where}: {refused.reason}")
    if more := collection.refused_count - len(collection.refused):
        # Of very many only the first are remembered: the others are taken for the like.
        causes[Counter(refused.code for refused in collection.refused).most_common(1)[0][0]] += more
    left = sums.bytes_total - sums.bytes_done
    totals = Totals(
        files=sums.counts.total() - sums.counts[Status.CANCELLED],
        files_done=sums.counts[Status.COMPLETED],
        bytes_done=sums.bytes_done,
        bytes_total=sums.bytes_total,
        unsized=sums.unsized,
        rate=rate,
        eta=left / rate if rate and not sums.unsized else None,
    )
    return CollectionView(
        collection=collection if with_lists else replace(collection, refused=(), vanished=()),
        verdicts={verdict.value: verdicts[verdict] for verdict in Verdict},
        totals=totals,
        causes=tuple(
            Cause(code=code, message=sentences[code], count=count)
            for code, count in causes.most_common()
        ),
    )
