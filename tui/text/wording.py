"""How a download is put into words by the commands: its state, its end, all about it.

Pure. What comes from outside is cleaned here, so that every line can be printed as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.domain.history import HistoryEntry
from core.domain.models import (
    TELLING,
    Download,
    DownloadRequest,
    DownloadView,
    Phase,
    Progress,
    Status,
    TimelineEntry,
    WaitReason,
)
from core.domain.redact import redact_url
from core.domain.totals import Totals
from tui.text import fmt
from tui.text.download_state import bytes_done, is_moving, remark, updated_at
from tui.text.fmt import seconds
from tui.text.vocabulary import COMMAND_STATES, ENDS, PHASES, WAITS

HELD = "the queue is held; `winch resume --queue` lets it go on"


def overall(totals: Totals) -> str:
    """Return how far all together are: `1 of 3 whole, 40% of 3.00 GiB, 1.00 MiB/s, 12:30 left`."""
    parts = [f"{totals.files_done} of {totals.files} whole"]
    if totals.bytes_total:
        parts.append(
            f"{fmt.percent(totals.bytes_done, totals.bytes_total)} of"
            f" {fmt.size(totals.bytes_total)}"
        )
    if totals.unsized:
        parts.append(f"{totals.unsized} of unknown size")
    if totals.rate:
        parts.append(fmt.rate(totals.rate))
    if totals.eta is not None:
        parts.append(f"{fmt.duration(totals.eta)} left")
    return ", ".join(parts)


def state(download: Download, progress: Progress) -> str:
    """Return where a download stands and why: `verifying 40%`, `retry 14:03:11`, `failed: dns`."""
    match download.status:
        case Status.ACTIVE if progress.verified is not None and download.total_bytes:
            share = fmt.percent(progress.verified, download.total_bytes)
            return f"{PHASES[Phase.VERIFYING]} {share}"
        case Status.PENDING if download.wait_reason is WaitReason.RETRY and download.retry_at:
            return f"{WAITS[WaitReason.RETRY]} {clock(download.retry_at)}"
        case Status.PENDING:
            reason = download.wait_reason
            return WAITS[reason] if reason else COMMAND_STATES[Status.PENDING]
        case Status.ACTIVE:
            return PHASES[download.phase] if download.phase else COMMAND_STATES[Status.ACTIVE]
        case Status.COMPLETED:
            return COMMAND_STATES[Status.COMPLETED] + remark(download)
        case Status.FAILED if download.error is not None:
            return f"{COMMAND_STATES[Status.FAILED]}: {download.error.code}"
        case status:
            return COMMAND_STATES[status]


def doing(download: Download, progress: Progress, now: datetime) -> str:
    """Return what it does or waits for at a time: `connecting`, `retry in 0:18 (503)`."""
    if download.status is not Status.PENDING:
        return state(download, progress)
    words = WAITS[download.wait_reason or WaitReason.QUEUED]
    if download.wait_reason is WaitReason.NOT_ADMITTED:
        words = "waits until the command that runs winch without a daemon has ended"
    at, reason = download.retry_at, download.wait_reason
    if at is not None and reason in (WaitReason.RETRY, WaitReason.HOST_LIMIT):
        left = max(0.0, (at - now).total_seconds())
        when = f"in {fmt.duration(left)}" if left >= 0.5 else "at once"
        words += f" {when}" if reason is WaitReason.RETRY else f" for {fmt.duration(left)}"
    if download.error is not None and reason is WaitReason.RETRY:
        words += f" ({download.error.status or download.error.code})"
    return words


def trouble(download: Download) -> str:
    """Return what is wrong with one that waits, as the end of a line; nothing where nothing is.

    A status that the server answered with is told already.
    """
    error = download.error
    if download.wait_reason not in TELLING or error is None or error.status is not None:
        return ""
    return f": {fmt.clean(error.message)}"


def ordinal(number: int) -> str:
    """Return `1st`, `2nd`, `3rd`, `4th`."""
    teen = 10 < number % 100 < 20
    return f"{number:,}{'th' if teen else {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th')}"


def clock(moment: datetime) -> str:
    """Return a time as a clock on the person's wall shows it."""
    return moment.astimezone().strftime("%H:%M:%S")


def success(download: Download) -> str:
    """Return the line for a whole file: path, size, mean rate, and the verdict if there is one.

    Time and rate are those of the last attempt at it, as in the history, and so is what it brought.
    """
    parts = [fmt.size(download.total_bytes)] if download.total_bytes is not None else []
    if (fetched := download.fetched) is not None and fetched.bytes:
        if download.total_bytes is not None and fetched.bytes < download.total_bytes:
            parts.append(f"({fmt.size(fetched.bytes)} of it now)")
        parts.append(f"in {seconds(fetched.seconds)}")
        if fetched.rate:
            parts.append(f"at {fmt.rate(fetched.rate)}")
    if download.resume_verdict:
        parts.append(f"({fmt.clean(download.resume_verdict)})")
    path = fmt.clean(download.path)
    return f"{path}: {' '.join(parts)}" if parts else path


def ending(download: Download, *, removed: bool) -> str:
    """Return the line for a download that ended otherwise than whole."""
    name = fmt.clean(download.name)
    if download.status is Status.FAILED:
        reason = fmt.sentence(download.error, brackets=False) if download.error else "it failed"
        return f"{name}: {reason}"
    if removed:
        return f"{name}: was taken off the list before it was whole"
    reason = f": {fmt.sentence(download.error, brackets=False)}" if download.error else ""
    return f"{name}: was {COMMAND_STATES[download.status]} before it was whole{reason}"


def amount(download: Download, done: int) -> str:
    """Return how much is there of how much: `12% 1.50 MiB of 12.0 MiB`, or only what is there."""
    if download.total_bytes is None:
        return fmt.size(done)
    percent = fmt.percent(done, download.total_bytes)
    return f"{percent} {fmt.size(done)} of {fmt.size(download.total_bytes)}"


def attempt(entry: HistoryEntry) -> str:
    """Return how an attempt went: `failed after 12.0 s, 3.00 MiB at 256 KiB/s: no such host`."""
    took = (entry.ended_at - entry.started_at).total_seconds()
    parts = [f"{ENDS[entry.end]} after {seconds(took)}"]
    if entry.bytes:
        at = f" at {fmt.rate(entry.average_rate)}" if entry.average_rate else ""
        parts.append(f"{fmt.size(entry.bytes)}{at}")
    reason = f": {fmt.clean(entry.error_message)}" if entry.error_message else ""
    return ", ".join(parts) + reason


def in_full(view: DownloadView, attempts: Sequence[HistoryEntry] = ()) -> list[str]:
    """Return everything about a download as labelled lines, below it its timeline and attempts."""
    download, progress, request = view.download, view.progress, view.download.request
    moving = is_moving(download)
    fields = [
        ("id", download.id),
        ("name", download.name),
        ("url", redact_url(request.url)),
        ("path", download.path),
        ("status", state(download, progress)),
        ("done", amount(download, bytes_done(download, progress))),
        ("rate", fmt.rate(progress.rate) if moving else None),
        ("time left", fmt.duration(progress.eta) if moving else None),
        ("connections", _connections(progress.connections if moving else None, request)),
        ("limit", fmt.rate(request.limit) if request.limit else None),
        ("mirrors", "  ".join(redact_url(url) for url in request.mirrors)),
        ("position", str(view.position)),
        ("priority", str(request.priority)),
        ("group", request.group),
        ("checksum", str(request.checksum) if request.checksum else None),
        ("retries", str(download.retry_count) if download.retry_count else None),
        ("next retry", _moment(download.retry_at)),
        ("last retry", _moment(download.last_retry_at)),
        ("resume", download.resume_verdict),
        ("error", download.error.message if download.error else None),
        ("hint", download.error.hint if download.error else None),
        ("created", _moment(download.created_at)),
        ("started", _moment(download.started_at)),
        ("interrupted", _moment(download.interrupted.at) if download.interrupted else None),
        ("completed", _moment(download.completed_at)),
        ("updated", _moment(updated_at(download, progress))),
    ]
    lines = [f"{label:<12}{fmt.clean(value)}" for label, value in fields if value]
    if download.timeline:
        lines.append("timeline")
        lines += [f"  {_moment(e.at)}  {_transition(e)}" for e in download.timeline]
    if attempts:
        lines.append("attempts")
        lines += [f"  {_moment(e.started_at)}  {attempt(e)}" for e in attempts]
    return lines


def _transition(entry: TimelineEntry) -> str:
    """Return `pending to active: started`, or the sentence alone where no state changed."""
    text = fmt.clean(entry.text)
    if entry.after is None or entry.after == entry.before:
        return text
    before, after = (COMMAND_STATES[s] if s else None for s in (entry.before, entry.after))
    way = f"{before} to {after}" if before else str(after)
    return way if text == entry.after else f"{way}: {text}"


def _connections(now: int | None, request: DownloadRequest) -> str | None:
    """Return `3 of at most 4`, or the part of it that is known."""
    parts = [] if now is None else [str(now)]
    if request.connections is not None:
        parts.append(f"at most {request.connections}")
    return " of ".join(parts)


def _moment(moment: datetime | None) -> str | None:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S") if moment else None
