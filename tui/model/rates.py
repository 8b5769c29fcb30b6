"""How fast it was lately: all together, for the header, and those looked at, for their graphs.

Pure: rates in bytes/s and monotonic seconds come in.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

from tui.text.details import LONGEST, STEP

MOST = 32
"""Downloads that are followed: those that were looked at last."""
EVERY = 5.0
"""Seconds that one value of the header's trace stands for."""


class Throughput:
    """The rates of the downloads that were looked at last, in steps of time.

    A rate holds until another is reported, since nothing is reported of what stays the same.
    """

    def __init__(self) -> None:
        self._tracks: OrderedDict[str, deque[tuple[int, float]]] = OrderedDict()

    def watch(self, id_: str, rate: float | None, at: float) -> None:
        """Follow a download from now on, in place of the one that was not looked at for longest."""
        is_new = id_ not in self._tracks
        self._tracks.setdefault(id_, deque(maxlen=LONGEST))
        self._tracks.move_to_end(id_)
        if is_new:
            self._note(id_, rate, at)
        if len(self._tracks) > MOST:
            self._tracks.popitem(last=False)

    def note(self, ids: Iterable[str], rate: Callable[[str], float | None], at: float) -> None:
        """Take in the rates of those ids that are followed."""
        for id_ in self._tracks.keys() & set(ids):
            self._note(id_, rate(id_), at)

    def recent(self, id_: str, at: float | None, count: int = LONGEST) -> list[float]:
        """Return the rates of at most so many steps up to a time, the latest last.

        `at` None is the time of the last report: what stands still has no present.
        """
        track = self._tracks.get(id_)
        if not track:
            return []
        last = track[-1][0] if at is None else max(int(at // STEP), track[-1][0])
        rates: list[float] = []
        for (step, rate), (following, _) in pairwise([*track, (last + 1, 0.0)]):
            first = max(step, last + 1 - count)
            rates += [rate] * max(following - first, 0)
        return rates

    def _note(self, id_: str, rate: float | None, at: float) -> None:
        track, step = self._tracks[id_], int(at // STEP)
        if track and track[-1][0] >= step:
            step = track.pop()[0]
        track.append((step, rate or 0.0))


class RateTrace:
    """The last values of a rate, each the highest within its time; at rest nothing moves on."""

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
