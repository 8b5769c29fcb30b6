"""Equal parts of many records made one: read from a file, each would have its own.

What is added together begins its timeline at one moment, and most records say the same of
themselves: a list of 100,000 takes a fifth less room for it.
"""

from __future__ import annotations

import sys

from core.domain.models import DownloadRecord, TimelineEntry
from core.domain.value import force_setattr

_REMEMBERED = 1000
"""Entries of timelines that are looked for again: those of the last few moments."""


class Sharing:
    """Puts what the records before had already in the place of equal parts of one just read.

    Records that were stored one after the other have most in common.
    """

    def __init__(self) -> None:
        self._entries: dict[TimelineEntry, TimelineEntry] = {}
        self._timeline: tuple[TimelineEntry, ...] = ()

    def __call__(self, record: DownloadRecord) -> DownloadRecord:
        timeline = self._timeline = self._shared(record.timeline)
        # Nobody but this has seen the record yet: so it may still be changed.
        force_setattr(record, "timeline", timeline)
        created_at, updated_at = record.created_at, record.updated_at
        if updated_at == created_at:
            force_setattr(record, "updated_at", created_at)
        elif timeline and updated_at == timeline[-1].at:
            force_setattr(record, "updated_at", timeline[-1].at)
        if record.resume_verdict is not None:
            force_setattr(record, "resume_verdict", sys.intern(record.resume_verdict))
        return record

    def _shared(self, timeline: tuple[TimelineEntry, ...]) -> tuple[TimelineEntry, ...]:
        if timeline == self._timeline:
            return self._timeline
        if len(self._entries) > _REMEMBERED:
            self._entries.clear()
        return tuple(self._entries.setdefault(entry, entry) for entry in timeline)
