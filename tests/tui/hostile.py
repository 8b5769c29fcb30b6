"""A service that says the worst it can wherever it says anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from core.domain.collections import CollectionRequest, SyncPlan
from core.domain.entries import Entry, Refused, SourceSpec
from core.domain.errors import DaemonError, ErrorCode, ErrorInfo
from core.domain.inspection import Inspection
from core.domain.models import (
    DownloadRequest,
    Interruption,
    Phase,
    Progress,
    Status,
    TimelineEntry,
)
from core.domain.outcomes import Outcome, Refusal
from core.domain.upkeep import Leftover, LeftoverKind
from core.domain.value import replace
from tests.attempts import a_failure
from tests.fakes import FakeService
from tests.tui.samples import NOW
from tests.tui.text.inspected import TOTAL, connections, inspected, moving

EVIL = "\x1b]52;c;aGVsbG8=\x07\x1b[2J\x1b[31mx\x9b31m\x90y\u202ez\u2066\u200b\r\n\t"
"""Writes the clipboard, clears the screen, colours and turns round what follows."""


def evil(word: str) -> str:
    """Return a word by which it is found on the screen, with the worst behind it."""
    return f"{word}{EVIL}"


class Hostile(FakeService):
    """Has a download that failed, one that runs and one that was interrupted."""

    _has_failed = False

    async def fill(self) -> None:
        """Put in all that can be shown."""
        requests = [
            DownloadRequest(
                url=evil(f"https://h/{number}"),
                directory=evil("/data"),
                group=evil("Qgroup"),
                mirrors=(evil("https://h/Qmirror"),),
            )
            for number in range(3)
        ]
        requests.append(
            DownloadRequest(url="https://h/known", directory="/", group="Qplain", paused=True)
        )
        failed, runs, interrupted, known = [download.id for download in await self.add(requests)]
        self.change(known, name=evil("Qknown"))
        error = ErrorInfo(code=ErrorCode.PROTOCOL, message=evil("Qerror"), hint=evil("Qhint"))
        self.change(failed, name=evil("Qfailed"), status=Status.FAILED, error=error)
        self.change(
            runs,
            name=evil("Qruns"),
            status=Status.ACTIVE,
            phase=Phase.DOWNLOADING,
            total_bytes=TOTAL,
            resume_verdict=evil("Qverdict"),
        )
        self.change(
            interrupted,
            name=evil("Qhalf"),
            status=Status.PAUSED,
            total_bytes=TOTAL,
            interrupted=Interruption(at=NOW - timedelta(days=3), phase=Phase.DOWNLOADING),
        )
        self.emit_progress({runs: moving(), interrupted: Progress(bytes_downloaded=TOTAL // 2)})
        self.inspections = {runs: _seen(runs), failed: _seen(failed)}
        self.attempts = [
            replace(
                a_failure(9, error_code=ErrorCode.PROTOCOL, error_message=evil("Qmessage")),
                name=evil("Qattempt"),
                url=evil("https://h/Qwhere"),
                host=evil("Qhostname"),
                directory=evil("/Qinto"),
                group=evil("Qof"),
                verdict=evil("Qproof"),
                started_at=datetime.now(UTC),
                ended_at=datetime.now(UTC),
            )
        ]
        self.log = [f"2026-03-10 12:00:00,1 ERROR core: {evil('Qlogged')}", evil("Qraw")]
        self.leftovers = (
            Leftover(kind=LeftoverKind.PART_FILE, path=evil("/Qleft"), size=1, reason=evil("Qold")),
        )
        self.notice(evil("Qnotice"))
        await self._collect(error)

    async def _collect(self, error: ErrorInfo) -> None:
        """Put in a collection whose source said the worst, with a file that failed."""
        source = SourceSpec(kind=evil("Qkind"), address=evil("/Qlist"))
        request = DownloadRequest(url="", directory="/set")
        name = "Qzoo"
        await self.collect(CollectionRequest(name=name, request=request, source=source))
        refused = [Refused(where=evil("Qplace"), reason=evil("Qbad"))]
        # No name of a file comes this far as it is; whatever a service says is cleaned even so.
        added = await self.add_entries(name, [Entry(url="https://h/member", path="m")], refused)
        self.change(added.ids[0], name=evil("Qmember"), status=Status.FAILED, error=error)
        self.change_record(
            name,
            vanished=(evil("Qvanished"),),
            vanished_count=1,
            read_error=error,
            request=replace(request, directory=evil("/Qset")),
        )
        self.plans[name] = SyncPlan(
            new=(evil("Qnew"),), vanished=(evil("Qless"),), deleted=(evil("Qless"),)
        )

    async def retry(self, ids: object) -> Outcome:
        raise DaemonError(evil("Qrefused"), hint=evil("Qadvice"))

    async def cancel(self, ids: Sequence[str] | None) -> Outcome:
        error = ErrorInfo(
            code=ErrorCode.NOT_ALLOWED, message=evil("Qcannot"), hint=evil("Qinstead")
        )
        return Outcome(refused=tuple(Refusal(id=id_, error=error) for id_ in ids or ()))

    async def tail_log(self, lines: int) -> list[str]:
        if not self._has_failed:
            self._has_failed = True
            raise DaemonError(evil("Qsilent"))
        return await super().tail_log(lines)


def _seen(id_: str) -> Inspection:
    seen = inspected(id_)
    assert seen.answer is not None
    assert seen.slowness is not None
    (limit,) = seen.limits.hosts
    (line,) = connections(1)
    return replace(
        seen,
        connections=(replace(line, url=evil("Qsource"), peer=evil("Qpeer")),),
        answer=replace(
            seen.answer,
            url=evil("https://h/Qfrom"),
            reason=evil("Qreason"),
            headers=((evil("Qheader"), evil("Qvalue")),),
        ),
        slowness=replace(seen.slowness, sentence=evil("Qwhy")),
        limits=replace(seen.limits, hosts=(replace(limit, host=evil("Qlimited")),)),
        timeline=(TimelineEntry(at=NOW, text=evil("Qhappened")),),
    )
