"""What became of the test videos in every cell: read from the finished units, a file at a time."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from signal_perception.noise.engine import Scored
from signal_perception.noise.grid import Plan
from signal_perception.pipeline.units import Unit
from signal_perception.statistics.accuracy import Ranking, ranking
from signal_perception.statistics.intervals import Resamples
from signal_perception.statistics.samples import Sample

KS = (1, 5)


@dataclass(frozen=True)
class Outcome:
    """Of one cell.

    videos: numbers of those scored, ascending (m,). hits: k → from 0 to 1, see `Ranking.hits`,
    (repeats, m). tied, not_finite: videos, summed over repeats. sha256: of ΔW in the first repeat.
    kappa: relative amplitude of the noise.
    """

    videos: NDArray[np.int64]
    hits: dict[int, NDArray[np.float64]]
    tied: int
    not_finite: int
    sha256: str
    kappa: float

    @property
    def repeats(self) -> int:
        return len(self.hits[1])


class Outcomes:
    """Outcomes of all cells of a plan, and of the clean model.

    Parameters
    ----------
    units: finished ones; every cell that is not clean has as many parts in each of its repeats.
    clean: scores of the clean model for all videos, those of the stage evaluate (N, classes).
    labels: number of the true class of every video (N,).
    parts: numbers of the videos of each part, in the order in which they are scored.
    resamples: bootstrap of all videos, for every interval.
    """

    def __init__(
        self,
        plan: Plan,
        units: Sequence[Unit[Scored]],
        clean: NDArray,
        labels: NDArray,
        parts: Sequence[Sequence[int]],
        resamples: Resamples,
    ):
        self.plan, self.resamples = plan, resamples
        found = ranking(clean, labels)
        self.classes = found.classes
        self.clean_hits = {k: found.hits(k) for k in KS}
        pieces = _pieces(units, labels, parts)
        repeats = max((len(piece.parts) for piece in pieces.values()), default=1)
        untouched = _unchanged(found, repeats)
        self.cells = [
            untouched if cell.clean else pieces[number].outcome()
            for number, cell in enumerate(plan.cells)
        ]
        self._resampled = {len(labels): resamples}

    @property
    def n_videos(self) -> int:
        """All test videos, scored in a cell or not."""
        return self.resamples.n_videos

    def chance(self, k: int) -> float:
        """Share of hits that a guess has."""
        return min(k, self.classes) / self.classes

    def sample(self, cell: int, k: int) -> Sample:
        """Hits of a cell beside those of the clean model."""
        found = self.cells[cell]
        part = self.resamples_of(found.videos)
        return Sample(found.hits[k], self.clean_hits[k], found.videos, self.resamples, part)

    def resamples_of(self, videos: NDArray[np.int64]) -> Resamples:
        """Resamples of some videos: those scored until a cell may stop, as its length tells."""
        if len(videos) not in self._resampled:
            self._resampled[len(videos)] = self.resamples.of(videos)
        return self._resampled[len(videos)]


@dataclass
class _Pieces:
    """Of one cell: the rankings of its parts, by repeat, and what one file says of them all."""

    parts: dict[int, dict[int, tuple[Sequence[int], Ranking]]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    sha256: str = ""
    kappa: float = np.nan

    def outcome(self) -> Outcome:
        """The parts put together, with videos in ascending order."""
        rows = [self._repeat(self.parts[repeat]) for repeat in sorted(self.parts)]
        numbers = rows[0][0]
        if any(not np.array_equal(numbers, each) for each, _ in rows):
            raise ValueError("The repeats of a cell were scored on different videos.")
        return Outcome(
            np.sort(numbers),
            {k: np.stack([found.hits(k) for _, found in rows])[:, np.argsort(numbers)] for k in KS},
            sum(int((found.tied > 0).sum()) for _, found in rows),
            sum(int(found.not_finite.sum()) for _, found in rows),
            self.sha256,
            self.kappa,
        )

    @staticmethod
    def _repeat(
        parts: dict[int, tuple[Sequence[int], Ranking]],
    ) -> tuple[NDArray[np.int64], Ranking]:
        numbers, found = zip(*(parts[part] for part in sorted(parts)), strict=True)
        better = np.concatenate([each.better for each in found])
        tied = np.concatenate([each.tied for each in found])
        return np.concatenate(numbers).astype(np.int64), Ranking(better, tied, found[0].classes)


def _pieces(
    units: Sequence[Unit[Scored]], labels: NDArray, parts: Sequence[Sequence[int]]
) -> dict[int, _Pieces]:
    pieces: dict[int, _Pieces] = defaultdict(_Pieces)
    for unit in units:
        item, piece = unit.item, pieces[unit.item.number]
        videos = parts[item.part]
        with np.load(unit.result) as result:
            found = ranking(result["scores"], labels[list(videos)])
            if (item.repeat, item.part) == (0, 0):
                piece.sha256, piece.kappa = str(result["sha256"]), float(result["kappa"])
        piece.parts[item.repeat][item.part] = videos, found
    return pieces


def _unchanged(found: Ranking, repeats: int) -> Outcome:
    """The clean model in as many repeats."""
    return Outcome(
        np.arange(len(found.better)),
        {k: np.tile(found.hits(k), (repeats, 1)) for k in KS},
        repeats * int((found.tied > 0).sum()),
        repeats * int(found.not_finite.sum()),
        "",
        0.0,
    )
