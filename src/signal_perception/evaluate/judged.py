"""What the clips as they are say of a model: hits and confidence of every test video."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.inference.fusion import probabilities
from signal_perception.statistics import calibration
from signal_perception.statistics.accuracy import Ranking
from signal_perception.statistics.intervals import Resamples, resamples
from signal_perception.vocabulary import CLIP

# Bootstrap of the videos, for all intervals of the stage.
_DRAWS = 2000


@dataclass(frozen=True)
class Judged:
    """The test videos as they are, in the order of the clip store.

    table: their rows of the table of predictions. draws: resamples of them.
    """

    table: pd.DataFrame
    draws: Resamples

    @cached_property
    def ranking(self) -> Ranking:
        return ranking_of(self.table)

    @cached_property
    def hits(self) -> NDArray[np.float64]:
        """Top-1 hits (n,), see `Ranking.hits`."""
        return self.ranking.hits(1)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Highest probability of a class (n,), see `statistics.calibration`."""
        return calibration.confidence(probabilities(np.stack(list(self.table["scores"]))))


def judged(table: pd.DataFrame, seed: int) -> Judged:
    """From the table of predictions of all controls."""
    own = table.loc[table["control"] == CLIP, :].reset_index(drop=True)
    return Judged(own, resamples(list(own["group"]), seed, _DRAWS))


def ranking_of(table: pd.DataFrame) -> Ranking:
    """The ranking that the rows of a control have in their columns."""
    tied = table["tied"].to_numpy()
    better = (table["rank"].to_numpy() - tied / 2).astype(np.int64)
    return Ranking(better, tied, len(next(iter(table["scores"]))))
