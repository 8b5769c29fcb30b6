"""The rows of the list: ids in order, some of them gathered under rows for their groups.

A group stands where the first of its members stands, and its members below it, unless it is
folded. One without members has a row where an id stands in for them. Knows nothing of downloads: an
id, where it sorts, and the name of its group.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tui.model.ordering import SortPlace


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
Spot = tuple[SortPlace, str | None, SortPlace | None]


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
    """A sorted list of ids with groups in it; finds rows by index and indexes by row.

    `place_of` tells where an id sorts; of one that is in, it has to tell the same until the id is
    out. The places are not held: in a long list they would take more than all the rest of it.

    A row costs a bisection. After a change that moves rows, the next look costs one for each group
    too. Folding outlives everything, also the group.
    """

    def __init__(self, place_of: Callable[[str], SortPlace]) -> None:
        self._place_of = place_of
        self._folded: set[str] = set()
        self.fill((), {})

    def fill(self, ids: Iterable[str], group_of: Mapping[str, str]) -> None:
        """Replace everything by ids that come sorted; `group_of` names the groups of some."""
        # A group stands in the top level as its first member.
        self._top: list[str] = [] if group_of else list(ids)
        self._groups: dict[str, list[str]] = {}
        # What stands in the top level for groups without members.
        self._stand_ins: dict[str, str] = {}
        top, groups = self._top, self._groups
        for id_ in ids if group_of else ():
            group = group_of.get(id_)
            if group is None:
                top.append(id_)
            elif (members := groups.get(group)) is not None:
                members.append(id_)
            else:
                groups[group] = [id_]
                top.append(id_)
        self._index: _Index | None = None

    def add(self, id_: str, group: str | None) -> None:
        if group is None:
            self._insert(self._top, id_)
        elif (members := self._groups.get(group)) is None:
            self._groups[group] = [id_]
            self._insert(self._top, id_)
        else:
            first = self._first(group)
            self._insert(members, id_)
            if members[0] != first:
                self._delete(self._top, first)
                self._insert(self._top, id_)
                self._stand_ins.pop(group, None)
        self._index = None

    def remove(self, id_: str, group: str | None) -> None:
        """Take an id out that is in."""
        if group is None:
            self._delete(self._top, id_)
        else:
            members = self._groups[group]
            is_first = members[0] == id_
            self._delete(members, id_)
            if is_first:
                self._delete(self._top, id_)
            if not members:
                del self._groups[group]
            elif is_first:
                self._insert(self._top, members[0])
        self._index = None

    def stand_in(self, id_: str, group: str) -> None:
        """Give a group that has no members a row, until it has one, where this id sorts."""
        self._groups[group] = []
        self._stand_ins[group] = id_
        self._insert(self._top, id_)
        self._index = None

    def leave(self, group: str) -> None:
        """Take the row of a group away, if something stands in for its members."""
        if (id_ := self._stand_ins.pop(group, None)) is not None:
            del self._groups[group]
            self._delete(self._top, id_)
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

    def has(self, group: str) -> bool:
        """Tell whether a group has a row."""
        return group in self._groups

    def members(self, group: str) -> Sequence[str]:
        """Return the ids in a group, none where there is no such group."""
        return self._groups.get(group, ())

    def at(self, index: int) -> Row:
        counted = self._counted()
        number = bisect_right(counted.starts, index) - 1
        if number < 0:
            return DownloadRow(self._top[index])
        group, below = counted.names[number], index - counted.starts[number]
        if below == 0:
            return GroupRow(group)
        shown = self._shown(group)
        if below <= len(shown):
            return DownloadRow(shown[below - 1])
        return DownloadRow(self._top[index - counted.members_before[number + 1]])

    def index_at(self, spot: Spot) -> int:
        """Return the row of a spot, or the row that moved up into it."""
        top, group, member = spot
        members = self._groups.get(group, []) if group is not None else []
        if group is None or not members:
            return self._row_of(self._find(self._top, top))
        start = self._row_of(self._find(self._top, self._head(group)))
        shown = self._shown(group)
        return start if member is None or not shown else start + 1 + self._find(shown, member)

    def spot(self, id_: str, group: str | None) -> Spot:
        """Return the spot of an id that is in."""
        place = self._place_of(id_)
        return (place, None, None) if group is None else (self._head(group), group, place)

    def group_spot(self, group: str) -> Spot:
        """Return the spot of a group's own row."""
        return self._head(group), group, None

    def _head(self, group: str) -> SortPlace:
        """Return the place of a group in the top level."""
        return self._place_of(self._first(group))

    def _first(self, group: str) -> str:
        """Return the id that stands in the top level for a group."""
        members = self._groups[group]
        return members[0] if members else self._stand_ins[group]

    def _shown(self, group: str) -> list[str]:
        return [] if group in self._folded else self._groups[group]

    def _find(self, ids: list[str], place: SortPlace) -> int:
        return bisect_left(ids, place, key=self._place_of)

    def _insert(self, ids: list[str], id_: str) -> None:
        insort(ids, id_, key=self._place_of)

    def _delete(self, ids: list[str], id_: str) -> None:
        del ids[self._find(ids, self._place_of(id_))]

    def _row_of(self, top_index: int) -> int:
        """Return the row of an index in the top level."""
        counted = self._counted()
        return top_index + counted.members_before[bisect_left(counted.heads, top_index)]

    def _counted(self) -> _Index:
        if self._index is None:
            heads = sorted(
                (self._find(self._top, self._head(group)), group) for group in self._groups
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
