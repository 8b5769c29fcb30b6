"""Every attempt that was made: the newest in a TinyDB document, older ones in monthly archives.

What moves to the archives is always the oldest by number, and it is in both places for a moment: a
crash in between leaves an attempt twice, never not at all, and reading takes each number once.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain, islice
from pathlib import Path
from typing import TypeVar

from core.adapters.files.atomic_file import state_error
from core.adapters.files.threads import run_to_end
from core.adapters.state import records
from core.adapters.state.document import Document
from core.adapters.state.history_archive import MOST_BYTES, HistoryArchive
from core.adapters.state.numbers import Numbers
from core.adapters.state.tables import Format, Tables
from core.domain.errors import StateError, WinchError
from core.domain.history import LIVE_FILE, History, HistoryEntry, HistoryQuery
from core.domain.text import mended
from core.domain.value import Value, field, replace

T = TypeVar("T")

log = logging.getLogger(__name__)

LIVE = 1000
"""Entries that stay in the document."""
SURPLUS = 250
"""Entries beyond those that move to the archives together, so that these are seldom rewritten."""
MOST_AGE = timedelta(days=30)
"""After that an entry moves as well."""
USAGE_DAYS = 400
_LARGEST = 2**63

_ENTRIES, _USAGE, _NUMBERS = "entries", "usage", "numbers"
_NEXT = "next"


class _Content(Value, frozen=True):
    """The document: entries by number, the number of the next one, and usage by day."""

    entries: dict[int, HistoryEntry] = field(default_factory=dict)
    next_number: int = 1
    usage: dict[str, tuple[float, int]] = field(default_factory=dict)


class HistoryStore:
    """state/history.json and history-YYYY-MM.jsonl.gz. Only for the thread of the event loop.

    History is worth less than downloads: where its disk is full or its file cannot be read, that
    is logged, and it goes on in memory.
    """

    def __init__(
        self, directory: Path, *, debounce: float = 2.0, most_bytes: int = MOST_BYTES
    ) -> None:
        tables = {_ENTRIES: HistoryEntry, _USAGE: tuple[float, int], _NUMBERS: int}
        format_ = Format(title="history", tables=tables, migrations=records.HISTORY)
        self._directory = directory
        self._document = Document(directory / LIVE_FILE, format_, debounce=debounce)
        self._document.on_error = _tell_error
        self._document.on_recovered = _tell_recovery
        self._archive = HistoryArchive(directory, most_bytes=most_bytes)
        self._content = _Content()
        self._next = 1
        self._is_kept = True
        self._is_stuck = False
        self._missing: tuple[str, ...] = ()
        self._moves = asyncio.Lock()
        self._moving: asyncio.Task[None] | None = None

    async def load(self) -> tuple[str, ...]:
        """Read the live entries and return sentences for the person, if anything was damaged.

        Raises nothing that would keep the daemon from starting: a history that cannot be used (a
        newer winch wrote it) is left as it is, and this one is forgotten at the end.
        """
        try:
            loaded = await self._document.load()
        except WinchError as error:
            self._is_kept = False
            self._missing = (LIVE_FILE,)
            notices: tuple[str, ...] = (f"{error.message}; until then no history is kept",)
            is_certain = False
        else:
            self._content, notices = _content(loaded.tables), loaded.notices
            if not loaded.is_whole:
                self._missing = (LIVE_FILE,)
            is_certain = loaded.is_whole and self._content.next_number > 1
        self._next = self._content.next_number
        if not is_certain:
            self._next = max(self._next, 1 + await run_to_end(self._last_archived))
        return notices

    @property
    def next_number(self) -> int:
        """The number of the attempt that is added next."""
        return self._next

    @property
    def usage(self) -> Mapping[str, tuple[float, int]]:
        """CPU seconds and peak memory (bytes) by local day, `YYYY-MM-DD`."""
        return self._content.usage

    def append(self, entry: HistoryEntry) -> HistoryEntry:
        """Add an attempt under the next number; saved within the debounce time.

        Raises StateError after `close`.
        """
        if entry.number != self._next:
            entry = replace(entry, number=self._next)
        if not _is_plain(entry):
            entry = mended(entry)
        live = self._content.entries
        self._put(_ENTRIES, str(entry.number), entry)
        live[entry.number] = entry
        self._next += 1
        if not self._is_kept and len(live) > LIVE:
            del live[next(iter(live))]
        # At every multiple, so that a move that failed is tried again, but not at each entry.
        elif len(live) > LIVE and (len(live) - LIVE) % SURPLUS == 0:
            self._move_in_background()
        return entry

    async def query(self, query: HistoryQuery) -> History:
        """Return attempts, the newest first; archives that are damaged are named, never raised."""
        limit = None if query.limit is None else max(0, query.limit)
        # Taken before the archives are read: what moves meanwhile is in one of them at least.
        live = {entry.number: entry for entry in self.live() if query.admits(entry)}
        if limit is not None and len(live) >= limit:
            return _newest_first(live, self._missing, limit)

        def search() -> History:
            found = self._archive.search(query.admits, since=query.since, limit=limit)
            return _newest_first(found.entries | live, (*self._missing, *found.damaged), limit)

        return await run_to_end(search)

    async def ended_since(self, moment: datetime, take: Callable[[Iterator[HistoryEntry]], T]) -> T:
        """Return what `take` makes of the attempts that ended at a time or later, in a thread.

        Each comes once, and none is held for whoever comes later: there may be a million of them.
        """
        live = self.live()

        def each() -> Iterator[HistoryEntry]:
            seen = Numbers()
            # What moves meanwhile is in one of them at least.
            for entry in chain(self._archive.each([], since=moment), live):
                if entry.ended_at >= moment and seen.add(entry.number):
                    yield entry

        return await run_to_end(take, each())

    def bytes_by_download(self) -> Counter[str]:
        """Return how many bytes the live attempts brought in, by the id of the download."""
        brought: Counter[str] = Counter()
        for entry in self.live():
            brought[entry.download] += entry.bytes
        return brought

    def live(self) -> list[HistoryEntry]:
        """Return the live attempts, the oldest first."""
        return list(self._content.entries.values())

    def completed(self) -> frozenset[str]:
        """Return the ids of the downloads that a live attempt made whole."""
        return frozenset(entry.download for entry in self.live() if entry.success)

    async def flush(self) -> None:
        """Return once every attempt is on disk; raises StateError, DiskFullError."""
        if self._is_kept:
            await self._document.flush()

    def note_usage(self, day: str, cpu_seconds: float, peak_memory: int) -> None:
        """Add CPU seconds to a day (`YYYY-MM-DD`) and raise its peak memory (bytes)."""
        usage = self._content.usage
        seconds, peak = usage.get(day, (0.0, 0))
        usage[day] = figures = (seconds + cpu_seconds, max(peak, peak_memory))
        self._put(_USAGE, day, figures)
        for old in sorted(usage)[:-USAGE_DAYS]:
            del usage[old]
            if self._is_kept:
                self._document.discard(_USAGE, old)

    async def tidy(self, now: datetime) -> None:
        """Move what is too old or too much to the archives, and bound their size."""
        await self._move(oldest=now - MOST_AGE)

    async def clear(self) -> int:
        """Forget every attempt, archives included, and return how many there were.

        Raises StateError, or DiskFullError where there is no room for the shorter document. What a
        newer winch wrote is not this one's to forget.
        """
        if not self._is_kept:
            raise StateError(
                f"{self._directory / LIVE_FILE} cannot be used, so nothing was forgotten",
                hint="`winch doctor` tells why",
            )
        live = self._content.entries
        async with self._moves:
            numbers = set(live)
            live.clear()
            try:
                numbers |= await run_to_end(self._archive.clear)
            except OSError as error:
                raise state_error(error, self._directory, verb="cleared") from error
            self._put(_NUMBERS, _NEXT, self._next)
            for number in numbers:
                self._document.discard(_ENTRIES, str(number))
            await self._document.wipe()
        return len(numbers)

    async def close(self) -> None:
        """Write what is not yet written; raises StateError, DiskFullError."""
        if self._moving is not None:
            await self._moving
        if self._is_kept:
            await self._document.close()

    def _put(self, table: str, record_id: str, record: object) -> None:
        if self._is_kept:
            self._document.put(table, record_id, record)

    def _last_archived(self) -> int:
        return max(self._archive.search(lambda _: True, limit=1).entries, default=0)

    def _move_in_background(self) -> None:
        if self._moving is None or self._moving.done():
            self._moving = asyncio.create_task(self._move(), name="history")

    async def _move(self, *, oldest: datetime | None = None) -> None:
        """Move entries that ended before `oldest`, and those beyond LIVE, to the archives."""
        live = self._content.entries
        async with self._moves:
            count = max(0, len(live) - LIVE)
            if oldest is not None:
                # A prefix by number: an entry never overtakes an older one on its way out.
                for entry in islice(live.values(), count, None):
                    if entry.ended_at >= oldest:
                        break
                    count += 1
            if not (count and self._is_kept):
                return
            moved = dict(islice(live.items(), count))
            try:
                # First the document: a number that is in an archive must never be given again.
                self._put(_NUMBERS, _NEXT, self._next)
                await self._document.flush()
            except WinchError:
                return  # it was told already
            try:
                await run_to_end(self._archive.append, list(moved.values()))
            except (OSError, WinchError) as error:
                if not self._is_stuck:
                    log.warning("old history stays where it is: %s", error)
                self._is_stuck = True
                return
            self._is_stuck = False
            for number in moved:
                del live[number]
                self._document.discard(_ENTRIES, str(number))


def _content(tables: Tables) -> _Content:
    entries = {entry.number: entry for entry in tables[_ENTRIES].values()}
    numbers = [number + 1 for number in entries]
    next_number = max([1, tables[_NUMBERS].get(_NEXT, 1), *numbers])
    return _Content(dict(sorted(entries.items())), next_number, dict(tables[_USAGE]))


def _is_plain(entry: HistoryEntry) -> bool:
    """Tell at a glance that nothing of an entry can keep it from being encoded."""
    told = (entry.name, entry.url, entry.host, entry.directory, entry.group, entry.verdict)
    is_text_plain = "".join(filter(None, (*told, entry.error_message))).isascii()
    return is_text_plain and (entry.total_bytes or 0) < _LARGEST and entry.bytes < _LARGEST


def _newest_first(
    entries: Mapping[int, HistoryEntry], damaged: Iterable[str], limit: int | None
) -> History:
    numbers = sorted(entries, reverse=True)[:limit]
    return History(entries=tuple(entries[n] for n in numbers), damaged=tuple(damaged))


def _tell_error(error: WinchError) -> None:
    log.error("the history could not be saved: %s", error.message)


def _tell_recovery() -> None:
    log.info("the history is saved again")
