"""What stands on the page of a collection: how far it is, what failed by cause, what is left out.

Pure. All text from outside goes through `clean`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from rich.cells import cell_len

from core.domain.collections import Collection, CollectionRecord, CollectionState, Verdict
from core.domain.entries import Refused
from core.domain.errors import ErrorInfo
from core.domain.models import Status
from tui.text import charts, fmt
from tui.text.cells import Cell, ColumnSpec, Content, Fact, Line, Role, labelled
from tui.text.collection_row import share
from tui.text.collection_words import (
    cause_words,
    files_of,
    source_words,
    state_role,
    state_words,
)
from tui.text.fmt import counted
from tui.text.sums import Sums
from tui.text.vocabulary import STATES, VERDICTS

COLUMNS = (
    ColumnSpec("Files", 7),
    ColumnSpec("Cause", 15, right=False),
    ColumnSpec("Such as", right=False),
    ColumnSpec("Why", 56, right=False, start=120),
)
_BAR, _LEAST_BAR = 24, 6
_NAMED_NO_LONGER = "its source names it no longer; the file stays until a sync deletes it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """Files that are bad or missing for one cause, with one of them as an example."""

    code: str
    status: int | None
    count: int
    example: str
    error: ErrorInfo | None


@dataclass(frozen=True, slots=True)
class Vanished:
    """A file that its source names no longer."""

    path: str


@dataclass(frozen=True, slots=True)
class Remark:
    """A line without a file: that there are none, or that there are more."""

    text: str
    role: Role = Role.MUTED


Item = Failing | Refused | Vanished | Remark
"""What stands in a line below the headings."""


def summary(
    collection: Collection,
    verdicts: Mapping[Verdict, int],
    sums: Sums,
    now: datetime,
    width: int,
    *,
    ascii_only: bool,
) -> list[Line]:
    """Return what is so of all of it: verdict, progress, where from and where to, what is set."""
    counts = files_of(collection, verdicts)
    total = sum(counts.values())
    role = state_role(collection, verdicts, is_moving=bool(sums.rate))
    words = ", ".join(state_words(collection, verdicts))
    if collection.trouble is not None:
        words = f"{words}: {fmt.sentence(collection.trouble)}"
    whole = counts[Verdict.WHOLE]
    files = f"{whole:,} of {total:,} {VERDICTS[Verdict.WHOLE]}" if total else ""
    facts: list[Fact] = [
        ("Verdict", words, role),
        ("Files", files, Role.PLAIN),
        ("Source", source_words(collection.source) + _read(collection, now), Role.PLAIN),
        ("Into", fmt.clean(collection.directory) + _together(collection), Role.PLAIN),
        ("Set", ", ".join(_set(collection)), Role.PLAIN),
    ]
    lines = labelled(facts[:2], width, ascii_only=ascii_only)
    if total and collection.state is not CollectionState.READING:
        lines.append(_progress(sums, verdicts, total, width, ascii_only=ascii_only))
    return lines + labelled(facts[2:], width, ascii_only=ascii_only)


def describe(item: Item, width: int, *, ascii_only: bool) -> list[Line]:
    """Return one item in full."""
    facts: list[Fact]
    match item:
        case Failing():
            cause = f"{cause_words(item.code, item.status)}, {counted(item.count, 'file')}"
            facts = [
                ("Cause", cause, Role.FAILED),
                ("Why", _why(item), Role.PLAIN),
                ("Such as", fmt.clean(item.example), Role.PLAIN),
            ]
        case Refused():
            facts = [
                ("Refused", fmt.clean(item.where), Role.FAILED),
                ("Why", fmt.clean(item.reason), Role.PLAIN),
            ]
        case Vanished():
            facts = [
                ("Vanished", fmt.clean(item.path), Role.WAITING),
                ("Why", _NAMED_NO_LONGER, Role.PLAIN),
            ]
        case Remark():
            facts = []
    return labelled(facts, width, ascii_only=ascii_only)


def items_of(
    failing: Sequence[Failing], collection: Collection, record: CollectionRecord | None
) -> tuple[Item, ...]:
    """Return the causes, the most frequent first, then what is no member any more or never was.

    `record` has the lists of these, as far as they are known by now.
    """
    found: list[Item] = [*sorted(failing, key=lambda each: -each.count)]
    refused = record.refused if record is not None else ()
    vanished = record.vanished if record is not None else ()
    found += refused
    if (more := collection.refused_count - len(refused)) > 0 and record is not None:
        found.append(Remark(f"and {more:,} more refused"))
    found += map(Vanished, vanished)
    if (more := collection.vanished_count - len(vanished)) > 0 and record is not None:
        found.append(Remark(f"and {more:,} more vanished"))
    if found or collection.refused_count or collection.vanished_count:
        return tuple(found)
    return (Remark(_nothing(collection)),)


def _nothing(collection: Collection) -> str:
    """Return what to say where there is nothing to show, and no more than is known."""
    if collection.read_error is not None:
        return "What else it has nobody knows: its source could not be read."
    so_far = " so far" if collection.state is CollectionState.READING else ""
    return f"Nothing is bad or missing{so_far}."


def row(item: Item, *, ascii_only: bool) -> Sequence[Content]:
    """Return the contents of the columns for an item."""

    def path(text: str) -> Content:
        cleaned = fmt.clean(text)
        return (lambda room: fmt.cut_middle(cleaned, room, ascii_only=ascii_only)), Role.PLAIN

    match item:
        case Failing():
            return (
                (f"{item.count:,}", Role.PLAIN),
                (cause_words(item.code, item.status), Role.FAILED),
                path(item.example),
                (_why(item), Role.MUTED),
            )
        case Refused():
            return (
                ("", Role.PLAIN),
                ("refused", Role.FAILED),
                (fmt.clean(f"{item.where}: {item.reason}"), Role.PLAIN),
                (fmt.clean(item.reason), Role.MUTED),
            )
        case Vanished():
            return (
                ("", Role.PLAIN),
                ("vanished", Role.WAITING),
                path(item.path),
                (_NAMED_NO_LONGER, Role.MUTED),
            )
    return (("", Role.PLAIN), ("", Role.PLAIN), (item.text, item.role), ("", Role.PLAIN))


def _why(item: Failing) -> str:
    return "it was given up" if item.error is None else fmt.sentence(item.error)


def _progress(
    sums: Sums, verdicts: Mapping[Verdict, int], total: int, width: int, *, ascii_only: bool
) -> Line:
    """Return the line with the bar: how much of how much, how fast, and how long it takes."""
    (label,) = labelled([("Progress", "x", Role.PLAIN)], width, ascii_only=ascii_only)
    part = share(sums, verdicts, total) or (0, 1)
    role = Role.BAR_DONE if part[0] == part[1] else Role.BAR if sums.rate else Role.BAR_IDLE
    more = "" if sums.known else " or more"
    words = [
        fmt.percent(*part),
        f"{fmt.size(sums.bytes_done)} of {fmt.size(sums.bytes_total)}{more}",
    ]
    if sums.rate:
        words.append(fmt.rate(sums.rate))
        if sums.known:
            left = (sums.bytes_total - sums.bytes_done) / sums.rate
            words.append(f"{fmt.duration(left)} left")
    x, text = label[1].x, "  ".join(words)
    # The figures first: the bar has what they leave.
    room = min(width - x - cell_len(text) - 2, _BAR)
    cells = [label[0]]
    if room >= _LEAST_BAR:
        cells.append(Cell(x, charts.progress_bar(*part, room, ascii_only=ascii_only), role))
        x += room + 2
    text = fmt.fit(text, min(cell_len(text), max(width - x, 0)), ascii_only=ascii_only)
    return (*cells, Cell(x, text, Role.PLAIN))


def _read(collection: Collection, now: datetime) -> str:
    if collection.read_at is None or collection.source is None:
        return ""
    return f", read {fmt.ago((now - collection.read_at).total_seconds())}"


def _together(collection: Collection) -> str:
    if not collection.together or collection.state is CollectionState.PUBLISHED:
        return ""
    return " (there once all of it is whole)"


def _set(collection: Collection) -> list[str]:
    """Return what a person has set for all of it."""
    words = [STATES[Status.PAUSED]] if collection.paused else []
    if collection.priority:
        words.append(f"priority {collection.priority}")
    if collection.limit:
        words.append(f"at most {fmt.rate(collection.limit)}")
    return words
