"""Collections in words and as the objects that scripts read: a table, one in full, a report's rows.

The names in the objects are a contract: fields are added, never renamed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from core.domain.collections import CollectionView, ReportRow, SyncPlan, Verdict
from core.domain.entries import SourceSpec
from core.domain.redact import redact_url
from tui.text import fmt
from tui.text.json_records import timestamp

ROW_FIELDS = (
    *("path", "url", "bytes", "digest", "verdict", "cause", "message", "attempts", "seconds", "id"),
)
"""What a row of a report has, in this order."""
_TITLES = ("NAME", "FILES", "DONE", "SIZE", "RATE", "ETA", "VERDICT")
_RIGHT = frozenset({"FILES", "DONE", "SIZE", "RATE", "ETA"})
_MOST_REFUSED = 20
"""Refused entries that are named in full; a report has all that are known."""


def collection_record(view: CollectionView, *, with_lists: bool = False) -> dict[str, object]:
    """Return a collection as an object; with its lists, what is refused and vanished is named."""
    collection, totals = view.collection, view.totals
    source, error = collection.source, collection.trouble
    record: dict[str, object] = {
        "name": collection.name,
        "verdict": view.verdict,
        "is_whole": view.is_whole,
        "state": collection.state.value,
        "directory": collection.directory,
        "source": None if source is None else _address(source),
        "source_kind": source and source.kind,
        "together": collection.together,
        "paused": collection.paused,
        "priority": collection.priority,
        "limit": collection.limit,
        "files": sum(view.verdicts.values()),
        **{verdict.value: view.lacking(verdict) for verdict in Verdict},
        "refused_count": collection.refused_count,
        "vanished_count": collection.vanished_count,
        "total_bytes": None if totals.unsized else totals.bytes_total,
        "bytes_downloaded": totals.bytes_done,
        "rate": round(totals.rate) if totals.rate else None,
        "eta": None if totals.eta is None else round(totals.eta),
        "causes": [
            {"code": cause.code, "message": cause.message, "count": cause.count}
            for cause in view.causes
        ],
        "error_code": error and error.code.value,
        "error_message": error and error.message,
        "created_at": timestamp(collection.created_at),
        "read_at": timestamp(collection.read_at),
    }
    if with_lists:
        record["refused"] = [
            {"where": each.where, "code": each.code, "message": each.reason}
            for each in collection.refused
        ]
        record["vanished"] = list(collection.vanished)
    return record


def shortcoming(view: CollectionView) -> str:
    """Return in a sentence what a collection lacks that is not whole."""
    error = view.collection.trouble
    why = "" if error is None else f": {fmt.sentence(error, brackets=False)}"
    return f"{view.collection.name}: {view.verdict}{why}"


def row_record(row: ReportRow) -> dict[str, object]:
    """Return a row of a report as an object."""
    record = {name: getattr(row, name) for name in ROW_FIELDS}
    seconds = None if row.seconds is None else round(row.seconds, 3)
    url = None if row.url is None else redact_url(row.url)
    return record | {"verdict": row.verdict.value, "url": url, "seconds": seconds}


def sync_record(plan: SyncPlan) -> dict[str, object]:
    """Return what a reading of a source came to as an object; its lists have the first paths."""
    kinds = ("new", "changed", "damaged", "vanished", "deleted")
    return {
        **{kind: list(getattr(plan, kind)) for kind in kinds},
        "refused": [
            {"where": each.where, "code": each.code, "message": each.reason}
            for each in plan.refused
        ],
        "counts": {kind: plan_count(plan, kind) for kind in (*kinds, "refused")}
        | {"failed": plan.counts.get("failed", 0)},
        "unchanged": plan.unchanged,
        "requests": plan.requests,
        "withheld": plan.withheld or None,
    }


def plan_count(plan: SyncPlan, kind: str) -> int:
    """Return how many there are of a kind, of which the plan names the first."""
    return plan.counts.get(kind, len(getattr(plan, kind)))


def plan_sentence(plan: SyncPlan) -> str:
    """Return how many there are of each kind."""
    kinds = ("new", "changed", "damaged", "vanished", "deleted", "refused")
    parts = [f"{plan_count(plan, kind):,} {kind}" for kind in kinds if plan_count(plan, kind)]
    failed = plan.counts.get("failed", 0)
    hint = f" ({failed:,} of these failed before: `winch retry` tries them)" if failed else ""
    return ", ".join([*parts, f"{plan.unchanged:,} unchanged{hint}"])


def table(views: Sequence[CollectionView], width: int | None) -> list[str]:
    """Return collections as aligned lines under their titles, cut to `width` unless it is None."""
    rows = [_TITLES, *map(_cells, views)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = [
            fmt.fit(cell, room, right=title in _RIGHT)
            for title, cell, room in zip(_TITLES[:-1], row[:-1], widths, strict=False)
        ]
        line = "  ".join((*cells, row[-1]))
        lines.append(line.rstrip() if width is None else fmt.fit(line, width).rstrip())
    return lines


def in_full(view: CollectionView) -> list[str]:
    """Return everything about a collection as labelled lines, below it what is wrong and why."""
    collection, totals = view.collection, view.totals
    source, error = collection.source, collection.trouble
    fields = [
        ("collection", collection.name),
        ("verdict", view.verdict),
        ("path", collection.directory),
        ("source", None if source is None else f"{source.kind} {_address(source)}"),
        ("read", timestamp(collection.read_at)),
        ("error", error and error.message),
        ("hint", error and error.hint),
        ("files", _files(view)),
        ("done", f"{fmt.size(totals.bytes_done)} of {_size(view)}"),
        ("rate", fmt.rate(totals.rate) if totals.rate else None),
        ("time left", None if totals.eta is None else fmt.duration(totals.eta)),
        ("together", "all of them or none" if collection.together else None),
        ("state", "paused" if collection.paused else None),
        ("priority", str(collection.priority) if collection.priority else None),
        ("limit", fmt.rate(collection.limit) if collection.limit else None),
        ("created", timestamp(collection.created_at)),
    ]
    lines = [f"{label:<12}{fmt.clean(value)}" for label, value in fields if value]
    if view.causes:
        lines.append("what is wrong")
        lines += [f"  {c.count:>7,}  {fmt.clean(f'{c.code}: {c.message}')}" for c in view.causes]
    lines += _listed(
        "refused",
        (f"{each.where}: {each.reason}" for each in collection.refused[:_MOST_REFUSED]),
        collection.refused_count,
    )
    lines += _listed(
        "vanished from the source", collection.vanished[:_MOST_REFUSED], collection.vanished_count
    )
    return lines


def _address(source: SourceSpec) -> str:
    """Return where a source is; a path has no secrets."""
    return redact_url(source.address) if "://" in source.address else source.address


def _listed(title: str, texts: Iterable[str], count: int) -> list[str]:
    lines = [f"  {fmt.clean(text)}" for text in texts]
    if not lines:
        return []
    more = [f"  and {count - len(lines):,} more"] if count > len(lines) else []
    return [title, *lines, *more]


def _files(view: CollectionView) -> str:
    parts = [f"{view.lacking(verdict):,} {verdict}" for verdict in Verdict if view.lacking(verdict)]
    return ", ".join(parts) or "none"


def _size(view: CollectionView) -> str:
    unsized = view.totals.unsized
    more = f", and {unsized:,} of unknown length" if unsized else ""
    return fmt.size(view.totals.bytes_total) + more


def _share(view: CollectionView) -> tuple[int, int | None]:
    """Return how much of how much is there: in bytes, or in files where a length is not known."""
    totals, files = view.totals, sum(view.verdicts.values())
    if totals.unsized or not totals.bytes_total:
        return view.lacking(Verdict.WHOLE), files or None
    return totals.bytes_done, totals.bytes_total


def _cells(view: CollectionView) -> tuple[str, ...]:
    totals = view.totals
    return (
        fmt.clean(view.collection.name),
        f"{sum(view.verdicts.values()):,}",
        fmt.percent(*_share(view)),
        fmt.size(None if totals.unsized or not any(view.verdicts.values()) else totals.bytes_total),
        fmt.rate(totals.rate) if totals.rate else "-",
        fmt.duration(totals.eta) if totals.eta is not None else "-",
        fmt.clean(view.verdict) + (", paused" if _rests(view) else ""),
    )


def _rests(view: CollectionView) -> bool:
    """Tell whether something of it waits because it is paused as a whole."""
    return view.collection.paused and view.lacking(Verdict.PENDING) > 0
