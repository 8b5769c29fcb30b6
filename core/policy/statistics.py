"""What many attempts add up to: the figures of a period beside those of the period before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from core.domain.history import HistoryEntry, Statistics


def statistics(
    entries: Iterable[HistoryEntry],
    usage: Mapping[str, tuple[float, int]],
    *,
    now: datetime,
    days: int,
) -> Statistics:
    """Return the figures of the `days` days up to `now`, an aware local time.

    `usage` is CPU seconds and peak memory (bytes) by day, `YYYY-MM-DD`.
    """
    raise NotImplementedError
