"""Whether a figure grows: the straight line through its samples, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean

Sample = tuple[float, float]
"""When, in seconds, and what."""


@dataclass(frozen=True, slots=True)
class Trend:
    """The slope of the line in units a second, and the standard error of that slope."""

    slope: float
    error: float


def trend(samples: Sequence[Sample]) -> Trend:
    """Fit a line by least squares; raises ValueError for fewer than three samples."""
    if len(samples) < 3:
        raise ValueError("a slope takes three samples")
    middle, mean = fmean(when for when, _ in samples), fmean(what for _, what in samples)
    spread = sum((when - middle) ** 2 for when, _ in samples)
    slope = sum((when - middle) * (what - mean) for when, what in samples) / spread
    rest = sum((what - mean - slope * (when - middle)) ** 2 for when, what in samples)
    return Trend(slope, (rest / (len(samples) - 2) / spread) ** 0.5)


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
