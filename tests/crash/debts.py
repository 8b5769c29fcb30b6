"""What winch has acknowledged and therefore owes, whatever happens to it."""

from __future__ import annotations

from core.domain.models import Status
from tests.crash.world import World
from tui.demo.files import DemoFile


class Debts:
    """The downloads that were acknowledged, and what was acknowledged about them.

    `owed` are in the list until somebody asks to remove them; `paused` were paused, `top` was
    moved to the top (None while that is not certain). `collections` are the names of those that
    there have to be.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._in_doubt: set[str] = set()
        self._gone: set[str] = set()
        self.collections: set[str] = set()
        self.owed: dict[str, DemoFile] = {}
        self.paused: set[str] = set()
        self.top: str | None = None

    def added(self, id_: str, file: DemoFile) -> None:
        """Take in that a download was acknowledged."""
        self.owed[id_] = file

    def removing(self, id_: str) -> DemoFile:
        """Take in that a removal was asked for: from now on it may be there or not."""
        self._in_doubt.add(id_)
        return self.owed[id_]

    def removed(self, id_: str) -> None:
        """Take in that a removal was acknowledged: it must not come back."""
        self._gone.add(id_)
        self._forget(id_)

    async def check(self) -> None:
        """Compare the list and the files on disk with what is owed."""
        found, collections = await self._world.readable()
        lost = self.collections - collections
        assert not lost, f"{lost} were acknowledged and are lost"
        groups = {download.request.group for download in found.values()} - {None}
        assert groups <= collections, f"members of no collection: {groups - collections}"
        back = self._gone & found.keys()
        assert not back, f"{back} were removed and are back"
        for id_ in [id_ for id_ in self.owed if id_ not in found]:
            assert id_ in self._in_doubt, f"{self.owed[id_].name} was acknowledged and is lost"
            self._forget(id_)
        self._in_doubt.clear()  # who could have removed them is dead
        for id_ in found.keys() - self.owed.keys():
            # Stored, but the kill came before the answer.
            self.owed[id_] = self._world.known[found[id_].request.url.rpartition("/")[2]]
        for id_ in self.paused & found.keys():
            assert found[id_].status is Status.PAUSED, f"{id_} was paused and goes on"
        if self.top in found:
            first = min(found.values(), key=lambda download: download.sort_key)
            assert first.id == self.top, f"{self.top} was moved to the top and is not there"
        self._world.check_files()

    def _forget(self, id_: str) -> None:
        file = self.owed.pop(id_)
        self._in_doubt.discard(id_)
        self.paused.discard(id_)
        if self.top == id_:
            self.top = None
        # What a removal may leave, so that a thousand kills do not fill the disk.
        (self._world.files / f"{file.name}.part").unlink(missing_ok=True)
