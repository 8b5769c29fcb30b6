"""What all transfers of a service did together since it started, for its figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class TransferCounters:
    """`received` are bytes of bodies; `fetched_twice` and `restarts` are as in `Figures`."""

    received: int = 0
    restarts: int = 0
    fetched_twice: Counter[str] = field(default_factory=Counter)

    def came_twice(self, reason: str, count: int) -> None:
        """Count bytes that came only to be compared with what is here."""
        self.received += count
        self.fetched_twice[reason] += count
