"""What all downloads share: the budget of each host, the limit of all, and the memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.adapters.http import READ_BUFFER
from core.engine.connection import BLOCK
from core.engine.heads import Heads
from core.policy.eta import Pace
from core.policy.host_budget import HostBudget
from core.policy.slowness import Ceiling
from core.policy.throttle import TokenBucket

MEMORY = 64 * 1024 * 1024
"""Bytes that all connections together may gather before they write."""


@dataclass(slots=True)
class Shared:
    """Handed to every transfer; `connections` counts those that are open.

    `pace` follows the bytes of all downloads together, `best` is their best rate lately, `heads`
    are the last answers.
    """

    hosts: HostBudget
    limit: TokenBucket
    pace: Pace
    connections: int = 0
    best: Ceiling = field(default_factory=Ceiling)
    heads: Heads = field(default_factory=Heads)

    def block(self) -> int:
        """Return how many bytes a connection may gather before it writes."""
        return max(64 * 1024, min(BLOCK, MEMORY // max(1, self.connections)))

    def buffer(self) -> int:
        """Return how many bytes may wait in the buffer of a connection."""
        return max(16 * 1024, min(READ_BUFFER, MEMORY // 4 // max(1, self.connections)))
