"""Downloads as the service would hand them out, for tests of what the commands make of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.domain.models import (
    DownloadRecord,
    DownloadRequest,
    DownloadView,
    Fetched,
    Phase,
    Progress,
    Status,
)

START = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


def download(
    download_id: str = "0123456789abcdef",
    name: str = "a.bin",
    **changes: object,
) -> DownloadRecord:
    """Return a download that was asked for at START."""
    request = DownloadRequest(url=f"https://example.org/{name}", directory="/data")
    return DownloadRecord(
        id=download_id, request=request, name=name, order=1.0, created_at=START
    ).replace(**changes)


def active(
    download_id: str = "0123456789abcdef",
    name: str = "a.bin",
    **changes: object,
) -> DownloadRecord:
    """Return a download that moves, 1000 bytes long."""
    running = {"status": Status.ACTIVE, "phase": Phase.DOWNLOADING, "total_bytes": 1000}
    return download(download_id, name, **(running | changes))


def completed(
    download_id: str = "0123456789abcdef",
    name: str = "a.bin",
    **changes: object,
) -> DownloadRecord:
    """Return a download that took two seconds for its 1000 bytes."""
    end = {
        "status": Status.COMPLETED,
        "total_bytes": 1000,
        "started_at": START,
        "completed_at": START + timedelta(seconds=2),
        "fetched": Fetched(bytes=1000, seconds=2.0, rate=500.0),
    }
    return download(download_id, name, **(end | changes))


def view(item: DownloadRecord, progress: Progress | None = None, position: int = 1) -> DownloadView:
    """Return a download as `ls` gets it."""
    return DownloadView(download=item, progress=progress or Progress(), position=position)
