"""Whether a figure grows: the straight line through its samples, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

Sample = tuple[float, float]
"""When, in seconds, and what."""
_MOST_ALIKE = 0.95


@dataclass(frozen=True, slots=True)
class Trend:
    """The slope of the line in units a second, and the standard error of that slope."""

    slope: float
    error: float

    def is_at_most(self, limit: float) -> bool | None:
        """Tell whether the slope is no more than that, None where it lies too near to be sure."""
        if abs(self.slope - limit) <= 2 * self.error:
            return None
        return self.slope < limit


def trend(samples: Sequence[Sample]) -> Trend:
    """Fit a line by least squares; raises ValueError for fewer than three samples.

    Samples are taken in the order of time. What lies above the line mostly stays there for a while:
    the more alike neighbours are, the fewer samples they are worth, and the larger is the error.
    """
    if len(samples) < 3:
        raise ValueError("a slope takes three samples")
    middle, mean = fmean(when for when, _ in samples), fmean(what for _, what in samples)
    spread = sum((when - middle) ** 2 for when, _ in samples)
    slope = sum((when - middle) * (what - mean) for when, what in samples) / spread
    rests = [what - mean - slope * (when - middle) for when, what in samples]
    rest = sum(each**2 for each in rests)
    alike = sum(one * next_ for one, next_ in pairwise(rests)) / rest if rest else 0.0
    alike = min(max(alike, 0.0), _MOST_ALIKE)
    worth = (1 + alike) / (1 - alike)
    return Trend(slope, (worth * rest / (len(samples) - 2) / spread) ** 0.5)


def floors(samples: Sequence[Sample], seconds: float) -> list[Sample]:
    """Return the lowest sample of each stretch of so many seconds.

    What is in use for a moment comes and goes, above what is never given back.
    """
    return [min(stretch, key=lambda sample: sample[1]) for stretch in _stretches(samples, seconds)]


def _stretches(samples: Sequence[Sample], seconds: float) -> Iterator[list[Sample]]:
    stretch: list[Sample] = []
    for sample in samples:
        if stretch and sample[0] - stretch[0][0] >= seconds:
            yield stretch
            stretch = []
        stretch.append(sample)
    if stretch:
        yield stretch
