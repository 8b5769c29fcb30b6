"""`winch export` and `winch import`: carry the queue to a file, to another machine, or back.

The document goes through stdin and stdout by itself, so that a pipe between two winches is enough.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import sys
from datetime import UTC, datetime
from pathlib import Path

from core.domain.errors import ExitCode, UsageError, WinchError
from core.domain.models import Conflict, Download, DownloadRequest
from core.domain.service import DownloadService
from tui.cli import exchange
from tui.cli.client import connected
from tui.cli.files import write_private
from tui.cli.requests import absolute
from tui.cli.signals import Signals
from tui.cli.terminal import out, say
from tui.cli.wording import HELD, counted
from tui.format import short_id


def export(args: argparse.Namespace) -> int:
    """Write the queue, the unfinished part of it unless --all is given."""
    target = None if args.file == "-" else Path(args.file)
    if target is not None and not args.force:
        _refuse_foreign(target)

    async def ask() -> int:
        async with connected() as service:
            views = await service.downloads()
            paused = (await service.status()).paused
        entries = [
            exchange.entry(view)
            for view in views
            if args.all or view.download.status not in exchange.ENDED
        ]
        if args.no_secrets:
            entries = _stripped(entries)
        elif secret := sum(map(exchange.holds_secrets, entries)):
            say(f"it holds the headers, logins or tokens of {counted(secret)}: keep it to yourself")
        document = exchange.Export(
            exported_at=datetime.now(UTC), paused=paused, downloads=tuple(entries)
        )
        text = exchange.to_text(document)
        if target is None:
            sys.stdout.write(text)
        else:
            write_private(target, text.splitlines())
            say(f"exported {counted(len(entries))} to {target}")
        return ExitCode.OK

    return Signals().run(ask())


def import_(args: argparse.Namespace) -> int:
    """Queue what a document asks for, in its order, and print an id for each that is new."""
    shown = "stdin" if args.file == "-" else args.file
    document = exchange.from_bytes(_read(args.file), shown)
    directory = None if args.directory is None else absolute(args.directory)
    requests = exchange.to_requests(document, shown, directory=directory)
    if not args.overwrite:
        requests = _harmless(requests)

    async def ask() -> int:
        async with connected() as service:
            takes_over = bool(requests) and document.paused and await _may_hold(service)
            if takes_over:
                # Before anything is added, so that nothing begins meanwhile.
                await service.hold(True)
            try:
                added = await _add(service, requests)
            except WinchError:
                if takes_over:
                    await service.hold(False)
                raise
            paused = (await service.status()).paused
        for download in added:
            out(short_id(download.id))
        say(_summary(len(added), len(requests), len(document.downloads)))
        if paused:
            say(HELD)
        return ExitCode.OK

    return Signals().run(ask())


def _stripped(entries: list[exchange.Entry]) -> list[exchange.Entry]:
    bare = [exchange.without_secrets(item) for item in entries]
    pairs = zip(entries, bare, strict=True)
    if changed := sum(exchange.holds_secrets(item) for item, _ in pairs):
        say(f"left out the secrets of {counted(changed)}; it may not work without them")
    return bare


def _harmless(requests: list[DownloadRequest]) -> list[DownloadRequest]:
    """Return the requests without leave to overwrite files: a document is no word of the person."""
    harmless = [
        dataclasses.replace(r, conflict=None) if r.conflict is Conflict.OVERWRITE else r
        for r in requests
    ]
    if changed := sum(a is not b for a, b in zip(harmless, requests, strict=True)):
        say(f"{counted(changed)} would overwrite what exists; they do not, without --overwrite")
    return harmless


async def _may_hold(service: DownloadService) -> bool:
    """Tell whether the queue has to be held as the exported one was; only an empty one is."""
    status = await service.status()
    if status.paused:
        return False
    if sum(status.counts.values()) == sum(status.counts.get(s, 0) for s in exchange.ENDED):
        return True
    say("the exported queue was held, this one is not; `winch pause --queue` holds it")
    return False


async def _add(service: DownloadService, requests: list[DownloadRequest]) -> list[Download]:
    """Add what is new, all of it or nothing."""
    added: list[Download] = []
    try:
        for portion in exchange.portions(requests):
            added += await service.add(portion, only_new=True)
    except WinchError:
        with contextlib.suppress(WinchError):
            await service.remove([download.id for download in added])
        raise
    return added


def _summary(added: int, asked: int, all_: int) -> str:
    parts = [f"imported {counted(added)}"]
    if known := asked - added:
        parts.append(f"{known} in the list already")
    if ended := all_ - asked:
        parts.append(f"{ended} completed or cancelled, left out")
    return "; ".join(parts)


def _read(source: str) -> bytes:
    """Return what is there, or one byte more than a document may have."""
    try:
        if source == "-":
            return sys.stdin.buffer.read(exchange.MOST_BYTES + 1)
        with Path(source).open("rb") as stream:
            return stream.read(exchange.MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror}") from None


def _refuse_foreign(path: Path) -> None:
    """Raise UsageError where a file would be lost that `winch export` did not write."""
    if path.is_symlink() or path.exists():
        with contextlib.suppress(UsageError):
            if path.is_file() and exchange.is_export(_read(str(path))):
                return
        raise UsageError(
            f"{path} exists and is no export of winch", hint="name another file, or add --force"
        )
