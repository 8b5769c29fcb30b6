"""A set of numbers that mostly follow one another, of which a million take 140 KB."""

from __future__ import annotations

_BITS = 12


class Numbers:
    """Whole numbers, none of them negative, each as a bit of its neighbourhood."""

    def __init__(self) -> None:
        self._neighbourhoods: dict[int, int] = {}

    def add(self, number: int) -> bool:
        """Take a number in; return whether it is new."""
        where, bit = number >> _BITS, 1 << (number & ((1 << _BITS) - 1))
        known = self._neighbourhoods.get(where, 0)
        self._neighbourhoods[where] = known | bit
        return not known & bit
