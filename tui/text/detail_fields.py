"""The facts of one download as lines to read: what it is, its limits, its past, the last answer.

Pure. All text from outside goes through `clean`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rich.cells import cell_len, chop_cells

from core.domain.bounds import MAX_SHOWN
from core.domain.inspection import Answer, DownloadLimits, Figures, HostLimit, Inspection
from core.domain.models import Download, TimelineEntry
from core.domain.redact import redact_url
from tui.text import format as fmt
from tui.text.columns import Cell, Role
from tui.text.tables import Line

Field = tuple[str, str, Role]
"""A label, its text and what the text means."""

_LABEL = 14
_MOST_LINES = 3


def folded(
    text: str, width: int, most: int = _MOST_LINES, *, ascii_only: bool = False
) -> list[str]:
    """Return text in at most `most` lines, broken between words where that is possible."""
    lines: list[str] = []
    width = max(width, 1)
    text = text[: most * MAX_SHOWN]
    while cell_len(text) > width and len(lines) < most - 1:
        head = chop_cells(text, width)[0] or text[:1]
        cut = len(head) if text[len(head) :].startswith(" ") else head.rfind(" ")
        # A break that leaves the line half empty is worse than a broken word.
        cut = cut if cut > len(head) // 2 else len(head)
        lines.append(text[:cut])
        text = text[cut:].lstrip(" ")
    return [*lines, fmt.fit(text, width, ascii_only=ascii_only).rstrip(" ")]


def written(fields: Iterable[Field], width: int, *, ascii_only: bool = False) -> list[Line]:
    """Return a line or more for each field that says something, the texts below each other."""
    lines: list[Line] = []
    told = [field for field in fields if field[1]]
    longest = max((cell_len(name) for name, _, _ in told), default=0)
    x = min(max(_LABEL, longest + 2), max(width // 3, _LABEL))
    for name, text, role in told:
        label = fmt.fit(name, min(cell_len(name), x - 1), ascii_only=ascii_only)
        head: Line = (Cell(0, label, Role.MUTED),)
        for part in folded(text, width - x, ascii_only=ascii_only):
            lines.append((*head, Cell(x, part, role)))
            head = ()
    return lines


def overview(download: Download, now: datetime) -> list[Field]:
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


def limits(inspection: Inspection) -> list[Field]:
    """Return what holds it back, and where its connections spend their time."""
    slowness = inspection.slowness
    return [
        ("Limits", _limits(inspection.limits), Role.PLAIN),
        *(("Host", _host(host), Role.PLAIN) for host in inspection.limits.hosts),
        ("Time goes to", _shares(slowness.figures) if slowness else "", Role.PLAIN),
    ]


def timeline(entries: Sequence[TimelineEntry], now: datetime) -> list[Field]:
    """Return what happened to it, the latest first."""
    return [(moment(entry.at, now), fmt.clean(entry.text), Role.PLAIN) for entry in entries[::-1]]


def answer(last: Answer, now: datetime) -> tuple[str, list[Field]]:
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


def counted(count: int, noun: str) -> str:
    """Return `1 connection`, `4 connections`."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _interruption(download: Download, now: datetime) -> str:
    if (was := download.interrupted) is None:
        return ""
    return moment(was.at, now) + (f", while {was.phase}" if was.phase else "")


def _limits(of: DownloadLimits) -> str:
    own = f"{fmt.rate(of.own)} for this download" if of.own else ""
    total = f"{fmt.rate(of.total)} for all together" if of.total else ""
    most = f"up to {counted(of.connections, 'connection')}"
    return ", ".join(filter(None, (own, total or ("" if own else "no rate"), most)))


def _host(of: HostLimit) -> str:
    most = counted(of.connections, "connection")
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
