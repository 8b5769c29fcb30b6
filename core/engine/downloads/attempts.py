"""One attempt at a download as it goes: how long each phase takes and what becomes of it.

All durations are by the monotonic clock, the end included, so that a wall clock that is set under
way makes no attempt negative or a week long.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Protocol

from core.adapters.system.clock import Clock
from core.domain.errors import ErrorInfo
from core.domain.history import AttemptEnd, AttemptFigures, HistoryEntry, PhaseTimes
from core.domain.hosts import site_of
from core.domain.models import Download, Phase
from core.domain.redact import redact_text, redact_url

_SHORT = 0.25
"""Seconds below which what came in them says little: then the whole attempt is their measure."""
_FINEST = 0.001
"""Seconds below which a duration is no measure."""
_NONE_YET = dict.fromkeys(Phase, 0.0)


class RunningTransfer(Protocol):
    """What an attempt looks at: its rate in bytes/s, the connections, the bytes it has gained."""

    @property
    def gained(self) -> int: ...

    @property
    def rate(self) -> float: ...

    @property
    def connections(self) -> int: ...

    @property
    def served_best(self) -> int | None:
        """How many of them its host served best, None where that was not found out."""
        ...


class Attempt:
    """Follows a transfer from its start; made when it starts."""

    def __init__(self, download: Download, transfer: RunningTransfer, clock: Clock) -> None:
        self._transfer: RunningTransfer | None = transfer
        self._clock = clock
        self._retries = download.retry_count
        self._started_at = clock.now()
        self._began = self._entered = clock.monotonic()
        self._ended: float | None = None
        self._phase = Phase.CONNECTING
        self._seconds = _NONE_YET.copy()
        self._peak = 0.0
        self._connections = 0
        self._verdict: str | None = None
        self._figures: AttemptFigures | None = None

    def observe(self, changes: Mapping[str, object]) -> None:
        """Learn which fields of the download the transfer has changed."""
        phase, verdict = changes.get("phase"), changes.get("resume_verdict")
        if isinstance(phase, Phase) and phase is not self._phase:
            self._leave_phase()
            self._phase = phase
        if isinstance(verdict, str):
            self._verdict = verdict

    def sample(self) -> None:
        """Look how fast it is, over how many connections; called now and then while it runs."""
        if (transfer := self._transfer) is not None:
            self._peak = max(self._peak, transfer.rate)
            self._connections = max(self._connections, transfer.connections)

    def stop(self) -> None:
        """Stop the clocks: what follows is no part of the attempt; the first call counts."""
        if self._ended is None:
            self.sample()
            self._ended = self._leave_phase()
            self._figures = self.figures()
            # It holds this one: a circle, and in it all that a small file had in memory.
            self._transfer = None

    def entry(
        self, download: Download, end: AttemptEnd, error: ErrorInfo | None, *, number: int = 0
    ) -> HistoryEntry:
        """Return what there is to write down, under a number (0: still to be given)."""
        self.stop()
        seconds = (self._ended or self._began) - self._began
        ended_at = self._started_at + timedelta(seconds=seconds)
        figures = self.figures()
        return entry_of(download, figures, ended_at=ended_at, end=end, error=error, number=number)

    def figures(self) -> AttemptFigures:
        """Return what there is to say of it by now."""
        if (transfer := self._transfer) is None:
            assert self._figures is not None
            return self._figures
        seconds = self._seconds.copy()
        if self._ended is None:
            seconds[self._phase] += self._clock.monotonic() - self._entered
        gained = transfer.gained
        measured = max(seconds[Phase.DOWNLOADING], min(sum(seconds.values()), _SHORT), _FINEST)
        average = gained / measured if gained else None
        return AttemptFigures(
            started_at=self._started_at,
            bytes=gained,
            phases=PhaseTimes(
                connecting=seconds[Phase.CONNECTING],
                downloading=seconds[Phase.DOWNLOADING],
                verifying=seconds[Phase.VERIFYING],
                finalizing=seconds[Phase.FINALIZING],
            ),
            average_rate=average,
            peak_rate=None if average is None else max(self._peak, average),
            retries=self._retries,
            # One that was gone before anybody looked had one at least.
            connections=max(self._connections, int(gained > 0)),
            served_best=transfer.served_best,
            verdict=self._verdict,
        )

    def _leave_phase(self) -> float:
        now = self._clock.monotonic()
        self._seconds[self._phase] += now - self._entered
        self._entered = now
        return now


def entry_of(
    download: Download,
    figures: AttemptFigures,
    *,
    ended_at: datetime,
    end: AttemptEnd,
    error: ErrorInfo | None = None,
    number: int = 0,
) -> HistoryEntry:
    """Return the entry of an attempt at a download, without secrets."""
    return HistoryEntry(
        number=number,
        download=download.id,
        url=redact_url(download.request.url),
        host=site_of(download.request.url),
        name=download.name,
        directory=download.request.directory,
        group=download.request.group,
        started_at=figures.started_at,
        ended_at=ended_at,
        end=end,
        bytes=figures.bytes,
        total_bytes=download.total_bytes,
        phases=figures.phases,
        average_rate=figures.average_rate,
        peak_rate=figures.peak_rate,
        retries=figures.retries,
        connections=figures.connections,
        verdict=figures.verdict,
        error_code=None if error is None else error.code,
        error_message=None if error is None else redact_text(error.message),
        added_at=download.created_at,
        served_best=figures.served_best,
    )
