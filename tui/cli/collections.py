"""Collections in the shell: all of them, one in full, each file of one, its source read again."""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncIterator, Sequence

from core.domain.collections import ReportPage, SyncOptions, SyncPlan
from core.domain.errors import ExitCode
from core.domain.service import DownloadService
from core.domain.value import replace
from tui.cli.portions import portions
from tui.cli.service_access import connected
from tui.cli.terminal import check_somebody_there, columns, confirm, out, say
from tui.text import fmt
from tui.text.collection_report import (
    ROW_FIELDS,
    collection_record,
    in_full,
    plan_count,
    plan_sentence,
    row_record,
    shortcoming,
    sync_record,
    table,
)
from tui.text.fmt import counted
from tui.text.json_records import dump


async def collections(args: argparse.Namespace) -> int:
    """List the collections."""
    async with connected() as service:
        views = await service.collections()
    if args.json:
        out(dump([collection_record(view) for view in views]))
    elif views:
        out(*table(views, columns()))
    else:
        say("no collections")
    return ExitCode.OK


async def show_collection(service: DownloadService, name: str, *, as_json: bool) -> int:
    """Show one collection in full."""
    view = await service.collection(name)
    if as_json:
        out(dump(collection_record(view, with_lists=True), indent=2))
    else:
        out(*in_full(view))
    return ExitCode.OK


async def report(args: argparse.Namespace) -> int:
    """Print a row for each file; the status is 0 only where all of them are whole."""
    async with connected() as service:
        if await _print_report(_pages(service, args.name), args):
            return ExitCode.OK
        view = await service.collection(args.name)
    say(shortcoming(view))
    if untold := view.collection.refused_count - len(view.collection.refused):
        say(f"{untold:,} more that it names were refused and are in no row")
    return ExitCode.OTHER


async def _pages(service: DownloadService, name: str) -> AsyncIterator[ReportPage]:
    after: str | None = None
    while True:
        page = await service.report(name, after=after)
        yield page
        if (after := page.next) is None:
            return


async def _print_report(pages: AsyncIterator[ReportPage], args: argparse.Namespace) -> bool:
    is_whole, is_first = False, True
    async for page in pages:
        is_whole = page.is_whole
        async for rows in portions(page.rows):
            records = [row_record(row) for row in rows]
            if args.json:
                before = "[" if is_first else ", "
                out(before + ", ".join(map(dump, records)), end="")
            elif args.csv:
                out(_csv(records, with_header=is_first), end="")
            else:
                out(*map(_line, records))
            is_first = False
        sys.stdout.flush()
    if args.json:
        out("[]" if is_first else "]")
    elif args.csv and is_first:
        out(_csv([], with_header=True), end="")
    return is_whole


def _csv(records: Sequence[dict[str, object]], *, with_header: bool) -> str:
    import csv  # noqa: PLC0415 - few ask for it
    import io  # noqa: PLC0415

    text = io.StringIO()
    writer = csv.DictWriter(text, ROW_FIELDS, lineterminator="\n")
    if with_header:
        writer.writeheader()
    for record in records:
        # A path has no control characters, but what is refused and a server's words may.
        writer.writerow({name: _harmless(cell) for name, cell in record.items()})
    return text.getvalue()


def _harmless(cell: object) -> object:
    return fmt.clean(cell) if isinstance(cell, str) and not cell.isprintable() else cell


def _line(record: dict[str, object]) -> str:
    why = f"  {record['cause']}: {record['message']}" if record["cause"] else ""
    return f"{record['verdict']:<8}{fmt.clean(str(record['path']))}{fmt.clean(why)}"


async def sync(args: argparse.Namespace) -> int:
    """Read a source again, queue what is new, changed or damaged, and say what vanished.

    What deletes asks, after it has named what it would delete.
    """
    deletes = args.delete_extra and not args.dry_run
    if deletes:
        check_somebody_there(yes=args.yes, what="deletes what `--dry-run` names")
    options = SyncOptions(delete_extra=args.delete_extra, dry_run=args.dry_run)
    async with connected() as service:
        if deletes and not args.yes:
            found = await service.sync(args.name, replace(options, dry_run=True))
            await _say_all("deletes ", found.deleted)
            if count := plan_count(found, "deleted"):
                confirm(f"delete {counted(count, 'file')}?", refused="nothing was changed")
        plan = await service.sync(args.name, options)
    if args.json:
        out(dump(sync_record(plan)))
    else:
        await _tell_plan(plan, is_dry=args.dry_run)
    return ExitCode.OTHER if plan.withheld else ExitCode.OK


async def _tell_plan(plan: SyncPlan, *, is_dry: bool) -> None:
    deleted = frozenset(plan.deleted)
    kept = tuple(path for path in plan.vanished if path not in deleted)
    lists = {"new": plan.new, "changed": plan.changed, "damaged": plan.damaged}
    for what, paths in (lists | {"vanished": kept, "deleted": plan.deleted}).items():
        async for part in portions(paths):
            out(*(f"{what:<9}{fmt.clean(path)}" for path in part))
    await _say_all("refused ", [f"{each.where}: {each.reason}" for each in plan.refused])
    if plan.withheld:
        say(f"nothing is deleted: {plan.withheld}")
    say(f"{'would be: ' if is_dry else ''}{plan_sentence(plan)}")


async def _say_all(what: str, texts: Sequence[str]) -> None:
    async for part in portions(texts):
        for text in part:
            say(f"{what}{text}")
