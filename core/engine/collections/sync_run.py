"""A source read again: what is new joins, what changed or was damaged is fetched again.

What a person may rely on:
- What is found is acted on as it is found, portion by portion: a kill in between leaves a list that
  the next sync completes. Only what vanished waits for the end, because only that tells.
- The old file stays until the new one is proved. One that somebody changed here is no longer
  winch's to replace: it is set aside as `NAME.mismatch`, and its name is free for the right one.
- A member that failed is tried again only where its source names another file or address for it;
  `retry` tries the others. One that was given up or paused stays so.
- A member that failed, has no file and is named no longer leaves; the others stay and are told.
- Nothing is deleted unless that was asked for, and then only what is as winch left it, after a
  reading that came to its end, named something, and refused nothing that it had not refused
  before: that may be what seems to have vanished.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from core.adapters.files.destination import check_directory
from core.adapters.system.clock import Clock
from core.domain.collections import (
    MOST_PLANNED,
    MOST_REFUSED,
    MOST_VANISHED,
    CollectionRecord,
    SyncOptions,
    SyncPlan,
)
from core.domain.entries import Entry, Refused
from core.domain.errors import UsageError, WinchError
from core.domain.models import DownloadRequest, Status, Validator
from core.domain.redact import redact_url
from core.domain.value import replace
from core.engine.collections.collector import MOST_ENTRIES, Collector
from core.engine.collections.comparison import Compared, Comparison, Pair
from core.engine.collections.members import place_of, refused_as
from core.engine.collections.reading import Reading
from core.engine.collections.refetch import Refetch, Refetcher
from core.engine.collections.together import gathers_in
from core.engine.collections.vanished import VanishedMembers
from core.engine.collections.versions import VersionCheck
from core.engine.downloads.list import DownloadList
from core.engine.requests.remove import Remover
from core.policy.collections.members import in_its_place, member_place, member_request, root_of
from core.policy.collections.sync_plan import Found, brought_up_to_date

_AT_ONCE = 2000
"""Members that are looked at in one turn of the loop."""
_ENTRIES_AT_ONCE = 100
"""Entries, each of which takes longer."""
T = TypeVar("T")


class _Some(Generic[T]):
    """The first of very many, and how many there are."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.count = 0
        self.first: list[T] = []

    def add(self, item: T) -> None:
        self.count += 1
        if len(self.first) < self._most:
            self.first.append(item)


@dataclass(frozen=True, slots=True)
class SyncHands:
    """Those who do what a comparison comes to."""

    downloads: DownloadList
    collector: Collector
    refetcher: Refetcher
    remover: Remover
    clock: Clock


class SyncRun:
    """One comparison of one collection, from its first portion to what vanished."""

    def __init__(
        self,
        hands: SyncHands,
        name: str,
        options: SyncOptions,
        reading: Reading,
        versions: VersionCheck,
    ) -> None:
        self._hands = hands
        self._downloads = hands.downloads
        self._reading = reading
        self._versions = versions
        self._comparison = Comparison(versions)
        self._name = name
        self._options = options
        self._known: dict[str, str] = {}
        """The ids of members by where they are to lie."""
        self._members: set[str] = set()
        self._unseen: dict[str, None] = {}
        self._new_places: set[str] = set()
        self._entries = 0
        self._refused = _Some[Refused](MOST_REFUSED)
        """What the source names and nobody can fetch."""
        self._hindered = _Some[Refused](MOST_REFUSED)
        """What of its members could not be compared, replaced or deleted."""
        self._doubtful = 0
        self._paths = {found: _Some[str](MOST_PLANNED) for found in Found}
        self._new = _Some[str](MOST_PLANNED)
        self._deleted = _Some[str](MOST_PLANNED)
        self._failed = 0

    async def run(self) -> SyncPlan:
        """Compare; raises what the reading of the source raises, and UnknownIdError."""
        collection = self._downloads.collection(self._name)
        # A disk that is not mounted has lost nothing.
        await check_directory(root_of(collection))
        for number, download in enumerate(self._downloads.members(self._name), start=1):
            if number % _AT_ONCE == 0:
                await asyncio.sleep(0)
            self._members.add(download.id)
            self._unseen[download.id] = None
            if download.request.name is not None:
                self._known[member_place(collection, download.request)] = download.id
        before = {(each.where, each.reason) for each in collection.refused if not each.doubtful}
        self._hands.collector.begin_again(self._name)
        try:
            async with aclosing(self._reading.portions()) as portions:
                async for entries, refused in portions:
                    for each in refused:
                        self._refuse(each, before)
                    await self._take(entries)
                    if self._entries + self._refused.count > MOST_ENTRIES:
                        raise UsageError(f"the source names more than {MOST_ENTRIES:,} files")
        finally:
            self._hands.collector.begin_again(self._name)
        return await self._end(list(self._unseen))

    # -- what is named ----------------------------------------------------------------------------

    def _refuse(self, refused: Refused, before: set[tuple[str, str]]) -> None:
        """Take in that the source names what nobody can fetch: it may be a member of long ago."""
        id_ = self._known.get(refused.where)
        is_doubtful = id_ is None and (refused.where, refused.reason) not in before
        self._unseen.pop(id_ or "", None)
        self._doubtful += is_doubtful
        self._refused.add(replace(refused, doubtful=is_doubtful))

    async def _take(self, entries: Sequence[Entry]) -> None:
        collection = self._downloads.collection(self._name)
        new: list[tuple[str, Entry]] = []
        pairs: list[Pair] = []
        for number, entry in enumerate(entries, start=1):
            if number % _ENTRIES_AT_ONCE == 0:
                await asyncio.sleep(0)
            try:
                wanted = member_request(collection, entry)
            except WinchError as error:
                self._refused.add(refused_as(place_of(entry), error))
                self._unseen.pop(self._known.get(entry.path or "", ""), None)
                continue
            place = member_place(collection, wanted)
            if (id_ := self._member(place, wanted)) is None:
                if place not in self._new_places:
                    self._new_places.add(place)
                    new.append((place, entry))
            elif id_ in self._unseen:
                del self._unseen[id_]
                pairs += [Pair(wanted, member) for member in self._downloads.current([id_])]
        self._entries += len(new) + len(pairs)
        await self._join(new)
        # Before the looks: what is changed while others are hashed is not as it was looked at.
        looked_at = self._hands.clock.now()
        await self._act(collection, await self._comparison.compare(pairs), looked_at)

    def _member(self, place: str, wanted: DownloadRequest) -> str | None:
        """Return the member that an entry became, None where it is new.

        Where one of them names no path it is known by its address, which a member that is whole has
        without its secrets.
        """
        if wanted.name is not None and place in self._known:
            return self._known[place]
        for url in (wanted.url, redact_url(wanted.url)):
            same = self._downloads.same(url=url, directory=wanted.directory, name=wanted.name)
            if found := [download.id for download in same if download.id in self._members]:
                return found[0]
        return None

    async def _join(self, new: Sequence[tuple[str, Entry]]) -> None:
        if not new:
            return
        collector, entries = self._hands.collector, [entry for _, entry in new]
        if self._options.dry_run:
            refused = await collector.would_refuse(self._name, entries)
        else:
            refused = await collector.join(self._name, entries)
        wrong = {each.where for each in refused}
        for each in refused:
            self._refused.add(each)
        self._entries -= len(refused)
        for place, entry in new:
            if place_of(entry) not in wrong:
                self._new.add(place)

    async def _act(
        self, collection: CollectionRecord, compared: Sequence[Compared], looked_at: datetime
    ) -> None:
        again: list[Refetch] = []
        for each in compared:
            member, finding = each.pair.member, each.finding
            path = collection.path_of(member)
            if isinstance(finding, WinchError):
                self._hinder(path, finding)
                continue
            self._paths[finding.found].add(path)
            if finding.found is not Found.UNCHANGED:
                again.append(
                    Refetch(
                        id=member.id,
                        status=member.status,
                        request=each.pair.wanted,
                        reason=finding.reason,
                        is_own=finding.is_own,
                        looked_at=looked_at,
                    )
                )
                continue
            self._failed += member.status in (Status.FAILED, Status.CANCELLED)
            if not self._options.dry_run:
                self._keep(each)
        if again:
            await self._fetch(again)

    async def _fetch(self, again: Sequence[Refetch]) -> None:
        collection, refetcher = self._downloads.collection(self._name), self._hands.refetcher
        if self._options.dry_run:
            hindered = await refetcher.would_hinder(root_of(collection), again)
        else:
            if collection.together and not collection.is_hidden:
                # The others have their names: what takes the place of some gathers until it is all.
                collection = self._downloads.put_collection(await gathers_in(collection))
            placed = [
                replace(each, request=in_its_place(collection, each.request)) for each in again
            ]
            hindered = await refetcher.refetch(root_of(collection), placed)
        for download in self._downloads.current(hindered):
            self._hinder(collection.path_of(download), hindered[download.id])

    def _keep(self, compared: Compared) -> None:
        """Remember of an unchanged member what its source says now, and what was proved of it."""
        finding, file, before = compared.finding, compared.file, compared.pair.member
        for member in self._downloads.current([before.id]):
            if member.status is not before.status or isinstance(finding, WinchError):
                return
            fields: dict[str, object] = {}
            if (request := brought_up_to_date(compared.pair.wanted, member)) != member.request:
                fields["request"] = request
            if member.status is Status.COMPLETED and member.error is not None:
                fields["error"] = None
            if finding.proved is not None and file is not None and not file.is_link:
                fields |= {"left": file.stamp, "total_bytes": file.size, "digest": finding.proved}
            known = member.validator or Validator()
            if compared.answer is not None and known.etag is known.last_modified is None:
                # Nobody knew which version it is, as where a kill came in between: this one.
                fields["validator"] = compared.answer.validator
            if fields:
                self._downloads.update(member, **fields)

    def _hinder(self, path: str, error: WinchError) -> None:
        self._hindered.add(Refused(where=path, reason=error.message, code=error.code))

    # -- what is named no longer ------------------------------------------------------------------

    async def _end(self, vanished: list[str]) -> SyncPlan:
        members = VanishedMembers(
            self._downloads,
            self._hands.remover,
            self._downloads.collection(self._name),
            vanished,
            dry_run=self._options.dry_run,
        )
        paths = await members.paths()
        doubt, left = self._why_not(), paths
        withheld = doubt if self._options.delete_extra and paths else ""
        if not doubt and self._options.delete_extra:
            await members.delete(self._deleted.add, self._hindered.add)
            left = []
        elif not doubt:
            gone = await members.let_go()
            left = [path for path in paths if path not in gone]
        if not self._options.dry_run:
            await self._write_down(left)
        found = self._paths
        refused = [*self._hindered.first, *self._refused.first][:MOST_REFUSED]
        return SyncPlan(
            new=tuple(self._new.first),
            changed=tuple(found[Found.CHANGED].first),
            damaged=tuple(found[Found.DAMAGED].first),
            vanished=tuple(paths[:MOST_PLANNED]),
            deleted=tuple(self._deleted.first),
            refused=tuple(refused),
            counts={
                "new": self._new.count,
                "changed": found[Found.CHANGED].count,
                "damaged": found[Found.DAMAGED].count,
                "vanished": len(paths),
                "deleted": self._deleted.count,
                "refused": self._hindered.count + self._refused.count,
                "failed": self._failed,
            },
            unchanged=found[Found.UNCHANGED].count,
            requests=self._reading.requests + self._versions.requests,
            withheld=withheld,
        )

    def _why_not(self) -> str:
        """Return why nothing is deleted that seems to have vanished, "" where it may be."""
        if not self._entries:
            return "its source names not one file, which is hardly meant"
        if self._doubtful:
            what = "1 entry" if self._doubtful == 1 else f"{self._doubtful:,} entries"
            return f"{what} of its source cannot be read, and may be what seems to have vanished"
        if not self._reading.has_proved_ends:
            return "its server does not say how long its source is, so that may have been cut"
        return ""

    async def _write_down(self, left: list[str]) -> None:
        """Store how the reading ended, with the paths of members that it named no longer."""
        collection = self._downloads.collection(self._name)
        # Where all members were named, what is refused is none of them.
        refused = [
            replace(each, doubtful=each.doubtful and bool(left)) for each in self._refused.first
        ]
        self._downloads.put_collection(
            replace(
                collection,
                entries=self._entries,
                refused=tuple(refused),
                refused_count=self._refused.count,
                vanished=tuple(left[:MOST_VANISHED]),
                vanished_count=len(left),
                read_at=self._hands.clock.now(),
                read_error=None,
            )
        )
        await self._downloads.flush()
        self._hands.collector.tell_read(self._name)
