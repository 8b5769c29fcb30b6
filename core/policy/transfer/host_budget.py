"""How many connections each download may have to a host: a host's budget, shared fairly.

One download alone may use all of it; when more come to the same host, each gets its share. A host
that refuses connections (429, 503), or takes them and serves nothing on them, gets as many as it
bore. One more is tried soon, and where that is served the next at once: it is back at what it
serves within seconds; where it is refused again, each trial comes twice as late as the last.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import islice

SOONEST = 1.0
"""Seconds after which a host that refused connections is tried with one more."""
LATEST = 64.0
"""Seconds between such trials where each of them was refused."""
AT_ONCE = 0.5
"""Seconds within which refusals are taken for one: those of connections opened together."""
FORGOTTEN = 600.0
"""Seconds after the last refusal or trial at which a host gets all again."""


@dataclass(slots=True)
class _Bound:
    """What a host bore; `since` is when it was found, `good` the most it has ever served."""

    borne: int
    since: float
    good: int
    wait: float = SOONEST


class HostBudget:
    """Shares `limit` connections per host; `now` is monotonic seconds, given by the caller."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._owners: defaultdict[str, dict[str, None]] = defaultdict(dict)
        self._serving: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._bounds: dict[str, _Bound] = {}

    def set_limit(self, limit: int) -> None:
        """Change how many connections each host gets."""
        least, self._limit = min(limit, self._limit), limit
        self._bounds = {host: b for host, b in self._bounds.items() if b.borne < least}

    def join(self, host: str, owner: str) -> None:
        """Count a download among those that use a host."""
        self._owners[host][owner] = None

    def leave(self, owner: str) -> None:
        """Forget a download at every host."""
        for host in [host for host, owners in self._owners.items() if owner in owners]:
            del self._owners[host][owner]
            self._serving[host].pop(owner, None)
            if not self._owners[host]:
                del self._owners[host], self._serving[host]

    def share(self, host: str, owner: str, now: float) -> int:
        """Return how many connections a download may have to a host, at least one."""
        owners = self._owners.get(host, {owner: None})
        each, rest = divmod(self.limit(host, now), max(1, len(owners)))
        if not (each and rest and owner in owners):
            return max(1, each)
        return each + (owner in islice(owners, rest))

    def serving(self, host: str, owner: str, count: int, now: float) -> None:
        """Learn that a host serves `count` connections of a download at present."""
        if owner in self._owners.get(host, ()):
            self._serving[host][owner] = count
        bound = self._bound(host, now)
        if bound is not None and (served := self._served(host)) > bound.borne:
            good = max(bound.good, served)
            self._bounds[host] = _Bound(borne=served, since=now, good=good)

    def refused(self, host: str, owner: str, now: float, *, borne: int) -> None:
        """Learn that a host wants no more than `borne` connections of a download at present.

        Those of other downloads that it serves come on top.
        """
        others = self._served(host) - self._serving.get(host, {}).get(owner, 0)
        borne = max(1, borne + others)
        bound = self._bound(host, now)
        if bound is None:
            self._bounds[host] = _Bound(borne=borne, since=now, good=borne)
            return
        if now - bound.since > AT_ONCE:
            bound.wait = min(LATEST, 2 * bound.wait)
            bound.since = now
        else:
            # Opened together, refused one after the other: the last of them tells what is left.
            bound.good = min(bound.good, borne) if bound.good == bound.borne else bound.good
        bound.borne = min(bound.borne, borne)

    def limit(self, host: str, now: float) -> int:
        """Return how many connections a host gets at present."""
        if (bound := self._bound(host, now)) is None:
            return self._limit
        is_due = now - bound.since >= bound.wait
        return min(self._limit, max(bound.borne + 1, bound.good) if is_due else bound.borne)

    def more_in(self, host: str, now: float) -> float | None:
        """Return in how many seconds a host that refused is tried with one more; None: none did."""
        if self.limit(host, now) >= self._limit or (bound := self._bound(host, now)) is None:
            return None
        return max(0.0, bound.since + bound.wait - now)

    def is_serving(self, host: str) -> bool:
        """Tell whether a host serves anybody at present."""
        return self._served(host) > 0

    def _bound(self, host: str, now: float) -> _Bound | None:
        """Return what a host was found to bear, None where it may have all again."""
        bound = self._bounds.get(host)
        if bound is None or now - bound.since >= FORGOTTEN or bound.borne >= self._limit:
            return None
        return bound

    def _served(self, host: str) -> int:
        return sum(self._serving.get(host, {}).values())
