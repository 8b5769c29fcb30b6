"""Members beside what their source asks for now: looked at on disk, hashed and asked after."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from core.domain.errors import DiskError, FileChangedError, WinchError
from core.domain.models import DownloadRecord, DownloadRequest, Status
from core.domain.value import Value, replace
from core.engine.collections.disk import digest_of, look_at
from core.engine.collections.versions import VersionCheck
from core.policy.collections.sync_plan import (
    Answer,
    FileState,
    Finding,
    Found,
    Need,
    algorithm_for,
    judge,
)


class Pair(Value, frozen=True):
    """What an entry asks for now, and the member that it became when it was read before."""

    wanted: DownloadRequest
    member: DownloadRecord


class Compared(Value, frozen=True):
    """What a member was found to be, or why nobody can say, and what lies under its name.

    `answer` is what its server said of it, where that was asked.
    """

    pair: Pair
    finding: Finding | WinchError
    file: FileState | None
    answer: Answer | None = None


class Comparison:
    """Compares members by portions; files are hashed one after the other, as disks like it."""

    def __init__(self, versions: VersionCheck) -> None:
        self._versions = versions
        self._hashing = asyncio.Lock()

    async def compare(self, pairs: Sequence[Pair]) -> list[Compared]:
        """Return what has become of each member; most take no more than one look at the disk."""
        whole = [pair.member for pair in pairs if pair.member.status is Status.COMPLETED]
        files = await look_at(whole)
        compared: list[Compared] = []
        open_: list[tuple[Pair, FileState | None]] = []
        for pair in pairs:
            member, file = pair.member, files.get(pair.member.id)
            if member.status is Status.COMPLETED and member.id not in files:
                error = DiskError(f"{member.path} cannot be looked at", hint="check the disk")
                compared.append(Compared(pair, error, None))
            elif isinstance(found := judge(pair.wanted, member, file), Finding):
                compared.append(Compared(pair, found, file))
            else:
                open_.append((pair, file))
        return compared + await asyncio.gather(*(self._compare(*each) for each in open_))

    async def _compare(self, pair: Pair, file: FileState | None) -> Compared:
        try:
            return await self._found(pair, file)
        except WinchError as error:
            return Compared(pair, error, file)

    async def _found(self, pair: Pair, file: FileState | None) -> Compared:
        """Look as far as it takes; raises what keeps anybody from saying anything."""
        wanted, member = pair.wanted, pair.member
        digest = answer = None
        while True:
            found = judge(wanted, member, file, digest=digest, answer=answer)
            if isinstance(found, Finding):
                if found.found is Found.CHANGED and answer is not None and answer.is_page:
                    raise FileChangedError(
                        "the server answered with a web page in place of the file",
                        hint="a login may have expired; open the address in a browser",
                    )
                return Compared(pair, found, file, answer)
            if found is Need.ANSWER:
                name = wanted.name or member.name
                answer = await self._versions.ask(wanted, name, member.validator)
                continue
            async with self._hashing:
                digest = await digest_of(member.path, algorithm_for(wanted, member))
            if digest is None and file is not None:
                file = replace(file, size=None)
