"""The JSON object that stands for a download in `ls`, `show`, `add` and `get`: one shape for all.

The names are a contract with scripts: fields are added, never renamed. Sizes are bytes, rates bytes
per second, durations seconds, times RFC 3339 in UTC; what is not known is null.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime

from core.domain.models import DownloadView
from core.domain.redact import redact_url


def record(view: DownloadView) -> dict[str, object]:
    """Return a download as the object that scripts read; the URL comes without its secrets."""
    download, progress = view.download, view.progress
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
        "position": view.position,
        "connections": progress.connections,
        "group": request.group,
        "limit": request.limit,
        "mirrors": [redact_url(url) for url in request.mirrors],
        "retry_count": download.retry_count,
        "error_code": error and error.code.value,
        "error_message": error and error.message,
        "resume_verdict": download.resume_verdict,
        "created_at": timestamp(download.created_at),
        "started_at": timestamp(download.started_at),
        "completed_at": timestamp(download.completed_at),
    }


def timestamp(moment: datetime | None) -> str | None:
    """Return a time as RFC 3339 in UTC with milliseconds, or None."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def dump(value: object, *, indent: int | None = None) -> str:
    """Return JSON in ASCII: a name with escapes or bidi controls stays harmless on a terminal."""
    return json.dumps(value, indent=indent, ensure_ascii=True)
