"""The figures as Prometheus reads them: its text exposition format, version 0.0.4.

Names have the prefix `winch_`, those of the process too: node_exporter, which may read this from a
file, has others of the usual names. Bytes and seconds throughout; no label is a host, a URL or a
download, so that there are only ever so many series, and a file that all may read tells nobody
what is fetched.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import accumulate

from core.domain.errors import ErrorCode
from core.domain.figures import Durations, Figures
from core.domain.history import AttemptEnd
from core.domain.models import Status

_REASONS = ("resume", "seam", "compared", "restart", "damaged")
_CODES = (
    *(ErrorCode.NOT_FOUND, ErrorCode.AUTH_REQUIRED, ErrorCode.HTTP_STATUS, ErrorCode.PROTOCOL),
    *(ErrorCode.REDIRECT, ErrorCode.NETWORK, ErrorCode.TIMEOUT, ErrorCode.DNS, ErrorCode.TLS),
    *(ErrorCode.INCOMPLETE, ErrorCode.CANNOT_RESUME, ErrorCode.FILE_CHANGED, ErrorCode.DISK_FULL),
    *(ErrorCode.DISK, ErrorCode.DESTINATION, ErrorCode.EXISTS, ErrorCode.CHECKSUM),
    ErrorCode.INTERNAL,
)
"""Codes that are there from the start: of a counter that appears with 1, nobody sees it grow."""
_Labels = Mapping[str, str]


def exposition(figures: Figures, labels: _Labels | None = None) -> str:
    """Return the figures as text that ends with a newline; each series has the `labels` too."""
    text = _Text(labels or {})
    _write_downloads(text, figures)
    _write_costs(text, figures)
    return str(text)


def exposition_of_end(version: str, labels: _Labels | None = None) -> str:
    """Return what is left to say once a service has ended well: that it is not up."""
    text = _Text(labels or {})
    _write_head(text, version, is_up=False)
    return str(text)


def _write_head(text: _Text, version: str, *, is_up: bool) -> None:
    text.gauge("up", "Whether winch runs; 0 once it has ended well.", int(is_up))
    text.gauge("build_info", "The version, as a label.", 1, version=version)


def _write_downloads(text: _Text, figures: Figures) -> None:
    _write_head(text, figures.version, is_up=True)
    text.gauge("start_time_seconds", "When it started.", _seconds(figures.started_at))
    text.gauges("downloads", "Downloads in the list.", "state", figures.counts)
    waiting = figures.counts.get(Status.PENDING.value, 0)
    text.gauge("queue_length", "Downloads that wait for their turn.", waiting)
    text.gauge("connections", "Connections that fetch something.", figures.connections)
    rate_help = "Bytes per second that come in, over the last seconds."
    text.gauge("receive_rate_bytes_per_second", rate_help, figures.rate)
    limit = float("inf") if figures.limit is None else figures.limit
    limit_help = "Bytes per second that all may have together; +Inf: no limit."
    text.gauge("rate_limit_bytes_per_second", limit_help, limit)
    text.counter("received_bytes", "Bytes of bodies that came from servers.", figures.received)
    twice = dict.fromkeys(_REASONS, 0) | dict(figures.fetched_twice)
    twice_help = "Bytes that were here already, or have to come again."
    text.counters("fetched_twice_bytes", twice_help, "reason", twice)
    ended = dict.fromkeys((end.value for end in AttemptEnd), 0) | dict(figures.ended)
    text.counters("attempts", "Attempts that have ended.", "end", ended)
    codes = dict.fromkeys((code.value for code in _CODES), 0)
    failed_help = "Attempts that failed for good."
    text.counters("failures", failed_help, "code", codes | dict(figures.failures))
    retried_help = "Attempts that failed and are tried again."
    text.counters("retries", retried_help, "code", codes | dict(figures.retries))
    text.counter("restarts", "Times that a file had to begin anew.", figures.restarts)
    free = {disk.path: disk.free for disk in figures.disks}
    size = {disk.path: disk.size for disk in figures.disks}
    text.gauges("disk_free_bytes", "Room on file systems that were written to.", "path", free)
    text.gauges("disk_size_bytes", "Size of these file systems.", "path", size)


def _write_costs(text: _Text, figures: Figures) -> None:
    text.histogram("loop_lag_seconds", "How late the loop came to what was due.", figures.lag)
    text.histogram("fsync_seconds", "How long disks took to make writes safe.", figures.syncs)
    writes_help = "Writes of winch's own files."
    text.counters("state_writes", writes_help, "file", figures.state_writes)
    text.gauges("backlog", "What waits inside winch, by where.", "queue", figures.queues)
    clients, process = figures.clients, figures.process
    text.gauge("clients", "Clients of the service.", clients.clients)
    text.gauge("client_connections", "Their connections.", clients.connections)
    text.counter("requests", "Requests of clients.", clients.requests)
    text.counter("request_errors", "Requests that were refused.", clients.errors)
    text.counter("process_cpu_seconds", "CPU time of all threads.", process.cpu)
    text.counter("process_loop_cpu_seconds", "CPU time of the main thread.", process.loop_cpu)
    text.gauge("process_resident_memory_bytes", "Memory in RAM.", process.memory)
    text.gauge("process_peak_memory_bytes", "The most that ever was.", process.peak_memory)
    text.gauge("process_open_fds", "Open descriptors.", process.descriptors)
    text.gauge("process_max_fds", "Descriptors there may be.", process.most_descriptors)
    text.gauge("process_threads", "Threads.", process.threads)


class _Text:
    """Metrics one after the other, each with what it is."""

    def __init__(self, labels: _Labels) -> None:
        self._common = labels
        self._lines: list[str] = []

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in self._lines)

    def gauge(self, name: str, what: str, value: float | None, **labels: str) -> None:
        """Add what goes up and down; nothing where it is not known."""
        if value is not None:
            self._add(name, what, "gauge", [(labels, value)])

    def gauges(self, name: str, what: str, label: str, values: Mapping[str, float]) -> None:
        self._add(name, what, "gauge", [({label: key}, value) for key, value in values.items()])

    def counter(self, name: str, what: str, value: float) -> None:
        """Add what only grows."""
        self._add(f"{name}_total", what, "counter", [({}, value)])

    def counters(self, name: str, what: str, label: str, values: Mapping[str, float]) -> None:
        samples = [({label: key}, value) for key, value in values.items()]
        self._add(f"{name}_total", what, "counter", samples)

    def histogram(self, name: str, what: str, durations: Durations) -> None:
        self._head(name, what, "histogram")
        edges = (*map(_number, durations.bounds), "+Inf")
        for edge, count in zip(edges, accumulate(durations.counts), strict=True):
            self._sample(f"{name}_bucket", {"le": edge}, count)
        self._sample(f"{name}_sum", {}, durations.total)
        self._sample(f"{name}_count", {}, durations.count)

    def _add(
        self, name: str, what: str, kind: str, samples: Iterable[tuple[_Labels, float]]
    ) -> None:
        self._head(name, what, kind)
        for labels, value in samples:
            self._sample(name, labels, value)

    def _head(self, name: str, what: str, kind: str) -> None:
        self._lines += [f"# HELP winch_{name} {what}", f"# TYPE winch_{name} {kind}"]

    def _sample(self, name: str, labels: _Labels, value: float) -> None:
        pairs = [
            f'{key}="{_escaped(text)}"' for key, text in (*self._common.items(), *labels.items())
        ]
        named = f"{{{','.join(pairs)}}}" if pairs else ""
        self._lines.append(f"winch_{name}{named} {_number(value)}")


def _escaped(text: str) -> str:
    r"""Return the value of a label, `\`, `"` and line feeds escaped, other controls replaced."""
    plain = text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return "".join("�" if unicodedata.category(c) in {"Cc", "Cf", "Cs"} else c for c in plain)


def _number(value: float) -> str:
    if value == float("inf"):
        return "+Inf"
    return str(value) if isinstance(value, int) else repr(round(value, 6))


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
