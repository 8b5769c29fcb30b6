"""What has to be put in order on disk before a download can be fetched again.

A file that a verification found damaged is set aside, never deleted: whoever changed it may want
it back. The directory of a member that was removed meanwhile is made anew, but nothing above the
destination: where that is gone as well, the disk may not be mounted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from core.adapters.files.below import make_again, make_below
from core.adapters.files.destination import set_damaged_aside
from core.domain.errors import NotAllowedError, WinchError
from core.domain.lifecycle import Action
from core.domain.models import DownloadRecord, DownloadRequest, Status
from core.domain.value import replace
from core.engine.downloads.list import DownloadList
from core.policy.collections.members import headers_of, root_of

_HIDDEN = "…"


def is_mendable(download: DownloadRecord) -> bool:
    """Tell whether a finished file is not what it was, and so can be fetched again."""
    return download.status is Status.COMPLETED and download.error is not None


class Mender:
    """Makes ready what is to be fetched again."""

    def __init__(self, downloads: DownloadList) -> None:
        self._downloads = downloads

    async def make_ready(self, chosen: Sequence[DownloadRecord]) -> dict[str, WinchError]:
        """Make directories anew and set damaged files aside; return what hinders which download."""
        hindered = await self._make_directories(chosen)
        for download in chosen:
            if is_mendable(download) and download.id not in hindered:
                try:
                    if _HIDDEN in download.request.url:
                        raise NotAllowedError(
                            "its address had a secret, which was forgotten when it was whole",
                            hint="give the list that names it again, or add its URL again",
                        )
                    aside = await set_damaged_aside(download.request.directory, download.name)
                except WinchError as error:
                    hindered[download.id] = error
                else:
                    if aside is not None and download.id in self._downloads:
                        text = f"the damaged file was set aside as {aside}"
                        self._downloads.note(download.id, text)
        return hindered

    def mend(self, download: DownloadRecord, text: str, **fields: object) -> DownloadRecord:
        """Let a finished download wait to be fetched again; raises NotAllowedError.

        What its completion forgot comes from its collection.
        """
        return self._downloads.step(
            download,
            Action.MEND,
            text,
            request=self._with_headers(download.request),
            part=None,
            left=None,
            completed_at=None,
            resume_verdict=None,
            retry_count=0,
            asked_at=None,
            **fields,
        )

    def _with_headers(self, request: DownloadRequest) -> DownloadRequest:
        collection = self._downloads.collections.get(request.group or "")
        if collection is None or request.headers or not collection.request.headers:
            return request
        return replace(request, headers=headers_of(collection, request.url))

    async def _make_directories(self, chosen: Sequence[DownloadRecord]) -> dict[str, WinchError]:
        wanted: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for download in chosen:
            collection = self._downloads.collections.get(download.request.group or "")
            if collection is None or download.request.origin is None:
                continue
            directory = download.request.directory
            for root in (root_of(collection), collection.directory):
                if directory == root or directory.startswith(root.rstrip("/") + "/"):
                    wanted[root][directory].append(download.id)
                    break
        hindered: dict[str, WinchError] = {}
        for root, directories in wanted.items():
            try:
                await make_again(root)
                wrong = await make_below(root, directories.keys() - {root})
            except WinchError as error:
                wrong = dict.fromkeys(directories, error)
            for directory, why in wrong.items():
                hindered |= dict.fromkeys(directories[directory], why)
        return hindered
