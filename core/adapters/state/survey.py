"""What lies on disk of a document, and what of it can be believed; nothing is changed here.

The names of the files and how they come about are the matter of `generations`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from core.adapters.files.atomic_file import NotAFileError, open_state, read_state, state_error
from core.adapters.state.journal import Change, Head, Replay, head_of, replay, was_written
from core.adapters.state.reading import apply, read
from core.adapters.state.tables import DamagedError, Format, NewerError, Tables
from core.domain.errors import StateError


class Segment:
    """A journal with a line that can be believed; it is read once somebody asks what it holds."""

    def __init__(self, path: Path, head: Head, replayed: Replay | None = None) -> None:
        self.path = path
        self.schema, self.generation = self._head = head
        self._replay = replayed

    @property
    def replay(self) -> Replay:
        """What of it counts; raises StateError where it cannot be read."""
        if self._replay is None:
            self._replay = replay(read_state(self.path) or b"") or Replay(self._head)
        return self._replay


@dataclass(slots=True)
class Survey:
    """The newest state that can be believed, and what is wrong.

    `place` is the file of the generation that it begins with, None where there is none: then the
    tables hold what the journals tell of the records that were changed last. `size` is its bytes,
    `generation` its number, `newest` the highest number that any file speaks of. `last` is the last
    of the journals that were made use of. `is_current` tells that the generation is of this winch's
    schema. `damaged` are generations, `unused` journals that are no good, each with the words to
    follow its name in a sentence.
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

    Raises StateError where any of them was written by a newer winch, or a file cannot be read.
    """
    found = Survey(layout.empty())
    segments = _segments(journals, found)
    for segment in segments.values():
        if segment.schema > layout.schema:
            raise _newer(layout, segment.path, segment.schema)
    for path in documents:
        try:
            _restore(layout, path, segments, found)
        except (NotAFileError, DamagedError) as reason:
            found.damaged[path] = str(reason)
        except NewerError as error:
            raise _newer(layout, path, error) from error
        if found.place is not None:
            break
    found.newest = max([found.generation, *segments])
    if found.place is None:
        # Only with the tables that they change, those of an older schema are brought to today's.
        today = {n: each for n, each in segments.items() if each.schema == layout.schema}
        if today:
            found.generation = _oldest(today)
            _follow(layout, today, found, layout.schema)
    _tell_unused(layout, segments, found)
    return found


def _tell_unused(layout: Format, segments: Mapping[int, Segment], found: Survey) -> None:
    reached = found.generation - 1 if found.last is None else found.last.generation
    for generation, segment in segments.items():
        if found.generation <= generation <= reached:
            if segment.replay.is_damaged:
                found.unused[segment.path] = "is damaged: what lies behind the damage was not used"
        elif found.place is None or generation > reached:
            what = f"does not follow the {layout.title}"
            if segment.schema < layout.schema:
                what = f"was written by an older winch (schema {segment.schema})"
            found.unused[segment.path] = f"{what} and was not used"


def _newer(layout: Format, path: Path, schema: object) -> StateError:
    return StateError(
        f"{path} was written by a newer winch (schema {schema}, this one knows {layout.schema})",
        hint="update winch, or give it another state directory with WINCH_HOME",
    )


def _segments(journals: Iterable[Path], found: Survey) -> dict[int, Segment]:
    segments = {}
    for path in journals:
        try:
            if (segment := _segment(path, found)) is not None:
                segments[segment.generation] = segment
        except NotAFileError as error:
            found.unused[path] = str(error)
    return segments


def _segment(path: Path, found: Survey) -> Segment | None:
    if (file := open_state(path)) is None:
        return None
    with file:
        head = head_of(file.readline())
    if head is not None:
        return Segment(path, head)
    text = read_state(path) or b""
    if (replayed := replay(text)) is not None:
        return Segment(path, replayed.head, replayed)
    if was_written(text):
        found.unused[path] = "is damaged and was not used"
    return None


def _restore(layout: Format, path: Path, segments: Mapping[int, Segment], found: Survey) -> None:
    """Read a generation, if it is there, and the journals that follow it.

    Raises DamagedError, NewerError, NotAFileError, StateError.
    """
    if (file := open_state(path)) is None:
        return

    def changes(head: Head) -> list[Change]:
        chain = _chain(layout, segments, head)
        return [c for each in chain if each.schema == head.schema for c in each.replay.changes]

    with file:
        try:
            generation = read(layout, file, changes)
        except OSError as error:
            raise state_error(error, path, verb="read") from error
    found.place, found.generation, found.size = path, generation.number, generation.size
    found.tables, found.saved_at = generation.tables, generation.saved_at
    found.is_current = generation.is_current
    _follow(layout, segments, found, generation.schema)


def _follow(layout: Format, segments: Mapping[int, Segment], found: Survey, schema: int) -> None:
    """Make the changes of the journals that follow a generation which was written in a schema.

    Those in an older one are made already: that comes before it is brought to today's.
    """
    for segment in _chain(layout, segments, Head(schema, found.generation)):
        is_made = segment.schema != layout.schema
        if not is_made and not apply(layout, found.tables, segment.replay.changes):
            segment.replay.is_damaged = True
        found.last = segment
        found.saved_at = segment.replay.saved_at or found.saved_at
        if segment.replay.is_damaged:
            break


def _oldest(segments: Mapping[int, Segment]) -> int:
    """Return the first of the journals that lead to the newest one without a gap."""
    generation = max(segments)
    while generation - 1 in segments:
        generation -= 1
    return generation


def _chain(layout: Format, segments: Mapping[int, Segment], head: Head) -> list[Segment]:
    """Return the journals that follow a generation, up to one that is not to be believed whole.

    First those of its own schema, then those of today's.
    """
    chain: list[Segment] = []
    schema, generation = head
    while (segment := segments.get(generation)) is not None:
        if segment.schema not in (schema, layout.schema):
            break
        chain.append(segment)
        schema = segment.schema
        generation += 1
        found = segment.replay
        if generation in segments:
            # A journal is ended before the next one is begun: what it had by then was acknowledged.
            found.is_damaged |= found.is_torn
            found.changes += found.unproved
            found.unproved = []
        if found.is_damaged:
            break
    return chain
