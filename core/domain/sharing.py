"""Equal parts of many records made one: read from a file, each would have its own.

What is added together begins its timeline at one moment, and most records say the same of
themselves: a list of 100,000 takes a fifth less room for it.
"""

from __future__ import annotations

import sys
from datetime import datetime

from core.domain.models import DownloadRecord, TimelineEntry

_REMEMBERED = 1000
"""Entries of timelines that are looked for again: those of the last few moments."""


class Sharing:
    """Returns records as they are, with what those before them had already in the place of equals.

    Records that were stored one after the other have most in common.
    """

    def __init__(self) -> None:
        self._entries: dict[TimelineEntry, TimelineEntry] = {}
        self._timeline: tuple[TimelineEntry, ...] = ()

    def __call__(self, record: DownloadRecord) -> DownloadRecord:
        timeline = self._timeline = self._shared(record.timeline)
        created_at, updated_at = record.created_at, record.updated_at
        if updated_at == created_at:
            updated_at = created_at
        elif timeline and updated_at == timeline[-1].at:
            updated_at = timeline[-1].at
        verdict = record.resume_verdict
        return record.replace(
            timeline=timeline,
            updated_at=updated_at,
            started_at=_among(timeline, record.started_at),
            completed_at=_among(timeline, record.completed_at),
            resume_verdict=None if verdict is None else sys.intern(verdict),
        )

    def _shared(self, timeline: tuple[TimelineEntry, ...]) -> tuple[TimelineEntry, ...]:
        if timeline == self._timeline:
            return self._timeline
        if len(self._entries) > _REMEMBERED:
            self._entries.clear()
        return tuple(self._entries.setdefault(entry, entry) for entry in timeline)


def _among(timeline: tuple[TimelineEntry, ...], moment: datetime | None) -> datetime | None:
    """Return a moment as an entry has it that tells of the same one."""
    return next((entry.at for entry in timeline if entry.at == moment), moment)
