"""Why files of a collection are bad or missing, each cause with one of its files as an example."""

from __future__ import annotations

from core.domain.collections import Collection
from core.domain.errors import ErrorCode
from core.domain.models import Status
from tui.model.collection_sums import CauseKey
from tui.model.filters import quote
from tui.model.store import DownloadStore
from tui.text.collection_page import Failing
from tui.text.vocabulary import STATES


def failing(store: DownloadStore, collection: Collection) -> list[Failing]:
    """Return the causes; costs a step for each of them, however many files they have."""
    found = []
    for cause, ids in store.members(collection.name).lacking.items():
        download = store.download(next(iter(ids)))
        found.append(
            Failing(
                code=cause.code,
                status=cause.status,
                count=len(ids),
                example=collection.path_of(download),
                error=download.error,
            )
        )
    return found


def failing_filter(collection: str, cause: CauseKey) -> str:
    """Return the filter that shows the files of a collection which have a cause."""
    words = [f"collection:{quote(collection)}"]
    if cause.code == Status.CANCELLED:
        return " ".join([*words, f"status:{STATES[Status.CANCELLED]}"])
    words.append(f"status:{STATES[Status.FAILED]},{STATES[Status.COMPLETED]}")
    words.append(f"error:{quote(cause.code)}")
    if cause.code == ErrorCode.HTTP_STATUS and cause.status is not None:
        words.append(f"error:{cause.status}")
    return " ".join(words)
