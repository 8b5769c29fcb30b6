"""What a transfer works with: what it shares with all others, and the download it belongs to."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.adapters.net.http import HttpClient
from core.adapters.net.network import Network
from core.adapters.state.resume_data import ResumeStore
from core.adapters.system.clock import Clock
from core.domain.bounds import MAX_SHOWN
from core.domain.history import AttemptFigures
from core.domain.models import DownloadRecord
from core.domain.settings import DownloadSettings, LimitSettings
from core.policy.transfer.buffers import BufferPool
from core.policy.transfer.host_budget import HostBudget
from core.policy.transfer.host_memory import HostMemory
from core.policy.transfer.rate import RateWindow
from core.policy.transfer.slowness import BestRate
from core.policy.transfer.throttle import TokenBucket

_FIELDS = 40
"""Header fields that are kept of an answer."""
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
        shown = list(response.headers.items())[:_FIELDS]
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
    buffers: BufferPool = field(default_factory=BufferPool)
    open_connections: int = 0


@dataclass(frozen=True, slots=True)
class DownloadHandle:
    """The download of one transfer; `get` returns it as it is now: a checksum may join it.

    `report` is called with the fields of it that change, `note` with a sentence for its timeline,
    `claim_room` with its bytes once they are known (it raises DiskFullError where they do not fit);
    `figures` returns what is measured of the attempt, for the resume record.
    """

    get: Callable[[], DownloadRecord]
    report: Callable[..., object]
    note: Callable[[str], None]
    claim_room: Callable[[int | None], None]
    figures: Callable[[], AttemptFigures | None]
