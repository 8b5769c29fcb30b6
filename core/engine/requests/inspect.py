"""Looks at one download closely, for a person who does: where its time goes and what holds it up.

Nothing is measured for it but what the connections note as they go; whoever looks again sees the
seconds since the last look, who looks once sees all since the download began to run.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Mapping

from core.domain.hosts import site_of
from core.domain.inspection import (
    Connection,
    ConnectionState,
    DownloadLimits,
    Figures,
    HostLimit,
    Inspection,
    ResponseHead,
    Slowness,
)
from core.domain.models import Download, DownloadRecord, Segment, Status
from core.domain.redact import redact_header, redact_url
from core.domain.value import Value, replace
from core.engine.running.runner import Runner
from core.engine.transfer.connection import PoolConnection, PoolStatus
from core.engine.transfer.context import TransferContext
from core.engine.transfer.last_responses import LastResponse
from core.engine.transfer.transfer import Transfer
from core.policy.transfer.slowness import Situation, explain, explain_waiting

WINDOW = 5.0
"""Seconds that the figures speak of, for those who look every second."""
SHORTEST = 0.5
"""Seconds below which nothing is concluded from where they went."""
STALE = 30.0
"""Seconds after which an earlier look is forgotten."""
_LONGEST = 300


class _Look(Value, frozen=True):
    at: float
    cpu: float
    spent: Mapping[ConnectionState, float]


class Inspector:
    """Makes inspections."""

    def __init__(self, runner: Runner, context: TransferContext) -> None:
        self._runner = runner
        self._context = context
        self._looks: dict[str, deque[_Look]] = {}

    async def inspect(self, download: DownloadRecord) -> Inspection:
        last = self._context.last_responses.get(download.id)
        seen = Inspection(
            id=download.id,
            total=download.total_bytes,
            limits=self._limits(download),
            answer=None if last is None else _answer(last),
            timeline=download.timeline,
        )
        transfer = self._runner.transfer(download.id)
        if transfer is None:
            waits = explain_waiting(
                download, held=self._runner.queue.is_held, now=self._context.clock.now()
            )
            return replace(seen, done=await self._on_disk(download), slowness=waits)
        segments, pool = transfer.segments, transfer.pool_status()
        if segments is not None:
            claimed = sorted((claim.position, claim.end) for claim in segments.claims)
            seen = replace(
                seen,
                total=segments.total,
                done=segments.done,
                claimed=tuple(Segment(position, end) for position, end in claimed),
            )
        now = self._context.clock.monotonic()
        connections = () if pool is None else pool.connections
        return replace(
            seen,
            connections=tuple(
                _connection(connection, now)
                for connection in sorted(connections, key=lambda c: c.claim.position)
            ),
            slowness=self._explain(download, transfer, pool, now),
        )

    async def _on_disk(self, download: Download) -> tuple[Segment, ...]:
        if download.status is Status.COMPLETED:
            return (Segment(0, download.total_bytes),) if download.total_bytes else ()
        record = await self._context.resume_data.load(download.id)
        return () if record is None else record.done

    def _limits(self, download: Download) -> DownloadLimits:
        request, context = download.request, self._context
        now = self._context.clock.monotonic()
        hosts = dict.fromkeys(map(site_of, (request.url, *request.mirrors)))
        total = context.rate_limit.rate
        shared = context.group_limits.get(request.group or "")
        of_group = None if shared is None else shared.rate
        return DownloadLimits(
            own=request.limit,
            collection=None if of_group is None else int(of_group),
            total=None if total is None else int(total),
            connections=request.connections or self._context.limits.connections,
            hosts=tuple(
                HostLimit(
                    host=host,
                    connections=context.host_budget.limit(host, now),
                    share=context.host_budget.share(host, download.id, now),
                    refused=(more_in := context.host_budget.more_in(host, now)) is not None,
                    more_in=more_in,
                )
                for host in hosts
            ),
        )

    def _explain(
        self, download: Download, transfer: Transfer, pool: PoolStatus | None, now: float
    ) -> Slowness:
        context, limits = self._context, self._limits(download)
        others = [other for other in self._runner.running if other is not transfer]
        figures = Figures(
            rate=transfer.rate, total=context.total_rate.rate(now), others=len(others), allowed=1
        )
        if pool is not None:
            share = min(limits.connections, pool.share)
            figures = replace(
                self._measured(download.id, pool, now, figures),
                connections=len(pool.connections),
                allowed=1 if pool.single else share,
            )
        return explain(
            Situation(
                figures=figures,
                phase=download.phase,
                host=site_of(download.request.url),
                own_limit=limits.own,
                collection=download.request.group or "",
                collection_limit=limits.collection,
                total_limit=limits.total,
                bringing=sum(1 for w in pool.connections if w.meter.rate(now)) if pool else None,
                wanted=limits.connections,
                share=pool.share if pool else 1,
                refused=any(host.refused for host in limits.hosts),
                single=pool is not None and pool.single,
                mixed=pool.mixed if pool else None,
                enough=pool.enough if pool else None,
                best=pool.best if pool else 0.0,
                best_total=context.best_total_rate.rate(now),
                elsewhere=sum(other.hosts.isdisjoint(transfer.hosts) for other in others),
            )
        )

    def _measured(
        self, download_id: str, pool: PoolStatus, now: float, figures: Figures
    ) -> Figures:
        """Add where the time went since an earlier look, or else since the start."""
        look = _Look(now, time.thread_time(), pool.spent)
        before = self._remember(download_id, look)
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

    def _remember(self, download_id: str, look: _Look) -> _Look | None:
        """Remember a look, and return the earlier one that it is to be compared with."""
        for other in [o for o, looks in self._looks.items() if look.at - looks[-1].at > STALE]:
            del self._looks[other]
        looks = self._looks.setdefault(download_id, deque())
        if looks and sum(look.spent.values()) < sum(looks[-1].spent.values()):
            # It began anew.
            looks.clear()
        while len(looks) > 1 and look.at - looks[1].at >= WINDOW:
            looks.popleft()
        before = looks[0] if looks and look.at - looks[0].at >= SHORTEST else None
        if not looks or look.at - looks[-1].at >= SHORTEST:
            looks.append(look)
        return before


def _connection(connection: PoolConnection, now: float) -> Connection:
    return Connection(
        url=redact_url(connection.source.url),
        start=connection.start,
        position=connection.claim.position,
        end=connection.claim.end,
        state=connection.timer.state,
        asked=max(0.0, now - connection.asked_at),
        rate=None if connection.first_byte_at is None else connection.meter.rate(now),
        peer=connection.peer,
    )


def _answer(response: LastResponse) -> ResponseHead:
    return ResponseHead(
        at=response.at,
        url=redact_url(response.url),
        status=response.status,
        reason=response.reason[:_LONGEST],
        headers=tuple(
            (name[:_LONGEST], redact_header(name, value)[:_LONGEST])
            for name, value in response.headers.items()
        ),
    )
