"""`winch export` and `winch import`: carry the queue to a file, to another machine, or back.

The document goes through stdin and stdout by itself, so that a pipe between two winches is enough.
It may come from anywhere and name any directory: what it would do here is looked at beforehand.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core import launcher
from core.domain.errors import ExitCode, UsageError, WinchError
from core.domain.models import Conflict, DownloadRequest, Status
from core.domain.service import DownloadService
from core.domain.value import replace
from tui.cli import export_format
from tui.cli.adding import add_new
from tui.cli.service_access import connected
from tui.cli.terminal import check_somebody_there, confirm, out, say
from tui.control.configuration import default_directory
from tui.control.export_file import write_private
from tui.input.arguments import absolute
from tui.input.remote import REMOTE
from tui.text.fmt import clean, counted, short_id
from tui.text.vocabulary import COMMAND_STATES
from tui.text.wording import HELD

_NAMED = 10


async def export(args: argparse.Namespace) -> int:
    """Write the queue, the unfinished part of it unless --all is given."""
    target = None if args.file == "-" else Path(args.file)
    if target is not None and not args.force:
        _refuse_foreign(target)
    async with connected() as service:
        views = await service.downloads()
        paused = (await service.status()).paused
        found = [view.collection for view in await service.collections()]
    collections = {collection.name: collection for collection in found}
    entries = [
        export_format.entry(view, collections.get(view.download.request.group or ""))
        for view in views
        if args.all or view.download.status not in export_format.ENDED
    ]
    if args.no_secrets:
        entries = _stripped(entries)
    elif secret := sum(map(export_format.holds_secrets, entries)):
        say(f"it holds the headers, logins or tokens of {counted(secret)}: keep it to yourself")
    document = export_format.Export(
        exported_at=datetime.now(UTC), paused=paused, downloads=tuple(entries)
    )
    text = export_format.to_text(document)
    if target is None:
        sys.stdout.write(text)
    else:
        write_private(target, text.splitlines())
        say(f"exported {counted(len(entries))} to {target}")
    return ExitCode.OK


def import_(args: argparse.Namespace) -> Coroutine[Any, Any, int]:
    """Queue what a document asks for, in its order, and print an id for each that is new."""
    shown = "stdin" if args.file == "-" else args.file
    document = export_format.from_bytes(_read(args.file, pipes=True), shown)
    directory = None if args.directory is None else absolute(args.directory)
    review = Review.of(export_format.to_requests(document, shown, directory=directory), directory)
    _agree(review, overwrite=args.overwrite, yes=args.yes)

    async def ask() -> int:
        async with connected() as service:
            takes_over = bool(review.asked) and document.paused and await _may_hold(service)
            if takes_over:
                # Before anything is added, so that nothing begins meanwhile.
                await service.hold(True)
            # Once more from the document: so many requests would not be kept.
            requests: Iterable[DownloadRequest] = filter(
                None, export_format.to_requests(document, shown, directory=directory)
            )
            if not args.overwrite:
                requests = map(_harmless, requests)
            try:
                added = await add_new(service, requests)
            except WinchError:
                if takes_over:
                    await service.hold(False)
                raise
            paused = (await service.status()).paused
        out(*map(short_id, added))
        say(_summary(len(added), review))
        if paused:
            say(HELD)
        return ExitCode.OK

    return ask()


@dataclass(slots=True)
class Review:
    """How many are asked for, ended or would overwrite files; `outside` counts by directory."""

    destination: str
    asked: int = 0
    ended: int = 0
    overwriting: int = 0
    outside: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, requests: Iterable[DownloadRequest | None], directory: str | None) -> Review:
        """Look at all requests; `directory` is what the person named for them, if anything.

        Raises UsageError for winch's own directories, and for hidden files and directories that
        are not there yet: `.bashrc` is a program that runs at the next login.
        """
        review = cls(directory or absolute(default_directory()))
        wanted = _real(os.path.normpath(review.destination))
        inside: dict[str, bool] = {}
        for request in requests:
            if request is None:
                review.ended += 1
                continue
            review.asked += 1
            review.overwriting += request.conflict is Conflict.OVERWRITE
            where = request.directory
            if where not in inside:
                inside[where] = _is_inside(where, wanted)
            if not inside[where] and directory is None:
                review.outside[where] = review.outside.get(where, 0) + 1
            if request.name is not None and request.name.startswith("."):
                _refuse_new(Path(where, request.name))
        return review


def _is_inside(directory: str, wanted: Path) -> bool:
    """Tell whether files go below `wanted`, and not into a hidden directory there.

    Raises UsageError for winch's own directories, and where a hidden one would be made.
    """
    real = _real(directory)
    if REMOTE.get() is None:
        launcher.paths().check_destination(directory)
    for path in (real, *real.parents):
        if path.name.startswith("."):
            _refuse_new(path)
    if not real.is_relative_to(wanted):
        return False
    return not any(part.startswith(".") for part in real.relative_to(wanted).parts)


def _real(directory: str) -> Path:
    """Return where a directory is, on another machine as far as its path tells."""
    return Path(directory).resolve() if REMOTE.get() is None else Path(os.path.normpath(directory))


def _refuse_new(path: Path) -> None:
    # What is on another machine is not looked at: there, none of them is taken.
    if REMOTE.get() is not None or not os.path.lexists(path):
        raise UsageError(
            f"it would make {clean(str(path))}, which is hidden",
            hint="take it out of the document, or make it yourself beforehand",
        )


def _agree(review: Review, *, overwrite: bool, yes: bool) -> None:
    """Say what a document asks for that nobody may expect; raises StoppedError, UsageError."""
    if review.overwriting and not overwrite:
        say(
            f"{counted(review.overwriting)} would overwrite what exists; they do not,"
            " without --overwrite"
        )
    if not review.outside:
        return
    say(f"not all goes to {review.destination}:")
    for directory, count in list(review.outside.items())[:_NAMED]:
        say(f"  {clean(directory)}: {counted(count)}")
    if (more := len(review.outside) - _NAMED) > 0:
        say(f"  and {more:,} more directories")
    check_somebody_there(yes=yes, what="takes them there")
    if not yes:
        confirm("put them there?", refused="nothing was imported")


def _stripped(entries: list[export_format.Entry]) -> list[export_format.Entry]:
    bare = [export_format.without_secrets(item) for item in entries]
    pairs = zip(entries, bare, strict=True)
    if changed := sum(export_format.holds_secrets(item) for item, _ in pairs):
        say(f"left out the secrets of {counted(changed)}; it may not work without them")
    return bare


def _harmless(request: DownloadRequest) -> DownloadRequest:
    """Return a request without leave to overwrite files: a document is no word of the person."""
    if request.conflict is not Conflict.OVERWRITE:
        return request
    return replace(request, conflict=None)


async def _may_hold(service: DownloadService) -> bool:
    """Tell whether the queue has to be held as the exported one was; only an empty one is."""
    status = await service.status()
    if status.paused:
        return False
    if sum(status.counts.values()) == sum(status.counts.get(s, 0) for s in export_format.ENDED):
        return True
    say("the exported queue was held, this one is not; `winch pause --queue` holds it")
    return False


def _summary(added: int, review: Review) -> str:
    parts = [f"imported {counted(added)}"]
    if known := review.asked - added:
        parts.append(f"{known} in the list already")
    if review.ended:
        done, given_up = COMMAND_STATES[Status.COMPLETED], COMMAND_STATES[Status.CANCELLED]
        parts.append(f"{review.ended} {done} or {given_up}, left out")
    return "; ".join(parts)


def _read(source: str, *, pipes: bool) -> bytes:
    """Return what is there, or one byte more than a document may have."""
    if source == "-":
        return sys.stdin.buffer.read(export_format.DOCUMENT_BYTES + 1)
    try:
        return launcher.read_named(source, most=export_format.DOCUMENT_BYTES, pipes=pipes)
    except OSError as error:
        raise UsageError(f"cannot read {source}: {error.strerror}") from None


def _refuse_foreign(path: Path) -> None:
    """Raise UsageError where a file would be lost that `winch export` did not write."""
    if path.is_symlink() or path.exists():
        with contextlib.suppress(UsageError):
            if path.is_file() and export_format.is_export(_read(str(path), pipes=False)):
                return
        raise UsageError(
            f"{path} exists and is no export of winch", hint="name another file, or add --force"
        )
