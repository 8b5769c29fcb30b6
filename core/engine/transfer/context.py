"""What all transfers work with and share: clients, limits, budgets, memory, the last responses."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.adapters.net.http import HttpClient
from core.adapters.net.network import Network
from core.adapters.state.resume_data import ResumeStore
from core.adapters.system.clock import Clock
from core.domain.bounds import MAX_SHOWN
from core.domain.settings import DownloadSettings, LimitSettings
from core.policy.host_budget import HostBudget
from core.policy.host_memory import HostMemory
from core.policy.memory import MemoryPool
from core.policy.rate import RateWindow
from core.policy.slowness import BestRate
from core.policy.throttle import TokenBucket

FIELDS = 40
"""Header fields that are shown of an answer, each cut to 300 characters."""
REMEMBERED = 200
"""Downloads whose last answer is kept: an answer may have many long fields."""


@dataclass(frozen=True, slots=True)
class LastResponse:
    """The head of an answer as it came, secrets included; `at` is the wall time."""

    at: datetime
    url: str
    status: int
    reason: str
    headers: Mapping[str, str]


class LastResponses:
    """The last answer to each of the downloads that were answered lately."""

    def __init__(self) -> None:
        self._responses: OrderedDict[str, LastResponse] = OrderedDict()

    def put(self, owner: str, response: LastResponse) -> None:
        """Remember an answer to a download, as much of it as is ever shown."""
        shown = list(response.headers.items())[:FIELDS]
        # One character more than that: whoever cuts then knows that it is not all.
        fields = {name[:MAX_SHOWN]: value[: MAX_SHOWN + 1] for name, value in shown}
        self._responses[owner] = replace(
            response, reason=response.reason[:MAX_SHOWN], headers=fields
        )
        self._responses.move_to_end(owner)
        if len(self._responses) > REMEMBERED:
            self._responses.popitem(last=False)

    def get(self, owner: str) -> LastResponse | None:
        """Return the last answer to a download, None where it is forgotten."""
        return self._responses.get(owner)


@dataclass(slots=True)
class TransferContext:
    """Handed to every transfer; `limits` and `downloads` are replaced when others are in force.

    `rate_limit` is the one of all downloads together, `total_rate` follows their bytes,
    `best_total_rate` is the best of that lately, `host_memory` is what served best from each host,
    `open_connections` counts those of all downloads.
    """

    http: HttpClient
    network: Network
    resume_data: ResumeStore
    clock: Clock
    limits: LimitSettings
    downloads: DownloadSettings
    host_budget: HostBudget
    rate_limit: TokenBucket
    total_rate: RateWindow
    best_total_rate: BestRate = field(default_factory=BestRate)
    last_responses: LastResponses = field(default_factory=LastResponses)
    host_memory: HostMemory = field(default_factory=HostMemory)
    memory: MemoryPool = field(default_factory=MemoryPool)
    open_connections: int = 0
