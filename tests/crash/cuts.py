"""Power cuts at random moments of a recorded life, each followed by a life on what is left.

What the disk holds after a cut is made in a directory of its own. There the part files are other
files than those the records speak of, so the records are told: what names a file by its inode is
sealed anew, if its seal was whole. Nothing else about the state is touched.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from core.adapters.files.destination import identity_of
from core.domain.models import PartIdentity, ResumeRecord
from tests.crash.disk_model import Cut, materialise
from tests.crash.recording import Recording
from tests.crash.replay import Replay
from tests.crash.resealing import reseal
from tests.crash.stage import FILES, Stage
from tests.crash.world import scratch

_IDENTITY = re.compile(rb'\{"device":(\d+),"inode":(\d+)\}')
_LIMIT = 60.0
"""Seconds after which what a cut has left has not come to its end."""


@dataclass(slots=True)
class CutFigures:
    """What the cuts came to; `notices` are what winch had to say about a state it repaired."""

    cuts: int = 0
    owed: int = 0
    resumed: int = 0
    states: set[bytes] = field(default_factory=set)
    notices: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        return (
            f"power cuts {self.cuts} ({len(self.states)} different disks): unreadable 0, wrong 0,"
            f" lost 0 of {self.owed} acknowledged; {self.resumed} unfinished files had a record"
            f" to go on with; {self.notices.total()} states repaired"
        )


class PowerCuts:
    """Cuts the power of a recorded life."""

    def __init__(self, recording: Recording, seed: int) -> None:
        self._recording = recording
        self._chance = random.Random(seed)
        self._figures = CutFigures()

    async def run(self, cuts: int) -> CutFigures:
        """Cut the power so many times, at moments spread over the life, in its order."""
        replay = Replay(self._recording.calls, self._recording.root)
        moments = sorted(self._chance.randint(0, len(replay)) for _ in range(cuts))
        for number, moment in enumerate(moments):
            replay.go_on(moment)
            try:
                async with asyncio.timeout(_LIMIT):
                    await self._cut(replay)
            except Exception as error:
                error.add_note(f"cut {number}, after step {moment} of {len(replay)}")
                raise
        return self._figures

    async def _cut(self, replay: Replay) -> None:
        said = [json.loads(line) for line in replay.said]
        ids = {
            event: {one["id"] for one in said if one["event"] == event}
            for event in ("added", "removing", "removed")
        }
        names = {
            event: {one["name"] for one in said if one["event"] == event}
            for event in ("collected", "fed")
        }
        owed = ids["added"] - ids["removing"]
        with scratch() as root:
            self._materialise(replay, root)
            stage = Stage(root, self._recording.server)
            notices = await stage.live_on(owed=owed, gone=ids["removed"], **names)
        self._figures.cuts += 1
        self._figures.owed += len(owed)
        self._figures.notices.update(notices)

    def _materialise(self, replay: Replay, root: Path) -> None:
        files = materialise(replay.disk, Cut(self._chance), root)
        self._figures.states.add(_digest_of(root))
        moved = {number: identity_of(path.stat()) for number, path in files.items()}
        at = {identity: files[number] for number, identity in moved.items()}

        def renumbered(match: re.Match[bytes]) -> bytes:
            # A file that is gone must not be found by chance.
            gone = PartIdentity(device=0, inode=0)
            return msgspec.json.encode(moved.get((int(match[1]), int(match[2])), gone))

        old, new = (str(place).encode() for place in (self._recording.root, root))

        def adapted(body: bytes) -> bytes:
            return _IDENTITY.sub(renumbered, body.replace(old, new))

        for path in (root / "home/state").rglob("*.j*"):
            reseal(path, adapted)
        for path in (root / "home").rglob("resume_data/*.json"):
            self._check_claim(path, at)

    def _check_claim(self, path: Path, at: dict[PartIdentity, Path]) -> None:
        """Fail where a record claims bytes that the disk does not have."""
        record = msgspec.json.decode(
            msgspec.json.decode(path.read_bytes(), type=_Envelope).record, type=ResumeRecord
        )
        if (part := at.get(record.part)) is None:
            return
        content = part.read_bytes()
        file = next(file for file in FILES if file.name == record.name)
        for stretch in record.done:
            assert stretch.end is not None
            right = b"".join(file.pieces(stretch.start, stretch.end))
            assert content[stretch.start : stretch.end] == right, (
                f"the record of {record.name} claims {stretch}, which the disk has lost"
            )
        self._figures.resumed += bool(record.done)


class _Envelope(msgspec.Struct):
    checksum: str
    record: msgspec.Raw


def _digest_of(root: Path) -> bytes:
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        digest.update(f"{path.relative_to(root)}\n".encode())
        if path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()
