"""What a person asks of the daemon; what it acknowledges goes into the model and is owed."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar

from core.domain.errors import ErrorCode, WinchError
from core.domain.models import Download, DownloadRequest, Status
from core.domain.outcomes import Outcome
from core.domain.service import Changes, MoveTo
from tests.crash.machine_model import Wish
from tests.crash.machine_run import Run

T = TypeVar("T")

_NOT_WRITTEN = (ErrorCode.DISK_FULL, ErrorCode.STATE)


class Person:
    """Asks one thing at a time and remembers the answers."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._model = run.model

    def request(self, page: str, *, name: str | None, paused: bool, sure: bool) -> DownloadRequest:
        """Return the request for a page, `sure` with the digest of what is there now."""
        return DownloadRequest(
            url=self._run.web.url(page),
            directory=str(self._run.disk.directory),
            name=name,
            paused=paused,
            checksum=self._run.web.pages[page].checksum if sure else None,
        )

    async def add(self, request: DownloadRequest) -> None:
        """Add, and owe what comes back."""
        known = dict(self._model.owed)
        added = await self._ask(self._run.service.add([request]))
        if added is None:
            return
        if self._model.in_doubt:
            # Of this one there is no doubt: it has to be there.
            self._model.take(added, None)
            return
        (download,) = added
        assert download.request.url == request.url
        assert request.checksum in (None, download.request.checksum)
        wish = Wish.RUN
        if request.paused:
            wish = known[download.id].wish if download.id in known else Wish.PAUSE
        self._model.take([download], wish)

    async def pause(self, ids: Sequence[str] | None) -> None:
        """Stop some downloads."""
        self._obeyed(await self._ask(self._run.service.pause(ids)), Wish.PAUSE)

    async def resume(self, ids: Sequence[str] | None) -> None:
        """Let some go on."""
        self._obeyed(await self._ask(self._run.service.resume(ids)), Wish.RUN)

    async def retry(self, ids: Sequence[str] | None) -> None:
        """Try some again."""
        self._obeyed(await self._ask(self._run.service.retry(ids)), Wish.RUN)

    async def cancel(self, ids: Sequence[str] | None) -> None:
        """Give some up."""
        self._obeyed(await self._ask(self._run.service.cancel(ids)), Wish.CANCEL)

    async def start_fresh(self, ids: Sequence[str]) -> None:
        """Have some fetched from their first byte."""
        self._obeyed(await self._ask(self._run.service.start_fresh(ids)), Wish.RUN)

    async def start_now(self, ids: Sequence[str]) -> None:
        """Have some started before all others; what has to wait all the same waits and runs."""
        outcome = await self._ask(self._run.service.start_now(ids), may_refuse=self._model.held)
        self._obeyed(outcome, Wish.RUN)
        if outcome is not None and not self._model.in_doubt:
            for refusal in outcome.refused:
                view = await self._run.service.find(refusal.id)
                if view.download.status is not Status.COMPLETED:
                    self._model.take([view.download], Wish.RUN)

    async def hold(self, held: bool) -> None:
        """Stop the queue, or let it go on."""
        answered = await self._ask(_granted(self._run.service.hold(held)))
        if answered and not self._model.in_doubt:
            self._model.held = held

    async def move(self, id_: str, to: MoveTo | int) -> None:
        """Move one within the queue."""
        outcome = await self._ask(self._run.service.move([id_], to))
        if outcome is not None and not self._model.in_doubt:
            self._model.move(id_, to)

    async def prefer(self, id_: str, priority: int) -> None:
        """Give one another priority."""
        outcome = await self._ask(self._run.service.set([id_], Changes(priority=priority)))
        if outcome is not None and not self._model.in_doubt:
            assert [d.request.priority for d in outcome.changed] == [priority]
            self._model.take(outcome.changed, None)

    async def remove(self, ids: Sequence[str], *, files: bool) -> None:
        """Take some off the list, with or without their files."""
        chosen = self._run.listed(ids)
        removal = await self._ask(self._run.service.remove(ids, files=files), may_go=chosen)
        if removal is None:
            return
        self._run.files.removed(removal, files=files)
        if not self._model.in_doubt:
            assert {d.id for d in removal.removed} == set(ids)
        self._model.drop(d for d in removal.removed if d.id in self._model.owed)

    async def finish_everything(self) -> None:
        """Have everything go on that is not whole, until nothing is left to do."""
        run = self._run
        await self.hold(False)
        await run.check()
        for _ in range(2):
            # What began before all was well may still fail for it.
            await self.resume(run.ids(Status.PAUSED, Status.CANCELLED, Status.FAILED))
            await self.retry(run.ids(Status.PENDING))
            await run.until(lambda: not run.ids(Status.PENDING, Status.ACTIVE))
            await run.check()

    async def _ask(
        self, asking: Awaitable[T], *, may_go: Sequence[Download] = (), may_refuse: bool = False
    ) -> T | None:
        """Return the answer; None where the list could not be written, which may happen."""
        try:
            answer = await asking
        except WinchError as error:
            if error.code is ErrorCode.NOT_ALLOWED and (may_refuse or self._model.in_doubt):
                return None
            if not self._run.home.is_full or error.code not in _NOT_WRITTEN:
                raise
            self._run.doubt(may_go=may_go)
            return None
        self._model.is_settled = self._model.in_doubt
        return answer

    def _obeyed(self, outcome: Outcome | None, wish: Wish) -> None:
        if outcome is not None and not self._model.in_doubt:
            self._model.take(outcome.changed, wish)


async def _granted(asking: Awaitable[None]) -> bool:
    await asking
    return True
