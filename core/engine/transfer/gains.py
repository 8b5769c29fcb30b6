"""How far a transfer is: what it has brought, how fast, and for how long it will go on."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

from core.domain.models import Progress
from core.engine.transfer.context import TransferContext
from core.policy.transfer.eta import EtaEstimator
from core.policy.transfer.segments import SegmentMap


class Gains:
    """Counts what one attempt at one download brings, and tells the shared figures of it."""

    def __init__(self, context: TransferContext) -> None:
        self._context = context
        self._began = context.clock.monotonic()
        self._moved_at: datetime | None = None
        self._landed: int | None = None
        self._compared: int | None = None
        self.received = 0
        """Bytes that came in this attempt, those included that were here already."""
        self.gained = 0
        """Bytes that this attempt has added."""

    @cached_property
    def _estimator(self) -> EtaEstimator:
        return EtaEstimator(self._began)

    def written(self, count: int) -> None:
        """Count bytes that are in the part file."""
        now = self._context.clock.monotonic()
        self._estimator.add(now, count)
        self._add(count, now)

    def landed(self, count: int) -> None:
        """Count a small file that has its name."""
        self._landed = count
        self._add(count, self._context.clock.monotonic())

    def compared(self, count: int) -> None:
        """Count bytes that came to be compared with what is here."""
        self.received += count
        self._context.counters.came_twice("compared", count)

    def note_compared(self, count: int) -> None:
        """Say how many bytes were compared with those of another winch, before all else."""
        self._compared = count

    @property
    def rate(self) -> float:
        """Bytes/s at present."""
        return self._estimator.rate(self._context.clock.monotonic())

    def progress(
        self, segments: SegmentMap | None, *, connections: int, verified: int | None
    ) -> Progress | None:
        """Return how far it is; None before it has looked at what is there.

        `segments` are None as long as there is no part file, `verified` is as in `Progress`.
        """
        if self._landed is not None:
            return Progress(bytes_downloaded=self._landed, updated_at=self._moved_at)
        if segments is None:
            return None if self._compared is None else Progress(verified=self._compared)
        now = self._context.clock.monotonic()
        left = None if segments.total is None else segments.total - segments.bytes_done
        return Progress(
            bytes_downloaded=segments.bytes_done,
            rate=self._estimator.rate(now),
            eta=self._estimator.estimate(now, left),
            connections=connections,
            verified=verified,
            updated_at=self._moved_at,
        )

    def _add(self, count: int, now: float) -> None:
        self._moved_at = self._context.clock.now()
        self.gained += count
        self.received += count
        self._context.total_rate.add(now, count)
        self._context.counters.received += count
