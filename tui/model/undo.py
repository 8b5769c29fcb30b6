"""How to take back what was done to the queue: a removal, a move, a change of priority.

Of a collection that is taken back too, beside what becomes of its members.

Pure: made from the queue as it was before, in requests that a service understands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Sequence, Set
from dataclasses import dataclass, replace

from core.domain.collections import Collection, CollectionChanges, CollectionRecord
from core.domain.models import Download
from core.domain.service import MOST_REMOVED, MoveTo
from tui.text.fmt import counted

MOST = 50
"""How many changes are remembered."""


@dataclass(frozen=True, slots=True)
class Restore:
    """Bring removed downloads back."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PutBack:
    """Put downloads, side by side, where they were in the queue; a number counts from 1."""

    ids: tuple[str, ...]
    to: MoveTo | int


@dataclass(frozen=True, slots=True)
class Prioritize:
    """Give downloads a priority."""

    ids: tuple[str, ...]
    priority: int


@dataclass(frozen=True, slots=True)
class Restate:
    """Let a collection be as it was, but for its members."""

    name: str
    changes: CollectionChanges


@dataclass(frozen=True, slots=True)
class Recollect:
    """Make a removed collection again, but for its members."""

    collection: CollectionRecord


Step = Restore | PutBack | Prioritize | Restate | Recollect


@dataclass(frozen=True, slots=True)
class Undo:
    """What takes a change back, and how that is called: `the removal of 2 downloads`."""

    what: str
    steps: tuple[Step, ...]
    lost: int = 0
    """How many of the downloads nobody remembers."""

    def steps_for(self, present: Container[str]) -> list[Step]:
        """Return the steps without the downloads that somebody else has removed since."""
        return _only(self.steps, lambda id_, step: isinstance(step, Restore) or id_ in present)


class Undos:
    """The changes that can be taken back, the last one first."""

    def __init__(self) -> None:
        self._undos: list[Undo] = []

    def __len__(self) -> int:
        return len(self._undos)

    def remember(self, undo: Undo) -> None:
        self._undos = [*self._undos[1 - MOST :], undo]

    def take(self) -> Undo:
        """Return the last change and forget it; raises IndexError when there is none."""
        return self._undos.pop()

    def forget(self, gone: Set[str]) -> None:
        """Leave downloads out of it that are gone for good, and changes of them alone."""
        left = [(undo, _only(undo.steps, lambda id_, _: id_ not in gone)) for undo in self._undos]
        self._undos = [replace(undo, steps=tuple(steps)) for undo, steps in left if steps]


def _only(steps: Iterable[Step], test: Callable[[str, Step], bool]) -> list[Step]:
    """Return steps for those downloads alone that pass, and no step for none."""
    left: list[Step] = []
    for step in steps:
        if isinstance(step, Restate | Recollect):
            left.append(step)
        elif ids := tuple(id_ for id_ in step.ids if test(id_, step)):
            left.append(replace(step, ids=ids))
    return left


def of_removal(ids: Sequence[str], collections: Sequence[CollectionRecord] = ()) -> Undo:
    """Return what brings removed downloads back, the latest of them where they are too many.

    `collections` were removed with them.
    """
    kept = tuple(ids[-MOST_REMOVED:])
    steps: list[Step] = [Recollect(collection) for collection in collections]
    if kept:
        steps.append(Restore(kept))
    what = f"the removal of {_called(collections, len(ids))}"
    return Undo(what, tuple(steps), lost=len(ids) - len(kept))


def of_move(queue: Iterable[Download], moved: Set[str]) -> Undo:
    """Return what puts downloads back to where they are in a queue that is about to change.

    Neighbours go back together. Where there are several such stretches all go out of the way
    first, so that each finds the places before it as they were.
    """
    stretches: list[tuple[int, list[str]]] = []
    before: tuple[int, int] | None = None
    for position, download in enumerate(queue, 1):
        if download.id not in moved:
            continue
        # Priority goes before the order, so a stretch has one.
        here = position, download.request.priority
        if before == (position - 1, download.request.priority):
            stretches[-1][1].append(download.id)
        else:
            stretches.append((position, [download.id]))
        before = here
    ids = tuple(id_ for _, stretch in stretches for id_ in stretch)
    steps: list[Step] = [PutBack(tuple(stretch), position) for position, stretch in stretches]
    if len(steps) > 1:
        steps.insert(0, PutBack(ids, MoveTo.BOTTOM))
    return Undo(f"the move of {counted(len(ids))}", tuple(steps))


def of_priority(downloads: Iterable[Download], collections: Sequence[Collection] = ()) -> Undo:
    """Return what gives downloads and collections the priority back that they have."""
    by_priority: dict[int, list[str]] = defaultdict(list)
    for download in downloads:
        by_priority[download.request.priority].append(download.id)
    ids = [id_ for group in by_priority.values() for id_ in group]
    steps: list[Step] = [
        Restate(each.name, CollectionChanges(priority=each.priority)) for each in collections
    ]
    # After the collections, whose members follow them.
    steps += [Prioritize(tuple(group), priority) for priority, group in by_priority.items()]
    return Undo(f"the priority of {_called(collections, len(ids))}", tuple(steps))


def _called(collections: Sequence[Collection], count: int) -> str:
    """Return how what was changed is called: a collection by its name, others by their number."""
    return collections[0].name if len(collections) == 1 else counted(count)
