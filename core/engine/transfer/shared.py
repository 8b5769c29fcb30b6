"""What all downloads share: the budget of each host, the limit of all, and the memory."""

from __future__ import annotations

from dataclasses import dataclass, field

from core.engine.transfer.last_responses import Heads
from core.policy.host_budget import HostBudget
from core.policy.host_memory import HostMemory
from core.policy.memory import MemoryPool
from core.policy.rate import RateWindow
from core.policy.slowness import Ceiling
from core.policy.throttle import TokenBucket


@dataclass(slots=True)
class Shared:
    """Handed to every transfer; `connections` counts those that are open.

    `pace` follows the bytes of all downloads together, `best` is their best rate lately, `heads`
    are the last answers, `known` is what served best from each host.
    """

    hosts: HostBudget
    limit: TokenBucket
    pace: RateWindow
    connections: int = 0
    best: Ceiling = field(default_factory=Ceiling)
    heads: Heads = field(default_factory=Heads)
    known: HostMemory = field(default_factory=HostMemory)
    memory: MemoryPool = field(default_factory=MemoryPool)
