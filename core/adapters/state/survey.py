"""What lies on disk of a document, and what of it can be believed; nothing is changed here.

The names of the files and how they come about are the matter of `generations`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from core.adapters.files.atomic_file import NotAFileError, read_state
from core.adapters.state.journal import Replay, replay
from core.adapters.state.tables import (
    DamagedError,
    Format,
    NewerError,
    Tables,
    apply,
    decoded,
    migrated,
    parse,
)
from core.domain.errors import StateError


@dataclass(slots=True)
class Segment:
    """A journal with a line that can be believed."""

    path: Path
    replay: Replay


@dataclass(slots=True)
class Survey:
    """The newest state that can be believed, and what is wrong.

    `place` is the file of the generation that it begins with, None where there is none, `size` its
    bytes, `generation` its number, `newest` the highest number that any file speaks of. `last` is
    the last of the journals that were made use of. `is_current` tells that the generation is of
    this winch's schema. `damaged` are generations, `unused` journals that are no good, each with
    the words to follow its name in a sentence.
    """

    tables: Tables
    place: Path | None = None
    size: int = 0
    generation: int = 0
    newest: int = 0
    saved_at: datetime | None = None
    last: Segment | None = None
    is_current: bool = False
    damaged: dict[Path, str] = field(default_factory=dict)
    unused: dict[Path, str] = field(default_factory=dict)


def survey(layout: Format, documents: Iterable[Path], journals: Iterable[Path]) -> Survey:
    """Look at generations, the preferred one first, and at all journals.

    Raises StateError where a generation was written by a newer winch, or a file cannot be read.
    """
    found = Survey(layout.empty())
    segments = _segments(journals, found)
    for path in documents:
        try:
            if (text := read_state(path)) is not None:
                _restore(layout, path, text, segments, found)
        except (NotAFileError, DamagedError) as reason:
            found.damaged[path] = str(reason)
        except NewerError as error:
            raise StateError(
                f"{path} was written by a newer winch (schema {error}, this one knows"
                f" {layout.schema})",
                hint="update winch, or give it another state directory with WINCH_HOME",
            ) from error
        if found.place is not None:
            break
    reached = found.generation if found.last is None else found.last.replay.generation
    found.newest = max([found.generation, *segments])
    for generation, segment in segments.items():
        if segment.replay.is_damaged and found.generation <= generation <= reached:
            found.unused[segment.path] = "is damaged: what lies behind the damage was not used"
        elif generation > reached or found.place is None:
            found.unused[segment.path] = f"does not follow the {layout.title} and was not used"
    return found


def _segments(journals: Iterable[Path], found: Survey) -> dict[int, Segment]:
    segments = {}
    for path in journals:
        try:
            text = read_state(path)
        except NotAFileError as error:
            found.unused[path] = str(error)
        else:
            if text and (content := replay(text)) is not None:
                segments[content.generation] = Segment(path, content)
    return segments


def _restore(
    layout: Format, path: Path, text: bytes, segments: Mapping[int, Segment], found: Survey
) -> None:
    """Read a generation and the journals that follow it; raises DamagedError, NewerError."""
    stored = parse(layout, text)
    is_current = stored.schema == layout.schema
    chain = _chain(stored.generation, segments)
    if not is_current:
        stored = migrated(layout, stored, (c for s in chain for c in s.replay.changes))
    tables = decoded(layout, stored)
    saved_at = stored.saved_at
    for segment in chain:
        if is_current and not apply(layout, tables, segment.replay.changes):
            segment.replay.is_damaged = True
        found.last = segment
        saved_at = segment.replay.saved_at or saved_at
        if segment.replay.is_damaged:
            break
    found.tables, found.saved_at, found.is_current = tables, saved_at, is_current
    found.place, found.size, found.generation = path, len(text), stored.generation


def _chain(generation: int, segments: Mapping[int, Segment]) -> list[Segment]:
    """Return the journals that follow a generation, up to one that is not to be believed whole."""
    chain: list[Segment] = []
    while (segment := segments.get(generation)) is not None:
        chain.append(segment)
        generation += 1
        # A journal is ended before the next one is begun.
        segment.replay.is_damaged |= segment.replay.is_torn and generation in segments
        if segment.replay.is_damaged:
            break
    return chain
