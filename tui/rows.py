"""The rows of the list: sorted places, some of them gathered under rows for their groups.

A group stands where the first of its members stands, and its members below it, unless it is
folded. Knows nothing of downloads: an id, where it sorts, and the name of its group.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tui.ordering import Place


@dataclass(frozen=True, slots=True)
class DownloadRow:
    """A row that shows a download."""

    id: str


@dataclass(frozen=True, slots=True)
class GroupRow:
    """The row over the members of a group, or instead of them."""

    name: str


Row = DownloadRow | GroupRow

# A spot in the list that outlives what stood there: the top-level place, and the place in a group.
Spot = tuple[Place, str | None, Place | None]


@dataclass(frozen=True, slots=True)
class _Index:
    """The groups in the order of their rows: names, indexes in the top level, indexes of rows.

    `members_before` counts the rows of members before each group, and last those of all.
    """

    names: list[str]
    heads: list[int]
    starts: list[int]
    members_before: list[int]


class Rows:
    """A sorted list of places with groups in it; finds rows by index and indexes by row.

    A row costs a bisection. After a change that moves rows, the next look costs one for each group
    too. Folding outlives everything, also the group.
    """

    def __init__(self) -> None:
        self._folded: set[str] = set()
        self.fill((), {})

    def fill(self, places: Iterable[Place], group_of: Mapping[str, str]) -> None:
        """Replace everything by places that come sorted; `group_of` names the groups of some."""
        # A group stands in the top level as the place of its first member.
        self._top: list[Place] = [] if group_of else list(places)
        self._groups: dict[str, list[Place]] = {}
        top, groups = self._top, self._groups
        for place in places if group_of else ():
            group = group_of.get(place[-1])
            if group is None:
                top.append(place)
            elif (members := groups.get(group)) is not None:
                members.append(place)
            else:
                groups[group] = [place]
                top.append(place)
        self._index: _Index | None = None

    def add(self, place: Place, group: str | None) -> None:
        """Put a place where it belongs."""
        if group is None:
            insort(self._top, place)
        elif (members := self._groups.get(group)) is None:
            self._groups[group] = [place]
            insort(self._top, place)
        elif place < members[0]:
            self._top_remove(members[0])
            members.insert(0, place)
            insort(self._top, place)
        else:
            insort(members, place)
        self._index = None

    def remove(self, place: Place, group: str | None) -> None:
        """Take a place out that is in."""
        if group is None:
            self._top_remove(place)
        else:
            members = self._groups[group]
            if is_first := members[0] == place:
                self._top_remove(place)
            del members[bisect_left(members, place)]
            if not members:
                del self._groups[group]
            elif is_first:
                insort(self._top, members[0])
        self._index = None

    def fold(self, group: str, *, folded: bool = True) -> None:
        """Hide the members of a group behind its row, or show them again."""
        if folded:
            self._folded.add(group)
        else:
            self._folded.discard(group)
        self._index = None

    def is_folded(self, group: str) -> bool:
        """Tell whether only the row of a group is shown."""
        return group in self._folded

    def __len__(self) -> int:
        return len(self._top) + self._counted().members_before[-1]

    @property
    def groups(self) -> Iterable[str]:
        """The names of the groups, in no order."""
        return self._groups.keys()

    def members(self, group: str) -> Sequence[Place]:
        """Return the places in a group, none where there is no such group."""
        return self._groups.get(group, ())

    def at(self, index: int) -> Row:
        """Return what stands in a row."""
        counted = self._counted()
        number = bisect_right(counted.starts, index) - 1
        if number < 0:
            return DownloadRow(self._top[index][-1])
        group, below = counted.names[number], index - counted.starts[number]
        if below == 0:
            return GroupRow(group)
        shown = self._shown(group)
        if below <= len(shown):
            return DownloadRow(shown[below - 1][-1])
        return DownloadRow(self._top[index - counted.members_before[number + 1]][-1])

    def index_at(self, spot: Spot) -> int:
        """Return the row of a spot, or the row that moved up into it."""
        top, group, member = spot
        members = self._groups.get(group, []) if group is not None else []
        if group is None or not members:
            return self._row_of(bisect_left(self._top, top))
        start = self._row_of(bisect_left(self._top, members[0]))
        shown = self._shown(group)
        return start if member is None or not shown else start + 1 + bisect_left(shown, member)

    def spot(self, place: Place, group: str | None) -> Spot:
        """Return the spot of a place that is in."""
        return (place, None, None) if group is None else (self._groups[group][0], group, place)

    def group_spot(self, group: str) -> Spot:
        """Return the spot of a group's own row."""
        return self._groups[group][0], group, None

    def _shown(self, group: str) -> list[Place]:
        return [] if group in self._folded else self._groups[group]

    def _top_remove(self, place: Place) -> None:
        del self._top[bisect_left(self._top, place)]

    def _row_of(self, top_index: int) -> int:
        """Return the row of an index in the top level."""
        counted = self._counted()
        return top_index + counted.members_before[bisect_left(counted.heads, top_index)]

    def _counted(self) -> _Index:
        if self._index is None:
            heads = sorted(
                (bisect_left(self._top, members[0]), name) for name, members in self._groups.items()
            )
            before = [0]
            for _, name in heads:
                before.append(before[-1] + len(self._shown(name)))
            self._index = _Index(
                names=[name for _, name in heads],
                heads=[head for head, _ in heads],
                starts=[head + rows for (head, _), rows in zip(heads, before, strict=False)],
                members_before=before,
            )
        return self._index
