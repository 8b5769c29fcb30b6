"""Which downloads and collections have changed since a revision, for a follower that was away.

Only which: how they are now stands in the list. So what changes a thousand times is one entry, and
what is kept is bounded by the length of the list, and by MOST beyond that.
"""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Iterable

from core.domain.events import Added, Changed, CollectionsChanged, Event, Removed
from core.domain.figures import ChangesSince
from core.engine.downloads.removals import Removals

MOST = 50_000
"""Names that are remembered of a kind; who missed more than that begins anew."""

_Revisions = OrderedDict[str, int]


class ChangeLog:
    """The revision of the last change of each. `life` names this life of the service."""

    def __init__(self, *, most: int = MOST) -> None:
        self.life = uuid.uuid4().hex[:8]
        self._most = most
        self._forgotten = 0
        """The newest revision of what is not remembered any more."""
        self._changed, self._removed = _Revisions(), Removals(most)
        self._collections, self._collections_removed = _Revisions(), Removals(most)

    def note(self, event: Event) -> None:
        """Remember what an event tells of."""
        match event:
            case Added() | Changed():
                self.note_changed((download.id for download in event.downloads), event.revision)
            case Removed():
                self._remove(event.ids, event.revision, self._changed, self._removed)
            case CollectionsChanged():
                there, gone = self._collections, self._collections_removed
                self._change((each.name for each in event.collections), event.revision, there, gone)
                self._remove(event.removed, event.revision, there, gone)

    def note_changed(self, ids: Iterable[str], revision: int) -> None:
        """Remember downloads that are new or other ones, of which nobody was told perhaps."""
        self._change(ids, revision, self._changed, self._removed)

    def since(self, life: str, revision: int, *, now: int) -> ChangesSince:
        """Return what has changed since a revision of a life; it is revision `now` by now."""
        if life != self.life or not self._forgotten <= revision <= now:
            return ChangesSince(life=self.life, revision=now, is_known=False)
        return ChangesSince(
            life=self.life,
            revision=now,
            is_known=True,
            changed=_after(self._changed, revision),
            removed=self._removed.after(revision, there=self._changed),
            collections=_after(self._collections, revision),
            collections_removed=self._collections_removed.after(revision, there=self._collections),
        )

    def _change(
        self, names: Iterable[str], revision: int, there: _Revisions, gone: Removals
    ) -> None:
        for name in names:
            gone.drop(name)
            there[name] = revision
            there.move_to_end(name)
        while len(there) > self._most:
            _, forgotten = there.popitem(last=False)
            self._forgotten = max(self._forgotten, forgotten)

    def _remove(
        self, names: Iterable[str], revision: int, there: _Revisions, gone: Removals
    ) -> None:
        for name in names:
            there.pop(name, None)
            gone.note(name, revision)
        self._forgotten = max(self._forgotten, gone.forgotten)


def _after(revisions: _Revisions, revision: int) -> dict[str, int]:
    """Return those that are newer than a revision, the oldest first."""
    found = {}
    for name, changed in reversed(revisions.items()):
        if changed <= revision:
            break
        found[name] = changed
    return dict(reversed(found.items()))
