"""Finds downloads: by id or unique prefix, by what they fetch, and in the order of the queue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from core.domain.errors import AmbiguousIdError, UnknownIdError, UsageError
from core.domain.events import as_told
from core.domain.models import Download, DownloadRecord
from core.domain.service import MoveTo

SHORT = 8
"""Characters of an id that are shown; no two downloads share them."""


class DownloadIndex:
    """The `downloads`, by id; what is in them at first is to be taken up."""

    def __init__(self, downloads: dict[str, DownloadRecord]) -> None:
        self._downloads = downloads
        self._prefixes: dict[str, str] = {}
        self._by_url: dict[str, str | tuple[str, ...]] = {}
        """Who fetches a URL: an id, and a tuple only of several, as there may be very many."""
        self._by_group: dict[str, dict[str, None]] = {}
        self._last = 0.0
        self._order: list[str] | None = None
        """The ids in the order of the queue, None where it may be another by now."""
        self._in_order: tuple[DownloadRecord, ...] | None = None
        self._told_in_order: tuple[Download, ...] | None = None

    def __len__(self) -> int:
        return len(self._downloads)

    def __iter__(self) -> Iterator[DownloadRecord]:
        return iter(self._downloads.values())

    def __contains__(self, download_id: str) -> bool:
        """Tell whether a whole id is known."""
        return download_id in self._downloads

    def __getitem__(self, download_id: str) -> DownloadRecord:
        """Return the download with a whole id."""
        return self._downloads[download_id]

    def _put(self, download: DownloadRecord) -> None:
        before = self._downloads.get(download.id)
        self._downloads[download.id] = download
        self._in_order = self._told_in_order = None
        if before is None:
            self._take_up(download)
            return
        if before.sort_key != download.sort_key:
            self._order = None
        if before.request is not download.request:
            if before.request.url != download.request.url:
                self._drop_url(before)
                self._join_url(download)
            if before.request.group != download.request.group:
                self._drop_group(before)
                self._join_group(download)
        self._last = max(self._last, download.order)

    def _take_up(self, download: DownloadRecord) -> None:
        self._order = self._in_order = self._told_in_order = None
        self._prefixes[download.id[:SHORT]] = download.id
        self._join_url(download)
        self._join_group(download)
        self._last = max(self._last, download.order)

    def _discard(self, download_id: str) -> None:
        self._order = self._in_order = self._told_in_order = None
        download = self._downloads.pop(download_id)
        del self._prefixes[download_id[:SHORT]]
        self._drop_url(download)
        self._drop_group(download)

    def is_free(self, download_id: str) -> bool:
        """Tell whether a new download may have this id and its short form."""
        return download_id[:SHORT] not in self._prefixes

    def ordered(self) -> list[DownloadRecord]:
        """Return all in the order in which they are worked off."""
        return list(self.in_order())

    def in_order(self) -> tuple[DownloadRecord, ...]:
        """Return the same without a list of one's own: until one changes, all have the same."""
        found = self._downloads
        if self._order is None or len(self._order) != len(found):
            self._order = sorted(found, key=lambda id_: found[id_].sort_key)
            self._in_order = self._told_in_order = None
        if self._in_order is None:
            self._in_order = tuple([found[id_] for id_ in self._order])
        return self._in_order

    def told_in_order(self) -> tuple[Download, ...]:
        """Return all as events tell them; likewise."""
        if self._told_in_order is None:
            self._told_in_order = tuple(map(as_told, self.in_order()))
        return self._told_in_order

    def next_order(self) -> float:
        """Return the place behind all others."""
        return self._last + 1.0

    def resolve(self, ids: Sequence[str]) -> list[DownloadRecord]:
        """Return the downloads that ids or unique prefixes name, each once, in that order.

        Raises UnknownIdError, AmbiguousIdError.
        """
        short = self._starting_with({id_ for id_ in ids if len(id_) < SHORT})
        found = (self._find(id_, short) for id_ in ids)
        return list({download.id: download for download in found}.values())

    def current(self, ids: Iterable[str]) -> list[DownloadRecord]:
        """Return those of these downloads that are still here, as they are by now."""
        return [self._downloads[id_] for id_ in ids if id_ in self._downloads]

    def members(self, group: str) -> list[DownloadRecord]:
        """Return the downloads of a group, in the order in which they came."""
        return [self._downloads[id_] for id_ in self._by_group.get(group, ())]

    def same(self, *, url: str, directory: str, name: str | None) -> list[DownloadRecord]:
        """Return the downloads of this URL to this directory (and name, if one is given)."""
        found = [self._downloads[id_] for id_ in self._ids_of(url)]
        there = [d for d in found if d.request.directory == directory]
        return [d for d in there if name is None or name in (d.request.name, d.name)]

    def place(self, moved: Sequence[DownloadRecord], to: MoveTo | int) -> list[DownloadRecord]:
        """Return the downloads whose place changes when `moved` go elsewhere, with their places.

        Only downloads of the same priority are passed by: priority goes before the order. Raises
        UsageError for a position below 1.
        """
        if isinstance(to, int) and to < 1:
            raise UsageError("a position in the queue is 1 or more", hint="1 is the front")
        changed: list[DownloadRecord] = []
        for priority in sorted({d.request.priority for d in moved}):
            ids = {d.id for d in moved if d.request.priority == priority}
            peers = [d for d in self.ordered() if d.request.priority == priority]
            target = to
            if isinstance(target, int):
                target -= sum(d.request.priority > priority for d in self)
            wanted = _arrange(peers, ids, target)
            changed += [
                download.replace(order=peer.order)
                for download, peer in zip(wanted, peers, strict=True)
                if download.id != peer.id
            ]
        return changed

    def _ids_of(self, url: str) -> tuple[str, ...]:
        ids = self._by_url.get(url, ())
        return (ids,) if isinstance(ids, str) else ids

    def _join_url(self, download: DownloadRecord) -> None:
        url = download.request.url
        ids = self._ids_of(url)
        self._by_url[url] = (*ids, download.id) if ids else download.id

    def _drop_url(self, download: DownloadRecord) -> None:
        url = download.request.url
        ids = tuple(id_ for id_ in self._ids_of(url) if id_ != download.id)
        if ids:
            self._by_url[url] = ids if len(ids) > 1 else ids[0]
        else:
            del self._by_url[url]

    def _join_group(self, download: DownloadRecord) -> None:
        if download.request.group is not None:
            self._by_group.setdefault(download.request.group, {})[download.id] = None

    def _drop_group(self, download: DownloadRecord) -> None:
        if (group := download.request.group) is None:
            return
        ids = self._by_group[group]
        del ids[download.id]
        if not ids:
            del self._by_group[group]

    def _starting_with(self, prefixes: set[str]) -> dict[str, list[str]]:
        """Return the ids that start with each: one look at all of them, however many are asked."""
        found: dict[str, list[str]] = {prefix: [] for prefix in prefixes if prefix}
        for length in {len(prefix) for prefix in found}:
            for id_ in [id_ for id_ in self._downloads if id_[:length] in found]:
                found[id_[:length]].append(id_)
        return found

    def _find(self, prefix: str, short: Mapping[str, list[str]]) -> DownloadRecord:
        if (download := self._downloads.get(prefix)) is not None:
            return download
        if len(prefix) >= SHORT:
            id_ = self._prefixes.get(prefix[:SHORT], "")
            matches = [id_] if id_.startswith(prefix) else []
        else:
            matches = short.get(prefix, [])
        if not matches:
            raise UnknownIdError(f"no download has the id '{prefix}'", hint="see `winch ls`")
        if len(matches) > 1:
            raise AmbiguousIdError(
                f"{len(matches)} downloads have an id that starts with '{prefix}'",
                hint="give more of its characters",
            )
        return self._downloads[matches[0]]


def _arrange(peers: list[DownloadRecord], ids: set[str], to: MoveTo | int) -> list[DownloadRecord]:
    moved = [d for d in peers if d.id in ids]
    rest = [d for d in peers if d.id not in ids]
    if to is MoveTo.UP or to is MoveTo.DOWN:
        return _step(peers, ids, down=to is MoveTo.DOWN)
    if to is MoveTo.BOTTOM:
        at = len(rest)
    elif to is MoveTo.TOP:
        at = 0
    else:
        at = min(max(to - 1, 0), len(rest))
    return rest[:at] + moved + rest[at:]


def _step(peers: list[DownloadRecord], ids: set[str], *, down: bool) -> list[DownloadRecord]:
    """Let each of `ids` pass one neighbour that is not among them."""
    row = peers[::-1] if down else list(peers)
    for index in range(1, len(row)):
        if row[index].id in ids and row[index - 1].id not in ids:
            row[index - 1], row[index] = row[index], row[index - 1]
    return row[::-1] if down else row
