"""Entries become members: each has a place of its own, and what is a member already stays it.

What a reading has to remember of what it has seen is kept only as long as it lasts.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence, Set

from core.adapters.files.below import check_below, folds_case, make_below
from core.domain.bounds import cut
from core.domain.collections import MOST_REFUSED, Collection, CollectionRecord
from core.domain.entries import Entry, Refused
from core.domain.errors import UsageError, WinchError
from core.domain.models import DownloadRecord, DownloadRequest, Status
from core.domain.outcomes import AddedPortion
from core.domain.redact import redact_url
from core.domain.value import Value, replace
from core.engine.collections.together import gathers_in
from core.engine.downloads.list import DownloadList
from core.engine.requests.add import Adder
from core.policy.collections.members import gathered, member_request, root_of
from core.policy.collections.places import Places

_AT_ONCE = 2000
"""Members that are looked at in one turn of the loop."""
_NEW = "\0"
"""Begins the mark of what a portion is about to add: no id does."""


class TakenIn(Value, frozen=True):
    """What became of entries: members, new ones among them, and those that cannot be fetched."""

    added: AddedPortion
    refused: tuple[Refused, ...]


class _Reading:
    """What one reading has to remember: the places that are taken, and the directories made."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.made: set[str] = set()


class MemberMaker:
    """Makes members of the entries of collections."""

    def __init__(self, downloads: DownloadList, adder: Adder) -> None:
        self._downloads = downloads
        self._adder = adder
        self._readings: dict[str, _Reading] = {}

    def forget(self, name: str) -> None:
        """End a reading: what was remembered for it goes."""
        self._readings.pop(name, None)

    async def take_in(
        self,
        name: str,
        entries: Sequence[Entry],
        refused: Sequence[Refused],
        *,
        more: bool,
        counted: bool = True,
    ) -> TakenIn:
        """Make members of a portion, and refused ones of those that cannot be fetched.

        Unless `counted`, whoever reads writes down himself how many there are, at his end.
        """
        collection = self._downloads.collection(name)
        if (reading := self._readings.get(name)) is None:
            reading = self._readings[name] = await self._begin(collection)
        check = self._adder.check_schemes
        portion = _Portion(self._downloads, collection, reading, refused, check)
        try:
            added = await self._take_in(collection, portion, reading, entries, more=more)
        except BaseException:
            self.forget(name)  # it takes for known what did not come to be
            raise
        if counted:
            # It may have gone meanwhile, or been changed.
            collection = self._downloads.collection(name)
            self._downloads.put_collection(
                replace(
                    collection,
                    entries=collection.entries + len(portion.known) + len(added.ids),
                    refused=(*collection.refused, *portion.refused)[:MOST_REFUSED],
                    refused_count=collection.refused_count + len(portion.refused),
                )
            )
        taken = AddedPortion(ids=(*portion.known, *added.ids), new=added.new)
        return TakenIn(taken, tuple(portion.refused))

    async def _take_in(
        self,
        collection: CollectionRecord,
        portion: _Portion,
        reading: _Reading,
        entries: Sequence[Entry],
        *,
        more: bool,
    ) -> AddedPortion:
        for entry in entries:
            portion.take(entry)
        if collection.together and not collection.is_hidden and portion.requests:
            collection = self._downloads.put_collection(await gathers_in(collection))
            portion.gather(collection)
        root = root_of(collection)
        missing = portion.directories - reading.made - {root}
        owned = await self._own_state(collection, missing)
        portion.refuse_below(owned)
        missing -= owned.keys()
        wrong = await make_below(root, missing)
        reading.made |= missing - wrong.keys()
        portion.refuse_below(wrong)
        added = await self._adder.add_members([r for r, _ in portion.requests], more=more)
        portion.settle(added.ids)
        return added

    async def would_refuse(self, name: str, entries: Sequence[Entry]) -> tuple[Refused, ...]:
        """Return what `take_in` would refuse of new entries; nothing is made or changed.

        Whether the file system folds case nobody tries then, and each is taken for one that does
        not.
        """
        collection = self._downloads.collection(name)
        if (reading := self._readings.get(name)) is None:
            reading = self._readings[name] = await self._begin(collection, folds=False)
        portion = _Portion(self._downloads, collection, reading, (), self._adder.check_schemes)
        for entry in entries:
            portion.take(entry)
        root = root_of(collection)
        portion.refuse_below(await self._own_state(collection, portion.directories - {root}))
        portion.refuse_below(await check_below(root, portion.directories - {root}))
        return tuple(portion.refused)

    async def _own_state(
        self, collection: CollectionRecord, directories: Set[str]
    ) -> dict[str, WinchError]:
        """Return which directories would get their names within winch's own state."""
        finals = {directory: collection.final(directory) for directory in directories}
        wrong = await self._adder.own_state(collection.directory, finals.values())
        return {d: wrong[final] for d, final in finals.items() if final in wrong}

    async def _begin(self, collection: Collection, *, folds: bool | None = None) -> _Reading:
        """Begin a reading with the places that members have already, also those of neighbours.

        `folds` None has the file system say whether it folds case.
        """
        if folds is None:
            folds = await folds_case(root_of(collection))
        places = Places(folds=folds)
        count = 0
        for other in list(self._downloads.collections.values()):
            if not _overlap(other.directory, collection.directory):
                continue
            for download in self._downloads.members(other.name):
                if (path := _path(other, download.request)) is None:
                    continue
                try:
                    places.claim(*path, download.id)
                except UsageError:
                    continue  # it is in the list, whatever is to be said of its place
                count += 1
                if count % _AT_ONCE == 0:
                    await asyncio.sleep(0)
        return _Reading(places)


class _Portion:
    """Entries that are taken in at once: `requests` of new ones, with where these stand."""

    def __init__(
        self,
        downloads: DownloadList,
        collection: CollectionRecord,
        reading: _Reading,
        refused: Sequence[Refused],
        check: Callable[[DownloadRequest], None],
    ) -> None:
        self._downloads = downloads
        self._collection = collection
        self._reading = reading
        self._check = check
        self.requests: list[tuple[DownloadRequest, str]] = []
        self.known: list[str] = []
        self.refused = list(refused)

    @property
    def directories(self) -> set[str]:
        return {request.directory for request, _ in self.requests}

    def take(self, entry: Entry) -> None:
        """Make a request of an entry, or find the member that it is."""
        where = place_of(entry)
        try:
            request = member_request(self._collection, entry)
            self._check(request)
            if request.name is None or not self._is_known(request):
                self.requests.append((request, where))
        except WinchError as error:
            self.refused.append(refused_as(where, error))

    def gather(self, collection: CollectionRecord) -> None:
        """Let what is new gather out of sight first: the others have their names already."""
        self._collection = collection
        self.requests = [(gathered(collection, r), where) for r, where in self.requests]

    def refuse_below(self, wrong: dict[str, WinchError]) -> None:
        """Refuse what is to lie in a directory that could not be made."""
        if not wrong:
            return
        good = []
        for request, where in self.requests:
            if (error := wrong.get(request.directory)) is None:
                good.append((request, where))
                continue
            self.refused.append(refused_as(where, error))
            if (path := _path(self._collection, request)) is not None:
                self._reading.places.release(*path)
        self.requests = good

    def settle(self, ids: Sequence[str]) -> None:
        """Take in which downloads the requests have become."""
        for (request, where), id_ in zip(self.requests, ids, strict=True):
            if (path := _path(self._collection, request)) is not None:
                self._reading.places.settle(*path, id_)
            found = self._downloads.current([id_])
            if found and found[0].request.group != self._collection.name:
                self.refused.append(refused_as(where, self._another(request, found[0])))

    def _is_known(self, request: DownloadRequest) -> bool:
        """Tell whether a request is that of a member; raises UsageError where it cannot be one.

        What is new gets its place.
        """
        places, final = self._reading.places, self._collection.final(request.directory)
        assert request.name is not None
        owner = places.owner(final, request.name)
        if owner is not None and owner.startswith(_NEW):
            first = self.requests[int(owner[1:])][0]
            _check_same(self._collection, first, request)
            return True
        found = self._downloads.current([owner]) if owner is not None else []
        if not found:
            places.claim(final, request.name, f"{_NEW}{len(self.requests)}")
            return False
        (member,) = found
        if member.request.group != self._collection.name:
            raise self._another(request, member)
        _check_same(self._collection, member.request, request)
        self._refresh(member, request)
        self.known.append(member.id)
        return True

    def _another(self, request: DownloadRequest, member: DownloadRecord) -> UsageError:
        """Say that what a request is for belongs to another collection."""
        place = _path(self._collection, request)
        path = member.name if place is None else self._collection.path_below("/".join(place))
        return UsageError(
            f"'{cut(path, 120)}' belongs to '{member.request.group}' already, which has the same"
            " directory",
            hint="choose another directory with -d",
        )

    def _refresh(self, member: DownloadRecord, request: DownloadRequest) -> None:
        """Take over what the source says by now of a member that is not whole: how to fetch it."""
        if member.status is Status.COMPLETED and member.error is None:
            return
        now = replace(
            member.request,
            url=request.url,
            headers=request.headers,
            mirrors=request.mirrors,
            checksum=request.checksum or member.request.checksum,
            # Unless somebody names a rule, one that replaces an older file of its own still does.
            conflict=self._collection.request.conflict or member.request.conflict,
            origin=request.origin,
        )
        if now != member.request:
            self._downloads.update(member, request=now)


def place_of(entry: Entry) -> str:
    """Return how a person finds an entry in its source."""
    return entry.where or entry.path or entry.url


def refused_as(where: str, error: WinchError) -> Refused:
    """Return what is said of an entry that cannot be fetched."""
    return Refused(where=where, reason=error.message, code=error.code)


def _check_same(collection: Collection, before: DownloadRequest, request: DownloadRequest) -> None:
    """Raise UsageError where a path that is known comes in another spelling or with another URL."""
    root = collection.directory.rstrip("/") + "/"
    one, other = (
        f"{collection.final(each.directory)}/{each.name}".removeprefix(root)
        for each in (before, request)
    )
    if one != other:
        raise UsageError(
            f"'{cut(other, 120)}' and '{cut(one, 120)}' are one name where they are to be stored",
            hint="that file system does not tell them apart: choose another with -d",
        )
    if request.url != before.url and redact_url(request.url) != redact_url(before.url):
        raise UsageError(
            f"'{request.name}' is named already, with another address",
            hint="`winch sync` takes over what a source says anew; a list names a path once",
        )


def _path(collection: Collection, request: DownloadRequest) -> tuple[str, str] | None:
    """Return the directory and name that a member is to have, None where a server decides that."""
    return None if request.name is None else (collection.final(request.directory), request.name)


def _overlap(one: str, other: str) -> bool:
    a, b = one.rstrip("/") + "/", other.rstrip("/") + "/"
    return a.startswith(b) or b.startswith(a)
