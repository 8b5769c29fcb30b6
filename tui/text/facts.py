"""What there is to say of one download, or of one attempt at it, in labelled facts.

Pure. All text from outside goes through `clean`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.domain.history import AttemptEnd, HistoryEntry
from core.domain.inspection import DownloadLimits, Figures, HostLimit, Inspection, ResponseHead
from core.domain.models import Download, Phase, TimelineEntry
from core.domain.redact import redact_url
from core.domain.value import asdict
from tui.text import fmt
from tui.text.cells import Fact, Role
from tui.text.vocabulary import OUTCOMES, PHASES

END_ROLES = {
    AttemptEnd.COMPLETED: Role.DONE,
    AttemptEnd.FAILED: Role.FAILED,
    AttemptEnd.RETRIED: Role.WAITING,
    AttemptEnd.STOPPED: Role.MUTED,
    AttemptEnd.INTERRUPTED: Role.WAITING,
}


def overview(download: Download, now: datetime) -> list[Fact]:
    """Return what is asked for, where it goes and when it was."""
    request = download.request
    texts = [
        ("URL", redact_url(request.url)),
        *(("Mirror", redact_url(mirror)) for mirror in request.mirrors),
        ("File", download.path),
        ("Resume", download.resume_verdict or ""),
        ("Checksum", str(request.checksum or "")),
        ("Retries", str(download.retry_count or "")),
        ("Priority", str(request.priority or "")),
        ("Group", request.group or ""),
        ("Added", moment(download.created_at, now)),
        ("Started", moment(download.started_at, now)),
        ("Completed", moment(download.completed_at, now)),
        ("Interrupted", _interruption(download, now)),
        ("ID", fmt.short_id(download.id)),
    ]
    return [(label, fmt.clean(text), Role.PLAIN) for label, text in texts]


def limits(inspection: Inspection) -> list[Fact]:
    """Return what holds it back, and where its connections spend their time."""
    slowness = inspection.slowness
    return [
        ("Limits", _limits(inspection.limits), Role.PLAIN),
        *(("Host", _host(host), Role.PLAIN) for host in inspection.limits.hosts),
        ("Time goes to", _shares(slowness.figures) if slowness else "", Role.PLAIN),
    ]


def timeline(entries: Sequence[TimelineEntry], now: datetime) -> list[Fact]:
    """Return what happened to it, the latest first."""
    return [(moment(entry.at, now), fmt.clean(entry.text), Role.PLAIN) for entry in entries[::-1]]


def answer(last: ResponseHead, now: datetime) -> tuple[str, list[Fact]]:
    """Return what a server said last: in a few words, and in its own."""
    status = f"{last.status} {fmt.clean(last.reason)}".rstrip()
    fields = [(fmt.clean(name), fmt.clean(value), Role.PLAIN) for name, value in last.headers]
    told = [("from", fmt.clean(redact_url(last.url)), Role.PLAIN), *fields]
    return f"{status}, {moment(last.at, now)}", told


def moment(at: datetime | None, now: datetime) -> str:
    """Return the local time, with the date unless it is today's; "" for none."""
    if at is None:
        return ""
    local = at.astimezone()
    same_day = local.date() == now.astimezone().date()
    return local.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")


def _interruption(download: Download, now: datetime) -> str:
    if (was := download.interrupted) is None:
        return ""
    return moment(was.at, now) + (f", while {PHASES[was.phase]}" if was.phase else "")


def _limits(of: DownloadLimits) -> str:
    own = f"{fmt.rate(of.own)} for this download" if of.own else ""
    total = f"{fmt.rate(of.total)} for all together" if of.total else ""
    most = f"up to {fmt.counted(of.connections, 'connection')}"
    return ", ".join(filter(None, (own, total or ("" if own else "no rate"), most)))


def _host(of: HostLimit) -> str:
    most = fmt.counted(of.connections, "connection")
    text = f"{fmt.clean(of.host)} gets up to {most}, this download {of.share}"
    if not of.refused:
        return text
    more = "" if of.more_in is None else f", one more in {fmt.duration(of.more_in)}"
    return f"{text}; it refused more{more}"


def _shares(of: Figures) -> str:
    shares = (
        ("the server", of.receiving),
        ("connecting", of.connecting),
        ("limits", of.limited),
        ("the disk", of.writing),
    )
    texts = [
        f"{name} {share:.0%}" for name, share in shares if share is not None and share >= 0.005
    ]
    if of.cpu is not None and texts:
        texts.append(f"and winch keeps a core {of.cpu:.0%} busy")
    return ", ".join(texts)


def attempt_brief(entry: HistoryEntry) -> list[Fact]:
    """Return the most important of it, each in a line."""
    error = f"{_words(entry)}: {entry.error_message or ''}" if entry.error_code else ""
    before = f"; after {_retries(entry)}" if entry.retries else ""
    return _cleaned(
        ("error", error, Role.FAILED),
        ("url", entry.url, Role.PLAIN),
        ("into", _path(entry), Role.PLAIN),
        ("brought", _amount(entry) + before, Role.PLAIN),
        ("rate", _rates(entry), Role.PLAIN),
        ("phases", "  ".join(f"{name} {took}" for name, took in _phases(entry)), Role.PLAIN),
        ("began", _moment(entry.started_at), Role.PLAIN),
        ("resume", entry.verdict or "", Role.PLAIN),
        ("group", entry.group or "", Role.PLAIN),
    )


def attempt_full(entry: HistoryEntry) -> list[Fact]:
    """Return everything that was written down of it."""
    role = Role.PLAIN if entry.end is AttemptEnd.STOPPED else END_ROLES[entry.end]
    took = (entry.ended_at - entry.started_at).total_seconds()
    connections = f"{entry.connections} at the same time" if entry.connections > 1 else "1"
    return _cleaned(
        ("outcome", OUTCOMES[entry.end], role),
        ("cause", _words(entry), Role.FAILED),
        ("error", entry.error_message or "", Role.FAILED),
        ("url", entry.url, Role.PLAIN),
        ("host", entry.host, Role.PLAIN),
        ("path", _path(entry), Role.PLAIN),
        ("group", entry.group or "", Role.PLAIN),
        ("began", _moment(entry.started_at), Role.PLAIN),
        ("ended", f"{_moment(entry.ended_at)}, after {fmt.seconds(took)}", Role.PLAIN),
        *((name, took, Role.PLAIN) for name, took in _phases(entry)),
        ("brought", _amount(entry), Role.PLAIN),
        ("rate", _rates(entry), Role.PLAIN),
        ("connections", connections if entry.connections else "", Role.PLAIN),
        ("retries", f"{_retries(entry)} before this" if entry.retries else "", Role.PLAIN),
        ("resume", entry.verdict or "", Role.PLAIN),
        ("download", entry.download, Role.PLAIN),
    )


def _cleaned(*facts: Fact) -> list[Fact]:
    return [(label, fmt.clean(text), role) for label, text, role in facts if text]


def _words(entry: HistoryEntry) -> str:
    return entry.error_code.replace("_", " ") if entry.error_code else ""


def _path(entry: HistoryEntry) -> str:
    return f"{entry.directory.rstrip('/')}/{entry.name}"


def _amount(entry: HistoryEntry) -> str:
    whole = "" if entry.total_bytes is None else f" of {fmt.size(entry.total_bytes)}"
    return f"{fmt.size(entry.bytes)}{whole}"


def _retries(entry: HistoryEntry) -> str:
    return f"{entry.retries} {'retry' if entry.retries == 1 else 'retries'}"


def _rates(entry: HistoryEntry) -> str:
    if not entry.average_rate:
        return ""
    return f"{fmt.rate(entry.average_rate)} on average, {fmt.rate(entry.peak_rate)} at best"


def _phases(entry: HistoryEntry) -> list[tuple[str, str]]:
    took = asdict(entry.phases)
    return [(PHASES[phase], fmt.seconds(took[phase])) for phase in Phase if took[phase]]


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
