"""A list that `-i` names, read as it comes: what it asks for, and which of its lines are wrong.

Each line may say its own path below the destination. What is read twice within 200,000
lines is asked for once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from os import read

from core import launcher
from core.domain.entries import Entry, Refused
from core.domain.errors import UsageError
from core.domain.models import DownloadRequest
from core.domain.origins import Origin
from core.domain.value import replace
from core.sources.lists import MOST_BYTES, ListReader
from tui.input.store_options import in_store

_REMEMBERED = 200_000
"""Addresses after which those before the last so many are forgotten."""


@dataclass(frozen=True, slots=True)
class ListPortion:
    """What a stretch of a list names."""

    entries: list[Entry] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


def list_portions(args: argparse.Namespace) -> Iterator[ListPortion]:
    """Yield what the list of `-i` names, as it comes; blocks. Raises UsageError."""
    reader = ListReader(
        args.format,
        args.base,
        include=getattr(args, "include", ()),
        exclude=getattr(args, "exclude", ()),
    )
    seen = _Seen()
    shown = shown_name(args.input)
    try:
        for items in chain(map(reader.feed, _chunks(args.input)), (reader.end(),)):
            portion = ListPortion()
            for item in items:
                if isinstance(item, Refused):
                    portion.refused.append(item)
                elif seen.is_new(item.url if item.path is None else (item.url, item.path)):
                    portion.entries.append(item)
            yield portion
    except UsageError as error:
        raise UsageError(f"{shown}: {error.message}", hint=error.hint) from None
    except OSError as error:
        raise UsageError(f"cannot read {shown}: {error.strerror}", hint="see -i FILE") from None


def shown_name(source: str) -> str:
    """Return what to call a list in a sentence."""
    return "stdin" if source == "-" else source


def entry_request(shared: DownloadRequest, entry: Entry) -> DownloadRequest:
    """Return what to ask for to have an entry, in a directory below the shared one."""
    directory, name = shared.directory, shared.name
    if entry.path is not None:
        above, _, name = entry.path.rpartition("/")
        directory = f"{directory.rstrip('/')}/{above}" if above else directory
    request = replace(
        shared,
        url=entry.url,
        directory=directory,
        name=name,
        checksum=entry.checksum or shared.checksum,
        mirrors=entry.mirrors or shared.mirrors,
        headers={**shared.headers, **entry.headers} if entry.headers else shared.headers,
        priority=shared.priority if entry.priority is None else entry.priority,
    )
    options = shared.origin.options if shared.origin is not None and in_store(request) else {}
    if entry.path is None and entry.size is None and not options:
        return request if request.origin is None else replace(request, origin=None)
    return replace(request, origin=Origin(size=entry.size, options=options))


def _chunks(source: str) -> Iterable[bytes]:
    if source == "-":
        # Not by its buffer, whose lock a thread that waits here would hold when the process ends.
        return iter(lambda: read(sys.stdin.fileno(), launcher.CHUNK), b"")
    return launcher.named_chunks(source, most=MOST_BYTES)


class _Seen:
    """What was there lately; no list is so long that this takes all memory."""

    def __init__(self) -> None:
        self._before: set[object] = set()
        self._now: set[object] = set()

    def is_new(self, key: object) -> bool:
        if key in self._now or key in self._before:
            return False
        self._now.add(key)
        if len(self._now) == _REMEMBERED:
            self._before, self._now = self._now, set()
        return True
