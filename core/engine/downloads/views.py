"""A long list as it is handed out: each download is put together only when it is looked at.

Whoever asks for a hundred thousand downloads and takes long to read them holds their records, which
are there anyway, and not a second list of what would be told of each.
"""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, Mapping, Sequence
from typing import overload

from core.domain.models import Download, DownloadRecord, DownloadView, Progress


class Views(Sequence[DownloadView]):
    """Downloads with their places and how far they are; equal to a list of the same views."""

    def __init__(
        self, downloads: Sequence[DownloadRecord], progress: Callable[[Download], Progress]
    ) -> None:
        self._downloads = downloads
        self._progress = progress

    def __len__(self) -> int:
        return len(self._downloads)

    @overload
    def __getitem__(self, index: int) -> DownloadView: ...

    @overload
    def __getitem__(self, index: slice) -> list[DownloadView]: ...

    def __getitem__(self, index: int | slice) -> DownloadView | list[DownloadView]:
        places = range(len(self._downloads))[index]
        if isinstance(places, range):
            return [self._view(place) for place in places]
        return self._view(places)

    def __iter__(self) -> Iterator[DownloadView]:
        return map(self._view, range(len(self._downloads)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def _view(self, place: int) -> DownloadView:
        download = self._downloads[place]
        progress = self._progress(download)
        return DownloadView(download=download, progress=progress, position=place + 1)


class ProgressOf(Mapping[str, Progress]):
    """How far downloads are, by their ids; found by them in a table made at the first question."""

    def __init__(
        self, downloads: Sequence[Download], progress: Callable[[Download], Progress]
    ) -> None:
        self._downloads = downloads
        self._progress = progress
        self._by_id: dict[str, Download] | None = None

    def __len__(self) -> int:
        return len(self._downloads)

    def __iter__(self) -> Iterator[str]:
        return (download.id for download in self._downloads)

    def __getitem__(self, download_id: str) -> Progress:
        if self._by_id is None:
            self._by_id = {download.id: download for download in self._downloads}
        return self._progress(self._by_id[download_id])

    def items(self) -> ItemsView[str, Progress]:
        return _Items(self)

    def in_order(self) -> Iterator[tuple[str, Progress]]:
        """Give all of them without a table."""
        return ((download.id, self._progress(download)) for download in self._downloads)


class _Items(ItemsView[str, Progress]):
    _mapping: ProgressOf

    def __iter__(self) -> Iterator[tuple[str, Progress]]:
        return self._mapping.in_order()
