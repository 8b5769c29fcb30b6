"""What the service measures of itself, in words and as JSON: for `status` and `top`.

Pure. A share of CPU is of one core: 1.0 is all of one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from core.domain.figures import DownloadCost, Durations, Figures
from core.domain.history import AttemptEnd
from tui.text import fmt
from tui.text.json_records import timestamp

_TITLES = ("ID", "CPU", "THREADS", "LOOP", "RATE", "CONNS", "RECEIVED", "NAME")
_ENDS = {
    AttemptEnd.COMPLETED.value: "completed",
    AttemptEnd.FAILED.value: "failed",
    AttemptEnd.RETRIED.value: "tried again",
}


class Share(NamedTuple):
    """What a download took of a core in a while, by where."""

    cost: DownloadCost
    threads: float
    loop: float

    @property
    def cpu(self) -> float:
        return self.threads + self.loop


class Interval:
    """What happened between two looks."""

    def __init__(self, before: Figures, now: Figures) -> None:
        self.now = now
        self.seconds = max((now.at - before.at).total_seconds(), 0.001)
        # A service that was started in between has measured all of it by itself.
        is_same = before.started_at == now.started_at
        then = before if is_same else None
        self.cpu = self._rate(now.process.cpu, then.process.cpu if then else None)
        self.loop = self._rate(now.process.loop_cpu, then.process.loop_cpu if then else None)
        self.lag = now.lag.since(then.lag) if then else now.lag
        self.syncs = now.syncs.since(then.syncs) if then else now.syncs
        requests = then.clients.requests if then else 0
        self.requests = now.clients.requests - requests
        old = {cost.id: cost for cost in then.costs} if then else {}
        self.shares = sorted(
            (self._share(cost, old.get(cost.id)) for cost in now.costs),
            key=lambda share: share.cpu,
            reverse=True,
        )

    def _rate(self, now: float, before: float | None) -> float:
        return max(0.0, now - (before or 0.0)) / self.seconds

    def _share(self, cost: DownloadCost, before: DownloadCost | None) -> Share:
        if before is None or before.cpu > cost.cpu:
            # Another attempt: all of it is new.
            return Share(cost, self._rate(cost.threads, None), self._rate(cost.loop, None))
        threads = self._rate(cost.threads, before.threads)
        return Share(cost, threads, self._rate(cost.loop, before.loop))


def top_lines(interval: Interval) -> list[str]:
    """Return what costs, as lines of which the one above the downloads is the last without any."""
    now, process = interval.now, interval.now.process
    connections = fmt.counted(now.connections, "connection")
    clients = fmt.counted(now.clients.clients, "client")
    limit = "no limit" if now.limit is None else f"limit {fmt.rate(now.limit)}"
    up = fmt.duration((now.at - now.started_at).total_seconds())
    cpu = f"CPU {_percent(interval.cpu)}, of that the loop {_percent(interval.loop)}"
    longest = f"since the start {now.syncs.count:,}, longest {_short(now.syncs.longest)}"
    lines = [
        f"winch {fmt.clean(now.version)}, up {up}; {cpu}; {_usage(now)}, {process.threads} threads",
        f"in     {fmt.rate(now.rate)}, {limit}, {connections}; {_received(now)}",
        f"loop   {_durations(interval.lag, 'look', 'late by')}",
        f"fsync  {_durations(interval.syncs, 'sync', 'took')}; {longest}",
        f"waits  {', '.join(f'{name} {count:,}' for name, count in now.queues.items())}",
        f"asked  {clients}, {fmt.counted(interval.requests, 'request')}",
        "",
    ]
    if not interval.shares:
        return [*lines, "no download runs"]
    rows = [_TITLES, *map(_row, interval.shares)]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    return [*lines, *(_joined(row, widths) for row in rows)]


def status_lines(figures: Figures) -> list[str]:
    """Return the figures that a person wants to know first, below the state of the service."""
    ended = ", ".join(
        f"{figures.ended[end]:,} {word}" for end, word in _ENDS.items() if figures.ended.get(end)
    )
    failed = ", ".join(f"{count:,} {code}" for code, count in figures.failures.items())
    return [
        f"received    {_received(figures)}",
        *([f"attempts    {ended}"] if ended else []),
        *([f"failures    {failed}"] if failed else []),
        *(
            f"disk        {fmt.clean(disk.path)}: {fmt.size(disk.free)} of"
            f" {fmt.size(disk.size)} free"
            for disk in figures.disks
        ),
        f"process     {_usage(figures)}, CPU time {fmt.seconds(figures.process.cpu)}",
        *(
            f"{'running' if not index else '':<11} {_running(cost)}"
            for index, cost in enumerate(sorted(figures.costs, key=lambda c: -c.rate)[:_RUNNING])
        ),
    ]


_RUNNING = 8
"""Running downloads that an overview names, the fastest."""


def figures_record(figures: Figures) -> dict[str, object]:
    """Return all figures as the object that scripts read: bytes, seconds, counts since the start.

    `costs` are of running downloads, those that cost most.
    """
    process, clients = figures.process, figures.clients
    return {
        "at": timestamp(figures.at),
        "connections": figures.connections,
        "limit": figures.limit,
        "received_bytes": figures.received,
        "fetched_twice_bytes": dict(figures.fetched_twice),
        "attempts": dict(figures.ended),
        "failures": dict(figures.failures),
        "retries": dict(figures.retries),
        "restarts": figures.restarts,
        "disks": [
            {"path": disk.path, "size": disk.size, "free": disk.free} for disk in figures.disks
        ],
        "loop_lag": _durations_record(figures.lag),
        "fsync": _durations_record(figures.syncs),
        "state_writes": dict(figures.state_writes),
        "queues": dict(figures.queues),
        "client_connections": clients.connections,
        "requests": clients.requests,
        "request_errors": clients.errors,
        "process": {
            "cpu_seconds": round(process.cpu, 3),
            "loop_cpu_seconds": round(process.loop_cpu, 3),
            "memory": process.memory,
            "peak_memory": process.peak_memory,
            "descriptors": process.descriptors,
            "most_descriptors": process.most_descriptors,
            "threads": process.threads,
        },
        "costs": [_cost_record(cost) for cost in figures.costs],
    }


def top_record(interval: Interval) -> dict[str, object]:
    """Return what `figures_record` does, and beside it what was so between the two looks."""
    shares = {share.cost.id: share for share in interval.shares}
    record = figures_record(interval.now)
    record["costs"] = [
        _cost_record(share.cost) | {"cpu_share": round(share.cpu, 4)} for share in shares.values()
    ]
    record["interval"] = {
        "seconds": round(interval.seconds, 3),
        "cpu_share": round(interval.cpu, 4),
        "loop_cpu_share": round(interval.loop, 4),
        "loop_lag": _durations_record(interval.lag),
        "fsync": _durations_record(interval.syncs),
        "requests": interval.requests,
    }
    return record


def _cost_record(cost: DownloadCost) -> dict[str, object]:
    return {
        "id": cost.id,
        "name": cost.name,
        "cpu_seconds": round(cost.cpu, 3),
        "thread_cpu_seconds": round(cost.threads, 3),
        "loop_cpu_seconds": round(cost.loop, 3),
        "received_bytes": cost.received,
        "rate": round(cost.rate),
        "connections": cost.connections,
    }


def _durations_record(durations: Durations) -> Mapping[str, object]:
    median, late = durations.quantile(0.5), durations.quantile(0.99)
    return {
        "count": durations.count,
        "total": round(durations.total, 6),
        "median": None if median is None else round(median, 6),
        "p99": None if late is None else round(late, 6),
        "longest": round(durations.longest, 6) if durations.count else None,
    }


def _row(share: Share) -> tuple[str, ...]:
    cost = share.cost
    return (
        fmt.short_id(cost.id),
        _percent(share.cpu),
        _percent(share.threads),
        _percent(share.loop),
        fmt.rate(cost.rate),
        str(cost.connections),
        fmt.size(cost.received),
        fmt.clean(cost.name),
    )


def _joined(row: tuple[str, ...], widths: list[int]) -> str:
    first, *figures, name = row
    cells = [f"{text:>{width}}" for text, width in zip(figures, widths[1:-1], strict=True)]
    return "  ".join((f"{first:<{widths[0]}}", *cells, name))


def _running(cost: DownloadCost) -> str:
    return f"{fmt.short_id(cost.id)} {fmt.rate(cost.rate):>12}  {fmt.clean(cost.name)}"


def _received(figures: Figures) -> str:
    twice = sum(figures.fetched_twice.values())
    text = f"{fmt.size(figures.received)} since the start"
    return f"{text}, {fmt.size(twice)} of it twice or in vain" if twice else text


def _usage(figures: Figures) -> str:
    process = figures.process
    memory = f"memory {fmt.size(process.memory)}, at most {fmt.size(process.peak_memory)}"
    if process.descriptors is None:
        return memory
    most = process.most_descriptors
    return f"{memory}, {process.descriptors:,}{f' of {most:,}' if most else ''} descriptors"


def _durations(durations: Durations, what: str, verb: str) -> str:
    if not durations.count:
        return f"no {what}s"
    median, late = durations.quantile(0.5), durations.quantile(0.99)
    return (
        f"{fmt.counted(durations.count, what)} {verb} {_short(median)} (median),"
        f" {_short(late)} (99 %), {_short(durations.longest)} at most"
    )


def _short(seconds: float | None) -> str:
    if seconds is None or seconds >= 1:
        return fmt.seconds(seconds)
    return f"{seconds * 1000:.1f} ms"


def _percent(share: float) -> str:
    return f"{share * 100:.1f}%"
