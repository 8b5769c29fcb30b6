"""The sums of a collection over all its members, kept up change by change: verdicts and causes."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from core.domain.collections import Verdict, verdict_of
from core.domain.models import Download, Progress
from tui.model.running_sums import RunningSums


class CauseKey(NamedTuple):
    """Why a file is bad or missing: the code of its error, and what the server answered, if it did.

    One that was given up has no error: its code is "cancelled".
    """

    code: str
    status: int | None = None


class CollectionSums(RunningSums):
    """Sums over members, which enter and leave one by one, whatever of them is shown."""

    def __init__(self) -> None:
        super().__init__()
        self.verdicts: Counter[Verdict] = Counter()
        self.lacking: dict[CauseKey, dict[str, None]] = {}
        """The ids of the members that are bad or missing by their cause, the latest last."""

    def add(self, download: Download, progress: Progress, sign: int = 1) -> None:
        """Put a member into the sums (1) or take it out (-1)."""
        super().add(download, progress, sign)
        verdict = verdict_of(download)
        self.verdicts[verdict] += sign
        if verdict is Verdict.BAD or verdict is Verdict.MISSING:
            cause = cause_of(download)
            ids = self.lacking.setdefault(cause, {})
            if sign > 0:
                ids[download.id] = None
            else:
                del ids[download.id]
            if not ids:
                del self.lacking[cause]

    @property
    def members(self) -> int:
        """How many there are."""
        return self.verdicts.total()


def cause_of(download: Download) -> CauseKey:
    """Return why a member is bad or missing."""
    error = download.error
    return CauseKey(download.status.value) if error is None else CauseKey(error.code, error.status)
