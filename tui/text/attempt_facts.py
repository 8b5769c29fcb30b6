"""What there is to say of one attempt, in labelled lines: the short form, and all of it.

Pure: an attempt goes in, fields come out, cleaned of what a terminal would obey.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from core.domain.history import AttemptEnd, HistoryEntry
from tui.text import format as fmt
from tui.text.columns import Role
from tui.text.figures import seconds

Field = tuple[str, str, Role]
"""A label, a text and the role of the text."""

_ENDS = {
    AttemptEnd.COMPLETED: ("the file is whole", Role.DONE),
    AttemptEnd.FAILED: ("it failed", Role.FAILED),
    AttemptEnd.RETRIED: ("it failed and was tried again", Role.WAITING),
    AttemptEnd.STOPPED: ("it was stopped before the file was whole", Role.PLAIN),
    AttemptEnd.INTERRUPTED: ("winch was ended while it ran", Role.WAITING),
}


def brief(entry: HistoryEntry) -> list[Field]:
    """Return the most important of it, each in a line."""
    error = f"{_words(entry)}: {entry.error_message or ''}" if entry.error_code else ""
    return _cleaned(
        ("error", error, Role.FAILED),
        ("url", entry.url, Role.PLAIN),
        ("into", _path(entry), Role.PLAIN),
        ("brought", f"{_amount(entry)}{_before(entry)}", Role.PLAIN),
        ("rate", _rates(entry), Role.PLAIN),
        ("phases", _phases(entry), Role.PLAIN),
        ("began", _moment(entry.started_at), Role.PLAIN),
        ("resume", entry.verdict or "", Role.PLAIN),
        ("group", entry.group or "", Role.PLAIN),
    )


def full(entry: HistoryEntry) -> list[Field]:
    """Return everything that was written down of it."""
    end, role = _ENDS[entry.end]
    took = (entry.ended_at - entry.started_at).total_seconds()
    connections = f"{entry.connections} at the same time" if entry.connections > 1 else "1"
    phases = asdict(entry.phases).items()
    return _cleaned(
        ("outcome", end, role),
        ("cause", _words(entry), Role.FAILED),
        ("error", entry.error_message or "", Role.FAILED),
        ("url", entry.url, Role.PLAIN),
        ("host", entry.host, Role.PLAIN),
        ("path", _path(entry), Role.PLAIN),
        ("group", entry.group or "", Role.PLAIN),
        ("began", _moment(entry.started_at), Role.PLAIN),
        ("ended", f"{_moment(entry.ended_at)}, after {seconds(took)}", Role.PLAIN),
        *((name, seconds(value), Role.PLAIN) for name, value in phases if value),
        ("brought", _amount(entry), Role.PLAIN),
        ("rate", _rates(entry), Role.PLAIN),
        ("connections", connections if entry.connections else "", Role.PLAIN),
        ("retries", f"{_times(entry.retries)} before this" if entry.retries else "", Role.PLAIN),
        ("resume", entry.verdict or "", Role.PLAIN),
        ("download", entry.download, Role.PLAIN),
    )


def _cleaned(*fields: Field) -> list[Field]:
    return [(label, fmt.clean(text), role) for label, text, role in fields if text]


def _words(entry: HistoryEntry) -> str:
    return entry.error_code.replace("_", " ") if entry.error_code else ""


def _path(entry: HistoryEntry) -> str:
    return f"{entry.directory.rstrip('/')}/{entry.name}"


def _amount(entry: HistoryEntry) -> str:
    whole = "" if entry.total_bytes is None else f" of {fmt.size(entry.total_bytes)}"
    return f"{fmt.size(entry.bytes)}{whole}"


def _times(count: int) -> str:
    return f"{count} {'retry' if count == 1 else 'retries'}"


def _before(entry: HistoryEntry) -> str:
    return f"; after {_times(entry.retries)}" if entry.retries else ""


def _rates(entry: HistoryEntry) -> str:
    if not entry.average_rate:
        return ""
    return f"{fmt.rate(entry.average_rate)} on average, {fmt.rate(entry.peak_rate)} at best"


def _phases(entry: HistoryEntry) -> str:
    phases = asdict(entry.phases).items()
    return "  ".join(f"{name} {seconds(value)}" for name, value in phases if value)


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"
