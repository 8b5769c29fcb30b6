"""What a transfer works with: what it shares with all others, and the download it belongs to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from core.adapters.net.http import HttpClient
from core.adapters.net.network import Network
from core.adapters.state.resume_data import ResumeStore
from core.adapters.system.clock import Clock
from core.domain.history import AttemptFigures
from core.domain.models import DownloadRecord
from core.domain.settings import DownloadSettings, LimitSettings
from core.engine.transfer.last_responses import LastResponses
from core.policy.transfer.buffers import BufferPool
from core.policy.transfer.host_budget import HostBudget
from core.policy.transfer.host_memory import HostMemory
from core.policy.transfer.rate import RateWindow
from core.policy.transfer.slowness import BestRate
from core.policy.transfer.throttle import TokenBucket


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
