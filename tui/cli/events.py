"""`winch events`: what happens, one JSON object a line, for scripts that act on it.

It starts no daemon: what somebody has stopped stays so.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import AsyncIterator, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

from core.domain.bounds import cut
from core.domain.errors import ExitCode, RpcError, UnreachableError, UsageError
from core.domain.events import Event, Snapshot
from core.domain.service import DownloadService
from tui.cli.service_access import connected
from tui.cli.terminal import say
from tui.model.event_lines import EventLines, Line, Mark
from tui.text.json_records import dump

_NOW = "now"
_AT_ONCE = 1000
"""Lines of a long list that are written in one go."""


async def events(args: argparse.Namespace) -> int:
    """Print what happens until the service ends, and no matter why; 1 where none runs."""
    mark = None
    if args.since not in (None, _NOW) and (mark := Mark.parse(args.since)) is None:
        raise UsageError(
            f"'{cut(args.since, 80)}' is nothing to go on from",
            hint="--since takes what a line has as `resume`, or now",
        )
    try:
        async with connected(start=False) as service, service.subscribe() as told:
            lines = await _begin(service, told, args, mark)
            if args.no_follow:
                return ExitCode.OK
            async for event in told:
                _print(lines.of(event, _now()))
            _print([lines.end(_now())])
    except UnreachableError:
        # Not among the lines, each of which is something that happened.
        say("not running")
        return ExitCode.OTHER
    return ExitCode.OK


async def _begin(
    service: DownloadService,
    told: AsyncIterator[Event],
    args: argparse.Namespace,
    mark: Mark | None,
) -> EventLines:
    """Print what comes before all that happens: the list, or what was missed of it."""
    snapshot = await anext(told)
    if not isinstance(snapshot, Snapshot):
        raise RpcError("a subscription did not begin with what there is")
    # Asked once the subscription stands: what happens in between is told twice, and never missed.
    since = await service.changes_since(*(mark or Mark("", 0)))
    lines, now = EventLines(since.life, with_progress=args.progress), _now()
    if args.since == _NOW:
        lines.take_up(snapshot)
        _print([lines.ready(snapshot, now)])
    elif mark is not None and since.is_known:
        _print(lines.missed(snapshot, since, mark, now))
    else:
        _print(lines.all_of(snapshot, _reason(mark, since.life), now))
    return lines


def _reason(mark: Mark | None, life: str) -> str:
    """Say why everything is told, and not what has changed."""
    if mark is None:
        return "start"
    return "restarted" if mark.life != life else "too_old"


def _print(lines: Iterable[Line]) -> None:
    texts: Iterator[str] = map(dump, lines)
    while some := list(islice(texts, _AT_ONCE)):
        sys.stdout.write("".join(f"{text}\n" for text in some))
    # A script acts on the line that it has, not on the next 8 KiB.
    sys.stdout.flush()


def _now() -> datetime:
    return datetime.now(UTC)
