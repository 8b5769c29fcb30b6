"""How often a slow connection may be given up for a new one.

The new one may land on a better server. Where it does not, every further try is a request that
brings nothing: so the first few come at once, and those after them ever more rarely.
"""

from __future__ import annotations

SHORTEST = 0.25
"""Seconds between the first tries."""
AT_ONCE = 8
"""How many those are."""
LONGEST = 60.0
"""Seconds between tries at the most; and how long none may be wanted until all begins anew."""


class Replacement:
    """Counts the tries; `now` is monotonic seconds, given by the caller."""

    def __init__(self) -> None:
        self._tries = 0
        self._next = 0.0

    def is_due(self, now: float) -> bool:
        """Tell whether a connection may be replaced now."""
        return now >= self._next

    def made(self, now: float) -> None:
        if now - self._next > LONGEST:
            self._tries = 0
        self._tries += 1
        doublings = min(16, max(0, self._tries - AT_ONCE))
        self._next = now + min(LONGEST, SHORTEST * 2.0**doublings)
