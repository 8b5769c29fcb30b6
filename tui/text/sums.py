"""How far several downloads are together, for the header, the rows of groups and the title."""

from __future__ import annotations

from dataclasses import dataclass

from core.domain.models import Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Sums:
    """Sums over some downloads or all: bytes, bytes/s, and how many are in which state.

    `known` is false while the size of some download is not known. `eta` is seconds until all is
    done that goes on by itself, None while nobody can say.
    """

    counts: dict[Status, int]
    rate: float
    bytes_done: int
    bytes_total: int
    known: bool
    eta: float | None = None

    @property
    def unfinished(self) -> int:
        """How many downloads go on without anybody asking."""
        return self.counts.get(Status.PENDING, 0) + self.counts.get(Status.ACTIVE, 0)
