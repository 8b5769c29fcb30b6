"""Records that were read from a file have equal parts in common, and say the same."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from core.domain.models import DownloadRecord, DownloadRequest, Status, TimelineEntry
from core.domain.sharing import Sharing

MOMENT = datetime(2026, 3, 1, 12, tzinfo=UTC)
ADDED = TimelineEntry(at=MOMENT, text="added", after=Status.PENDING)
PAUSED = TimelineEntry(at=MOMENT, text="paused", before=Status.PENDING, after=Status.PAUSED)


def read(number: int, *timeline: TimelineEntry) -> DownloadRecord:
    record = DownloadRecord(
        id=f"{number:016x}",
        request=DownloadRequest(url=f"https://h.example/{number}", directory="/d"),
        name=str(number),
        order=float(number),
        created_at=MOMENT,
        updated_at=MOMENT,
        resume_verdict="verified: the same file",
        timeline=timeline,
    )
    return again(record)


def again(record: DownloadRecord) -> DownloadRecord:
    return msgspec.json.decode(msgspec.json.encode(record), type=DownloadRecord)


def test_what_is_equal_is_one_and_everything_is_said_as_before() -> None:
    share = Sharing()
    records = [read(1, ADDED), read(2, ADDED), read(3, ADDED, PAUSED), read(4, ADDED, PAUSED)]
    shared = [share(record) for record in map(again, records)]
    assert shared == records
    first, second, third, fourth = shared
    assert first.timeline is second.timeline
    assert third.timeline is fourth.timeline
    assert third.timeline[0] is first.timeline[0]
    assert first.updated_at is first.created_at
    assert first.resume_verdict is fourth.resume_verdict
