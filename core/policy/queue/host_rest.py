"""Leaves a host in peace that has asked for it, for the sake of all downloads that wait for it.

What one download was told by a Retry-After holds for the others at first: none of them asks for a
while, then one at a time does, until the host serves again or the time it asked for is over. The
host's word to one address may not hold for its others, so that nobody waits here for long.
"""

from __future__ import annotations

LONGEST = 30.0
"""Seconds that a host is left in peace altogether, at the most."""
EVERYONE = 1_000_000


class HostRests:
    """The hosts that want peace; `now` is monotonic seconds, given by the caller."""

    def __init__(self) -> None:
        self._rests: dict[str, tuple[float, float]] = {}

    def ask(self, host: str, seconds: float, now: float) -> None:
        """Take in that a host wants to be left alone for so long."""
        self._rests = {other: rest for other, rest in self._rests.items() if rest[1] > now}
        peace, end = self._rests.get(host, (0.0, 0.0))
        asked = (now + min(seconds, LONGEST), now + seconds)
        self._rests[host] = (max(peace, asked[0]), max(end, asked[1]))

    def served(self, host: str) -> None:
        """Take in that a host serves again."""
        self._rests.pop(host, None)

    def hasten(self, seconds: float) -> None:
        """Bring the end of every rest forward: the machine slept through so much of it."""
        self._rests = {
            host: (peace - seconds, end - seconds) for host, (peace, end) in self._rests.items()
        }

    def limit(self, host: str, now: float) -> int:
        """Return how many downloads of a host may run at present."""
        peace, end = self._rests.get(host, (0.0, 0.0))
        if end <= now:
            return EVERYONE
        return 1 if peace <= now else 0

    def left(self, host: str, now: float) -> float | None:
        """Return in how many seconds somebody may ask a host again; None where one may now."""
        peace, _ = self._rests.get(host, (0.0, 0.0))
        return peace - now if peace > now else None

    def wake_at(self, now: float) -> float | None:
        """Return when the next host may be asked by more than now."""
        return min((at for rest in self._rests.values() for at in rest if at > now), default=None)
