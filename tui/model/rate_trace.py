"""How fast all downloads together were lately: what the sparkline at the top is drawn from.

Pure: a monotonic time in seconds and a rate go in. While nobody says anything, nothing moves.
"""

from __future__ import annotations

from collections.abc import Sequence

EVERY = 5.0
"""Seconds that one value stands for."""
_BLOCKS = "▁▂▃▄▅▆▇█"
_PLAIN = "_.:-=+*#"


class RateTrace:
    """The last values of a rate, each the highest within its time."""

    def __init__(self, length: int) -> None:
        self._values = [0.0] * length
        self._slot: int | None = None

    def note(self, now: float, rate: float) -> None:
        """Say how fast it is now."""
        slot = int(now // EVERY)
        if self._slot is None:
            self._slot = slot
        if passed := min(slot - self._slot, len(self._values)):
            self._values = self._values[passed:] + [0.0] * passed
            self._slot = slot
        self._values[-1] = max(self._values[-1], rate)

    @property
    def values(self) -> Sequence[float]:
        """The rates, the oldest first."""
        return self._values

    @property
    def is_flat(self) -> bool:
        """Whether nothing moved in all that time."""
        return not any(self._values)

    def text(self, *, ascii_only: bool = False) -> str:
        """Return a character for each value; full height is the largest of them."""
        marks = _PLAIN if ascii_only else _BLOCKS
        largest = max(self._values) or 1.0
        return "".join(marks[round(value / largest * (len(marks) - 1))] for value in self._values)
