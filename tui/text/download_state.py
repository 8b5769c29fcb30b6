"""How a download stands, in words and roles: what the list, the details and filters go by.

Pure. The words themselves are in tui.text.vocabulary; how the commands put them is in wording.
"""

from __future__ import annotations

from datetime import datetime

from core.domain.errors import ErrorCode, ErrorInfo
from core.domain.models import TELLING, Download, Phase, Progress, Status, WaitReason
from tui.text import fmt
from tui.text.cells import Role
from tui.text.vocabulary import PHASES, STATES, WAITS

FAILED = f"{STATES[Status.FAILED]}: "
"""What the words of a failed one begin with."""


def status_text(download: Download, progress: Progress, now: datetime) -> str:
    """Return the state in words, with the reason where something does not move."""
    match download.status:
        case Status.ACTIVE if progress.verified is not None and download.total_bytes:
            share = fmt.percent(progress.verified, download.total_bytes)
            return f"{PHASES[Phase.VERIFYING]} {share}"
        case Status.PENDING:
            return _waiting_text(download, now)
        case Status.ACTIVE:
            return PHASES[download.phase or Phase.CONNECTING]
        case Status.COMPLETED:
            return STATES[Status.COMPLETED] + remark(download)
        case Status.FAILED if download.error is not None:
            return f"{FAILED}{_cause(download.error)}"
        case _:
            return STATES[download.status]


def remark(download: Download) -> str:
    """Return what somebody has to know of one that is complete: `, skipped`; mostly nothing."""
    word = (download.resume_verdict or "").partition(":")[0]
    return f", {word}" if word in ("unverified", "skipped") else ""


def status_role(download: Download) -> Role:
    match download.status:
        case Status.ACTIVE:
            return Role.ACTIVE
        case Status.COMPLETED:
            return Role.DONE
        case Status.FAILED:
            return Role.FAILED
        case Status.PENDING if download.wait_reason in TELLING:
            return Role.WAITING
        case _:
            return Role.MUTED


def is_moving(download: Download) -> bool:
    """Tell whether a rate and a remaining time can be said of this download."""
    return download.status is Status.ACTIVE and download.phase is Phase.DOWNLOADING


def updated_at(download: Download, progress: Progress) -> datetime:
    """Return when anything about a download changed last: its state, or how much of it is here."""
    changed = (
        download.updated_at or download.completed_at or download.started_at or download.created_at
    )
    return changed if progress.updated_at is None else max(changed, progress.updated_at)


def bytes_done(download: Download, progress: Progress) -> int:
    """Return how much of the file is here; a completed file is whole whatever was last reported."""
    if download.status is Status.COMPLETED and download.total_bytes is not None:
        return download.total_bytes
    return progress.bytes_downloaded


def _cause(error: ErrorInfo) -> str:
    """Return an error so that its telling part comes first: the field is narrow."""
    if error.code is ErrorCode.CHECKSUM:
        return "wrong checksum"
    return fmt.clean((error.message or error.code).removeprefix("the server answered "))


def _waiting_text(download: Download, now: datetime) -> str:
    waits = download.wait_reason or WaitReason.QUEUED
    if waits is WaitReason.IN_USE:
        return WAITS[waits]
    # Of "503 (service unavailable)" the number says enough here.
    reason = f" ({_cause(download.error).partition(' (')[0]})" if download.error else ""
    if waits is WaitReason.RETRY and download.retry_at is not None:
        left = (download.retry_at - now).total_seconds()
        # One that is due waits for its turn like any other.
        if left > 0:
            return f"{WAITS[waits]} in {fmt.duration(left)}{reason}"
        waits = WaitReason.QUEUED
    return WAITS[waits] + reason
