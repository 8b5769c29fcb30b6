"""The JSON shape that scripts rely on."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import Progress, Status, TimelineEntry, WaitReason
from core.domain.value import replace
from tests.attempts import an_attempt
from tests.tui.cli.samples import START, active, completed, download, view
from tui.text.json_records import dump, record, record_with_past

FIELDS = [
    "id",
    "url",
    "name",
    "download_path",
    "status",
    "phase",
    "wait_reason",
    "total_bytes",
    "bytes_downloaded",
    "rate",
    "eta",
    "priority",
    "position",
    "connections",
    "group",
    "limit",
    "mirrors",
    "retry_count",
    "retry_at",
    "last_retry_at",
    "error_code",
    "error_message",
    "resume_verdict",
    "created_at",
    "started_at",
    "updated_at",
    "interrupted_at",
    "completed_at",
]


def test_a_record_has_the_documented_fields() -> None:
    assert list(record(view(download()))) == FIELDS


def test_what_is_not_known_is_null() -> None:
    shown = record(view(download()))
    unknown = {name for name, value in shown.items() if value is None}
    assert unknown == {
        "phase", "wait_reason", "total_bytes", "rate", "eta", "group", "limit", "error_code",
        "error_message", "resume_verdict", "started_at", "retry_at", "last_retry_at",
    "interrupted_at", "completed_at",
    }  # fmt: skip


def test_the_past_of_a_download_is_its_timeline_and_its_attempts() -> None:
    timeline = (
        TimelineEntry(at=START, text="added", after=Status.PENDING),
        TimelineEntry(at=START, text="started", before=Status.PENDING, after=Status.ACTIVE),
        TimelineEntry(at=START, text="the server sends no validator"),
    )
    item = active(timeline=timeline, updated_at=START)
    shown = record_with_past(view(item), [an_attempt(1, bytes=500, average_rate=250.0)])
    assert list(shown) == [*FIELDS, "timeline", "attempts"]
    at = "2026-03-01T12:00:00.000Z"
    assert shown["timeline"] == [
        {"time": at, "from": None, "to": "pending", "reason": "added"},
        {"time": at, "from": "pending", "to": "active", "reason": "started"},
        {"time": at, "from": None, "to": None, "reason": "the server sends no validator"},
    ]
    (attempt,) = shown["attempts"]  # type: ignore[misc]
    assert isinstance(attempt, dict)
    assert (attempt["outcome"], attempt["bytes"]) == ("completed", 500)
    assert "number" not in attempt
    assert attempt["average_rate"] == 250
    assert attempt["phases"]["downloading"] == 0.5


def test_a_change_is_of_the_state_or_of_the_bytes_whichever_was_later() -> None:
    then, later = START + timedelta(seconds=1), START + timedelta(seconds=2)

    def updated(changed: datetime | None, moved: datetime | None) -> object:
        return record(view(active(updated_at=changed), Progress(updated_at=moved)))["updated_at"]

    assert updated(then, later) == updated(later, then) == "2026-03-01T12:00:02.000Z"
    assert updated(None, None) == "2026-03-01T12:00:00.000Z"


def test_a_moving_download_in_numbers() -> None:
    progress = Progress(bytes_downloaded=400, rate=99.6, eta=6.02, connections=1)
    shown = record(view(active(), progress, position=3))
    assert shown["status"] == "active"
    assert shown["phase"] == "downloading"
    assert (shown["bytes_downloaded"], shown["total_bytes"]) == (400, 1000)
    assert (shown["rate"], shown["eta"]) == (100, 6)
    assert (shown["connections"], shown["position"]) == (1, 3)


def test_nothing_moves_is_no_rate() -> None:
    assert record(view(active(), Progress(rate=0.0)))["rate"] is None


def test_times_are_utc_whatever_the_clock_says() -> None:
    there = START.astimezone(timezone(timedelta(hours=9)))
    assert record(view(completed(started_at=there)))["started_at"] == "2026-03-01T12:00:00.000Z"


def test_an_error_is_its_code_and_its_sentence() -> None:
    error = ErrorInfo(code=ErrorCode.NOT_FOUND, message="nothing is here (404)", hint="look")
    shown = record(view(download(status=Status.FAILED, error=error)))
    assert (shown["error_code"], shown["error_message"]) == ("not_found", "nothing is here (404)")


def test_a_wait_has_its_reason() -> None:
    assert record(view(download(wait_reason=WaitReason.QUEUED)))["wait_reason"] == "queued"


def test_the_url_comes_without_its_secrets() -> None:
    item = download()
    secret = replace(item.request, url="https://me:pw@example.org/a?sig=abc&x=1")
    shown = str(record(view(item.replace(request=secret)))["url"])
    assert shown.startswith("https://example.org/a?sig=")
    assert "pw" not in shown
    assert "abc" not in shown


def test_json_carries_any_name_and_no_control_reaches_the_terminal() -> None:
    name = "\x1b]52;c;x\x07\x9b\u202eé\udcff"
    line = dump(record(view(download(name=name))))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["name"] == name
