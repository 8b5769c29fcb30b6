"""What a transfer works with: what it shares with all others, and the download it belongs to."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Protocol

from core.adapters.net.http import HttpClient
from core.adapters.net.network import Network
from core.adapters.state.resume_data import ResumeStore
from core.adapters.system.clock import Clock
from core.domain.history import AttemptFigures
from core.domain.models import DownloadRecord, Phase
from core.domain.settings import DownloadSettings, LimitSettings
from core.domain.value import Value, field
from core.engine.transfer.committer import Committer
from core.engine.transfer.counters import TransferCounters
from core.engine.transfer.last_responses import LastResponses
from core.policy.transfer.buffers import BufferPool
from core.policy.transfer.host_budget import HostBudget
from core.policy.transfer.host_memory import HostMemory
from core.policy.transfer.rate import RateWindow
from core.policy.transfer.slowness import BestRate
from core.policy.transfer.throttle import TokenBucket
from core.sources.registry import SourceRegistry


@dataclasses.dataclass(slots=True)
class TransferContext:
    """Handed to every transfer; `limits` and `downloads` are replaced when others are in force.

    `rate_limit` is the one of all downloads together, `group_limits` are those of the downloads
    that have a group in common, by its name, `total_rate` follows their bytes,
    `best_total_rate` is the best of that lately, `host_memory` is what served best from each host,
    `open_connections` counts those of all downloads, `sources` tells where to ask for
    what has no http address, `counters` say what all did together.
    """

    http: HttpClient
    network: Network
    resume_data: ResumeStore
    committer: Committer
    clock: Clock
    limits: LimitSettings
    downloads: DownloadSettings
    host_budget: HostBudget
    rate_limit: TokenBucket
    total_rate: RateWindow
    best_total_rate: BestRate = dataclasses.field(default_factory=BestRate)
    last_responses: LastResponses = dataclasses.field(default_factory=LastResponses)
    host_memory: HostMemory = dataclasses.field(default_factory=HostMemory)
    buffers: BufferPool = dataclasses.field(default_factory=BufferPool)
    open_connections: int = 0
    sources: SourceRegistry = dataclasses.field(default_factory=SourceRegistry)
    group_limits: dict[str, TokenBucket] = dataclasses.field(default_factory=dict)
    counters: TransferCounters = dataclasses.field(default_factory=TransferCounters)

    def limit_of_group(self, group: str) -> TokenBucket:
        """Return what the downloads of a group share, also where they are not limited yet."""
        if (limit := self.group_limits.get(group)) is None:
            limit = self.group_limits[group] = TokenBucket(None, self.clock.monotonic())
        return limit

    def limits_beside(self, group: str | None) -> tuple[TokenBucket, ...]:
        """Return what a download of a group has to keep to beside a limit of its own."""
        if group is None:
            return (self.rate_limit,)
        return self.limit_of_group(group), self.rate_limit


class Whole(Value, frozen=True):
    """A file that is whole under its final name.

    What `fields` change in its download, and the sentences that join its timeline, become known in
    one step with that it is completed.
    """

    name: str
    fields: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class DownloadHandle(Protocol):
    """The download of one transfer, and what becomes known of it."""

    def get(self) -> DownloadRecord:
        """Return the download as it is now: a checksum may join it."""
        ...

    def report(self, **fields: object) -> None:
        """Change fields of it, for everybody to see."""
        ...

    def observe(self, phase: Phase) -> None:
        """Tell of a phase that is too short to be shown; the history counts its seconds."""
        ...

    def note(self, text: str) -> None:
        """Write a sentence into its timeline."""
        ...

    def claim_room(self, total: int | None, *, tell: bool = True) -> None:
        """Reserve room for its bytes once they are known; raises DiskFullError.

        Without `tell` the length is shown only when it is reported.
        """
        ...

    def landed(self) -> None:
        """Tell that all its bytes are here and nothing more is asked of its server.

        From now on it takes no place of those that run, though its task goes on.
        """
        ...

    def figures(self) -> AttemptFigures | None:
        """Return what is measured of the attempt, for the resume record."""
        ...
