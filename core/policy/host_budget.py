"""How many connections each download may have to a host: a host's budget, shared fairly.

One download alone may use all of it; when more come to the same host, each gets its share. A host
that refuses connections (429, 503) gets fewer for a while, whoever asks.
"""

from __future__ import annotations

from collections import defaultdict
from urllib.parse import urlsplit

PENALTY = 60.0
"""Seconds for which a host that refused connections gets no more than it bore."""


def host_of(url: str) -> str:
    """Return the host and port of a URL, without userinfo: what a budget is for."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


class HostBudget:
    """Shares `limit` connections per host; `now` is monotonic seconds, given by the caller."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._owners: defaultdict[str, list[str]] = defaultdict(list)
        self._refused: dict[str, tuple[int, float]] = {}

    def set_limit(self, limit: int) -> None:
        """Change how many connections each host gets."""
        self._limit = limit

    def join(self, host: str, owner: str) -> None:
        """Count a download among those that use a host."""
        if owner not in self._owners[host]:
            self._owners[host].append(owner)

    def leave(self, owner: str) -> None:
        """Forget a download at every host."""
        for host in [host for host, owners in self._owners.items() if owner in owners]:
            self._owners[host].remove(owner)
            if not self._owners[host]:
                del self._owners[host]

    def share(self, host: str, owner: str, now: float) -> int:
        """Return how many connections a download may have to a host, at least one."""
        owners = self._owners.get(host, [owner])
        limit = self.limit(host, now)
        rank = owners.index(owner) if owner in owners else len(owners)
        each, rest = divmod(limit, max(1, len(owners)))
        return max(1, each + (rank < rest))

    def refused(self, host: str, now: float, *, borne: int) -> None:
        """Learn that a host wants no more than `borne` connections at present."""
        limit = min(max(1, borne), self.limit(host, now))
        self._refused[host] = (limit, now + PENALTY)

    def limit(self, host: str, now: float) -> int:
        """Return how many connections a host gets at present."""
        refused = self._refused.get(host)
        if refused is not None and now >= refused[1]:
            del self._refused[host]
            refused = None
        return self._limit if refused is None else min(self._limit, refused[0])
