"""Looks at one download closely, for a person who does: where its time goes and what holds it up.

Nothing is measured for it but what the connections note as they go; whoever looks again sees the
seconds since the last look, who looks once sees all since the download began to run.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from core.domain.inspection import (
    Answer,
    Connection,
    ConnectionState,
    Figures,
    HostLimit,
    Inspection,
    LimitsInForce,
    Slowness,
)
from core.domain.models import Download, DownloadRecord, Segment, Status
from core.domain.redact import redact_header, redact_url
from core.engine.downloads.list import DownloadList
from core.engine.running.runner import Runner
from core.engine.transfer.last_responses import FIELDS, Head
from core.engine.transfer.transfer import Tools, Transfer
from core.engine.transfer.worker import Glimpse, Worker
from core.policy.host_budget import host_of
from core.policy.slowness import Situation, explain, explain_waiting

WINDOW = 5.0
"""Seconds that the figures speak of, for those who look every second."""
SHORTEST = 0.5
"""Seconds below which nothing is concluded from where they went."""
STALE = 30.0
"""Seconds after which an earlier look is forgotten."""
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class _Look:
    at: float
    cpu: float
    spent: Mapping[ConnectionState, float]


class Inspector:
    """Makes inspections. `cpu` returns the seconds that the event loop's thread has computed."""

    def __init__(
        self,
        downloads: DownloadList,
        runner: Runner,
        tools: Tools,
        *,
        cpu: Callable[[], float] = time.thread_time,
    ) -> None:
        self._downloads = downloads
        self._runner = runner
        self._tools = tools
        self._cpu = cpu
        self._looks: dict[str, deque[_Look]] = {}

    async def inspect(self, download: DownloadRecord) -> Inspection:
        """Return what there is to be seen; see `DownloadService.inspect`."""
        head = self._tools.shared.heads.get(download.id)
        seen = Inspection(
            id=download.id,
            total=download.total_bytes,
            limits=self._limits(download),
            answer=None if head is None else _answer(head),
            timeline=download.timeline,
        )
        transfer = self._runner.transfer(download.id)
        if transfer is None:
            waits = explain_waiting(
                download, held=self._runner.is_held, now=self._tools.clock.now()
            )
            return replace(seen, done=await self._on_disk(download), slowness=waits)
        segments, glimpse = transfer.segments, transfer.glimpse()
        if segments is not None:
            claimed = sorted((claim.position, claim.end) for claim in segments.claims)
            seen = replace(
                seen,
                total=segments.total,
                done=segments.done,
                claimed=tuple(Segment(position, end) for position, end in claimed),
            )
        now = self._tools.clock.monotonic()
        workers = () if glimpse is None else glimpse.workers
        return replace(
            seen,
            connections=tuple(
                _connection(worker, now)
                for worker in sorted(workers, key=lambda worker: worker.claim.position)
            ),
            slowness=self._explain(download, transfer, glimpse, now),
        )

    async def _on_disk(self, download: Download) -> tuple[Segment, ...]:
        if download.status is Status.COMPLETED:
            return (Segment(0, download.total_bytes),) if download.total_bytes else ()
        record = await self._tools.resume_data.load(download.id)
        return () if record is None else record.done

    def _limits(self, download: Download) -> LimitsInForce:
        request, shared = download.request, self._tools.shared
        now = self._tools.clock.monotonic()
        hosts = dict.fromkeys(map(host_of, (request.url, *request.mirrors)))
        total = shared.limit.rate
        return LimitsInForce(
            own=request.limit,
            total=None if total is None else int(total),
            connections=request.connections or self._tools.limits.connections,
            hosts=tuple(
                HostLimit(
                    host=host,
                    connections=shared.hosts.limit(host, now),
                    share=shared.hosts.share(host, download.id, now),
                    refused=(more_in := shared.hosts.more_in(host, now)) is not None,
                    more_in=more_in,
                )
                for host in hosts
            ),
        )

    def _explain(
        self, download: Download, transfer: Transfer, glimpse: Glimpse | None, now: float
    ) -> Slowness:
        shared, limits = self._tools.shared, self._limits(download)
        others = [other for id_ in self._runner.running if (other := self._runner.transfer(id_))]
        others.remove(transfer)
        figures = Figures(
            rate=transfer.rate, total=shared.pace.rate(now), others=len(others), allowed=1
        )
        if glimpse is not None:
            share = min(limits.connections, glimpse.share)
            figures = replace(
                self._measured(download.id, glimpse, now, figures),
                connections=len(glimpse.workers),
                allowed=1 if glimpse.single else share,
            )
        return explain(
            Situation(
                figures=figures,
                phase=download.phase,
                host=host_of(download.request.url),
                own_limit=limits.own,
                total_limit=limits.total,
                bringing=sum(1 for w in glimpse.workers if w.meter.rate(now)) if glimpse else None,
                wanted=limits.connections,
                share=glimpse.share if glimpse else 1,
                refused=any(host.refused for host in limits.hosts),
                single=glimpse is not None and glimpse.single,
                mixed=glimpse.mixed if glimpse else None,
                enough=glimpse.enough if glimpse else None,
                best=glimpse.best if glimpse else 0.0,
                best_total=shared.best.rate(now),
                elsewhere=sum(other.hosts.isdisjoint(transfer.hosts) for other in others),
            )
        )

    def _measured(self, id_: str, glimpse: Glimpse, now: float, figures: Figures) -> Figures:
        """Add where the time went since an earlier look, or else since the start."""
        look = _Look(now, self._cpu(), glimpse.spent)
        before = self._before(id_, look)
        spent = {
            state: seconds - (before.spent.get(state, 0.0) if before is not None else 0.0)
            for state, seconds in look.spent.items()
        }
        cpu = None if before is None else (look.cpu - before.cpu) / (now - before.at)
        whole = sum(spent.values())
        if whole < SHORTEST:
            return replace(figures, cpu=cpu)
        shares = {state: spent.get(state, 0.0) / whole for state in ConnectionState}
        return replace(
            figures,
            cpu=cpu,
            connecting=shares[ConnectionState.CONNECTING],
            receiving=shares[ConnectionState.RECEIVING],
            limited=shares[ConnectionState.LIMITED],
            writing=shares[ConnectionState.WRITING],
        )

    def _before(self, id_: str, look: _Look) -> _Look | None:
        """Remember a look, and return the earlier one that it is to be compared with."""
        for other in [o for o, looks in self._looks.items() if look.at - looks[-1].at > STALE]:
            del self._looks[other]
        looks = self._looks.setdefault(id_, deque())
        if looks and sum(look.spent.values()) < sum(looks[-1].spent.values()):
            # It began anew.
            looks.clear()
        while len(looks) > 1 and look.at - looks[1].at >= WINDOW:
            looks.popleft()
        before = looks[0] if looks and look.at - looks[0].at >= SHORTEST else None
        if not looks or look.at - looks[-1].at >= SHORTEST:
            looks.append(look)
        return before


def _connection(worker: Worker, now: float) -> Connection:
    return Connection(
        url=redact_url(worker.source.url),
        start=worker.start,
        position=worker.claim.position,
        end=worker.claim.end,
        state=worker.watch.state,
        asked=max(0.0, now - worker.asked_at),
        rate=None if worker.first_byte_at is None else worker.meter.rate(now),
        peer=worker.peer,
    )


def _answer(head: Head) -> Answer:
    fields = list(head.headers.items())[:FIELDS]
    return Answer(
        at=head.at,
        url=redact_url(head.url),
        status=head.status,
        reason=head.reason[:_LONGEST],
        headers=tuple(
            (name[:_LONGEST], redact_header(name, value)[:_LONGEST]) for name, value in fields
        ),
    )
