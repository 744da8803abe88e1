"""Means over all videos from hits of some of them, beside those of the clean model on all.

The clean hits are a control variate: where a cell's hits follow them, what the sample of videos
has too much or too little of the easy ones is known and taken off. Source: Cochran 1977, chapter 7
(regression estimator).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit

from signal_perception.statistics.intervals import (
    Resamples,
    hierarchical_interval,
    hierarchy,
    wilson,
)

# How many videos that changed by 1 a sample is taken to hold besides those seen. One in which
# nothing varies does not tell that nothing does: with 95 %, up to 3 of m videos then change (the
# rule of three). With 1 instead, up to 14 % of the cells in which 1 % change stop too early.
_UNSEEN = 3


@dataclass(frozen=True)
class Sample:
    """Hits of a cell on some videos, from 0 to 1, and those of the clean model on all.

    hits: (repeats, m). clean: (N,). videos: the numbers of the m. resamples: of all N; part: of the
    m, which are `resamples.of(videos)`, or of all where m = N and videos are in order.
    """

    hits: NDArray[np.float64]
    clean: NDArray[np.float64]
    videos: NDArray[np.int64]
    resamples: Resamples
    part: Resamples

    @property
    def complete(self) -> bool:
        """Whether all videos have hits, so that nothing is left to estimate."""
        return len(self.videos) == len(self.clean)

    @property
    def mean(self) -> float:
        """Estimated mean hit over all videos and repeats."""
        if self.complete:
            return float(self.hits.mean())
        missed = self.clean.mean() - self.clean[self.videos].mean()
        return float(np.clip(self.hits.mean() + self._slope * missed, 0, 1))

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Interval of the mean hit over repeats and videos like these.

        Wilson's, as `hierarchical_interval` has it. Its variance is that of what the clean hits do
        not explain, in the sample, and of what they do, in all videos.
        """
        if self.complete:
            return hierarchical_interval(self.hits, self.part, level, bounds=(0, 1))
        # not surer than as many independent hits, or than the clean model
        least = min(1 / len(self.hits), len(self.videos) / len(self.clean))
        return self._wilson(self._slope, self._slope, level, least)

    def retention(self, chance: float, level: float = 0.95) -> tuple[float, float, float]:
        """(mean − chance) / (clean mean − chance), low and high; NaN for a clean model at chance.

        The clean mean is of the same videos and errs with the mean: the interval is that of the
        mean, with the variance of hits − ratio · clean hits (linearised ratio).
        """
        above = float(self.clean.mean()) - chance
        if above == 0:
            return np.nan, np.nan, np.nan
        ratio = (self.mean - chance) / above
        slope = ratio if self.complete else self._slope
        low, high = self._wilson(slope, slope - ratio, level, 0)
        low, high = sorted([(low - chance) / above, (high - chance) / above])
        return ratio, low, high

    def _wilson(self, slope: float, rest: float, level: float, least: float) -> tuple[float, float]:
        """Wilson's interval of the mean, for the variance of two means that err apart.

        Of hits − slope · clean hits in the sample, and of rest · clean hits in all videos.
        """
        found = hierarchy(self.hits - slope * self.clean[self.videos], self.part)
        of_all = hierarchy(self.clean[None], self.resamples).mean.variance
        variance = found.mean.variance + found.added(level) + rest**2 * of_all
        low, high = wilson(np.array([self.mean]), variance, found.mean, level, least)
        return float(low[0]), float(high[0])

    @property
    def _slope(self) -> float:
        return slope(self.hits.mean(axis=0), self.clean[self.videos])


def slope(values: NDArray, clean: NDArray) -> float:
    """By how much values (m,) rise with clean ones; 0 where these are all the same."""
    centred = clean - clean.mean()
    spread = centred @ centred
    return float(centred @ values / spread) if spread > 0 else 0.0


def margin_of_all(values: NDArray, clean: NDArray, total: int, level: float = 0.95) -> float:
    """How far the estimated mean may be from that of all `total` videos, of which m were drawn.

    values: (m,) means over repeats, from 0 to 1. clean: of the same videos. The m are drawn one by
    one without replacement, so it does not matter which videos belong together.
    """
    number = len(values)
    if number == total:
        return 0.0
    if number < 3:
        return np.inf
    rest = values - values.mean() - slope(values, clean) * (clean - clean.mean())
    variance = (rest @ rest + _UNSEEN) / (number - 2)
    left = 1 - number / total
    return float(stdtrit(number - 2, (1 + level) / 2) * np.sqrt(variance / number * left))
