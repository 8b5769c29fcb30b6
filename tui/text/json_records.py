"""The JSON objects that stand for a download, an attempt and the statistics: one shape for all.

The names are a contract with scripts: fields are added, never renamed. Sizes are bytes, rates bytes
per second, durations seconds, times RFC 3339 in UTC; what is not known is null.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime

from core.domain.history import Busiest, HistoryEntry, Statistics, Trend
from core.domain.models import Download, DownloadView, Progress
from core.domain.redact import redact_url
from core.domain.upkeep import Leftover
from core.domain.value import asdict
from tui.text.activity import WEEKDAYS
from tui.text.download_state import updated_at


def record(view: DownloadView) -> dict[str, object]:
    """Return a download as the object that scripts read; the URL comes without its secrets."""
    return download_record(view.download, view.progress, view.position)


def download_record(download: Download, progress: Progress, position: int) -> dict[str, object]:
    """Return what `record` does, of a download whose past is not known."""
    request, error = download.request, download.error
    return {
        "id": download.id,
        "url": redact_url(request.url),
        "name": download.name,
        "download_path": download.path,
        "status": download.status.value,
        "phase": download.phase and download.phase.value,
        "wait_reason": download.wait_reason and download.wait_reason.value,
        "total_bytes": download.total_bytes,
        "bytes_downloaded": progress.bytes_downloaded,
        "rate": round(progress.rate) if progress.rate else None,
        "eta": None if progress.eta is None else round(progress.eta),
        "priority": request.priority,
        "position": position,
        "connections": progress.connections,
        "group": request.group,
        "limit": request.limit,
        "mirrors": [redact_url(url) for url in request.mirrors],
        "retry_count": download.retry_count,
        "retry_at": timestamp(download.retry_at),
        "last_retry_at": timestamp(download.last_retry_at),
        "error_code": error and error.code.value,
        "error_message": error and error.message,
        "resume_verdict": download.resume_verdict,
        "created_at": timestamp(download.created_at),
        "started_at": timestamp(download.started_at),
        "updated_at": timestamp(updated_at(download, progress)),
        "interrupted_at": timestamp(download.interrupted.at if download.interrupted else None),
        "completed_at": timestamp(download.completed_at),
    }


def record_with_past(view: DownloadView, attempts: Iterable[HistoryEntry]) -> dict[str, object]:
    """Return a download as `record` does, with its timeline and its attempts, the oldest first."""
    timeline = [
        {
            "time": timestamp(entry.at),
            "from": entry.before and entry.before.value,
            "to": entry.after and entry.after.value,
            "reason": entry.text,
        }
        for entry in view.download.timeline
    ]
    # Its number is that in the whole history: beside one download it would be taken for a count.
    chosen = [
        {name: value for name, value in attempt_record(entry).items() if name != "number"}
        for entry in attempts
    ]
    return record(view) | {"timeline": timeline, "attempts": chosen}


def attempt_record(entry: HistoryEntry) -> dict[str, object]:
    """Return an attempt as the object that scripts read."""
    return {
        "number": entry.number,
        "id": entry.download,
        "url": entry.url,
        "host": entry.host,
        "name": entry.name,
        "directory": entry.directory,
        "group": entry.group,
        "started_at": timestamp(entry.started_at),
        "ended_at": timestamp(entry.ended_at),
        "outcome": entry.end.value,
        "success": entry.success,
        "bytes": entry.bytes,
        "total_bytes": entry.total_bytes,
        "phases": {phase: round(seconds, 3) for phase, seconds in asdict(entry.phases).items()},
        "average_rate": _whole(entry.average_rate),
        "peak_rate": _whole(entry.peak_rate),
        "retries": entry.retries,
        "connections": entry.connections or None,
        "resume_verdict": entry.verdict,
        "error_code": entry.error_code and entry.error_code.value,
        "error_message": entry.error_message,
    }


def exported(entries: Iterable[HistoryEntry], *, as_lines: bool) -> list[str]:
    """Return the lines of a JSON array, or of JSON Lines, with an attempt in each."""
    texts = [dump(attempt_record(entry)) for entry in entries]
    if as_lines:
        return texts
    return ["[", *(f"{text}," for text in texts[:-1]), *texts[-1:], "]"]


def statistics_record(statistics: Statistics) -> dict[str, object]:
    """Return the figures of a period as the object that scripts read.

    A figure with a trend is an object with what it is `now` and what it was `before`.
    """
    phases = statistics.phases
    return {
        "days": statistics.days,
        "attempts": statistics.attempts,
        "completed": statistics.completed,
        "failed": statistics.failed,
        "retried": statistics.retried,
        "success_rate": _trend(statistics.success_rate, digits=4),
        "total_bytes": _trend(statistics.total_bytes),
        "average_rate": _trend(statistics.average_rate),
        "best_rate": _whole(statistics.best_rate),
        "phases": {
            "connecting": _trend(phases.connecting, digits=3),
            "downloading": _trend(phases.downloading, digits=3),
            "verifying": _trend(phases.verifying, digits=3),
            "finalizing": _trend(phases.finalizing, digits=3),
        },
        "failures": [
            {
                "error_code": failure.code.value,
                "host": failure.host,
                "count": failure.count,
                "error_message": failure.message,
            }
            for failure in statistics.failures
        ],
        "hosts": [
            {
                "host": host.host,
                "completed": host.completed,
                "failed": host.failed,
                "bytes": host.bytes,
                "average_rate": _whole(host.average_rate),
                "best_rate": _whole(host.best_rate),
            }
            for host in statistics.hosts
        ],
        "total_time": _trend(statistics.total_time, digits=3),
        "attempt_time": _trend(statistics.attempt_time, digits=3),
        "bytes_by_hour": list(statistics.hours),
        "bytes_by_weekday_and_hour": [list(hours) for hours in statistics.week],
        "busiest": _busiest(statistics.busiest),
        "daily": [
            {
                "day": day.day,
                "completed": day.completed,
                "failed": day.failed,
                "bytes": day.bytes,
                "cpu_seconds": None if day.cpu_seconds is None else round(day.cpu_seconds, 3),
                "peak_memory": day.peak_memory,
            }
            for day in statistics.daily
        ],
        "recent": [attempt_record(entry) for entry in statistics.recent],
    }


def _trend(trend: Trend, *, digits: int | None = None) -> dict[str, float | None]:
    return {
        "now": None if trend.now is None else round(trend.now, digits),
        "before": None if trend.before is None else round(trend.before, digits),
    }


def _busiest(busiest: Busiest | None) -> dict[str, object] | None:
    if busiest is None:
        return None
    return {
        "weekday": WEEKDAYS[busiest.weekday],
        "from_hour": busiest.since,
        "to_hour": busiest.until,
        "bytes": busiest.bytes,
    }


def _whole(figure: float | None) -> int | None:
    return None if figure is None else round(figure)


def leftover_record(leftover: Leftover) -> dict[str, object]:
    """Return a file that nothing needs as the object that scripts read."""
    return {
        "kind": leftover.kind.value,
        "path": leftover.path,
        "size": leftover.size,
        "reason": leftover.reason,
    }


def timestamp(moment: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC with milliseconds, or None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dump(value: object, *, indent: int | None = None) -> str:
    """Return JSON in ASCII: a name with escapes or bidi controls stays harmless on a terminal."""
    return json.dumps(value, indent=indent, ensure_ascii=True)
