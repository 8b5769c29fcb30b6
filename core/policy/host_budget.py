"""How many connections each download may have to a host: a host's budget, shared fairly.

One download alone may use all of it; when more come to the same host, each gets its share. A host
that refuses connections (429, 503) gets fewer for a while, whoever asks.
"""

from __future__ import annotations

from collections import defaultdict
from urllib.parse import urlsplit

CLIMB = 15.0
"""Seconds after which a host that refused connections gets one more."""
AT_ONCE = 2.0
"""Seconds within which refusals are taken for one."""


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
        """Learn that a host wants no more than `borne` connections at present.

        Of several refusals at once the first counts: a server still counts for a moment what was
        closed just now.
        """
        refused = self._refused.get(host)
        if refused is None or now - refused[1] > AT_ONCE:
            self._refused[host] = (max(1, borne), now)

    def limit(self, host: str, now: float) -> int:
        """Return how many connections a host gets at present: after a refusal slowly more again."""
        refused = self._refused.get(host)
        if refused is None:
            return self._limit
        climbed = refused[0] + int((now - refused[1]) / CLIMB)
        if climbed >= self._limit:
            del self._refused[host]
        return min(self._limit, climbed)

    def more_in(self, host: str, now: float) -> float | None:
        """Return in how many seconds a host that refused gets one more; None where none did."""
        if self.limit(host, now) >= self._limit or host not in self._refused:
            return None
        return CLIMB - (now - self._refused[host][1]) % CLIMB
