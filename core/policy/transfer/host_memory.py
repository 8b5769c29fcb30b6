"""How many connections served best from a host the last time, so that the next begins with them."""

from __future__ import annotations

from collections import OrderedDict
from datetime import datetime, timedelta

from core.domain.value import Value

HOSTS = 1000
"""Hosts that are remembered, those that served last."""
KEPT = timedelta(days=30)
"""How long: a host may be another one by then."""


class ServedBest(Value, frozen=True):
    """So many connections served best; `at` is the wall time when that was found."""

    connections: int
    at: datetime


class HostMemory:
    """What attempts found out about hosts; it lives on in the history, from which it is made."""

    def __init__(self) -> None:
        self._hosts: OrderedDict[str, ServedBest] = OrderedDict()

    def __len__(self) -> int:
        return len(self._hosts)

    def put(self, host: str, connections: int, at: datetime) -> None:
        self._hosts[host] = ServedBest(max(1, connections), at)
        self._hosts.move_to_end(host)
        if len(self._hosts) > HOSTS:
            self._hosts.popitem(last=False)

    def get(self, host: str, now: datetime) -> ServedBest | None:
        """Return what served best from a host, None where that is unknown or too long ago."""
        found = self._hosts.get(host)
        return found if found is not None and now - found.at < KEPT else None

    def clear(self) -> None:
        self._hosts.clear()
