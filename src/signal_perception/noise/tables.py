"""Results of the noise grids as tables.

The scores of every cell, repeat and video, and one row per place of a cell in a figure.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from signal_perception.noise.definitions import Cell, relative_robustness, retention
from signal_perception.noise.engine import CLEAN, Scored
from signal_perception.noise.grid import Place
from signal_perception.pipeline.units import Unit
from signal_perception.statistics.accuracy import rank
from signal_perception.statistics.intervals import Resamples, hierarchical_interval

_NO_CELL = {"component": "", "pool": "", "sigma": 0.0, "gamma": 0.0, "rho": 0.0}


def write_logits(
    units: Sequence[Unit[Scored]], ids: Sequence[str], labels: np.ndarray, target: Path
) -> None:
    """All scores as one parquet file: a row per cell, repeat and video; clean is cell −1.

    One unit in memory at a time.
    """
    writer = None
    for unit in units:
        result = np.load(unit.result)
        scores = result["scores"]
        cell = asdict(unit.item.cell) if unit.item.cell else _NO_CELL
        facts = {"cell": unit.item.number, "repeat": unit.item.repeat, **cell}
        columns = {name: [value] * len(ids) for name, value in facts.items()}
        columns |= {
            "delta_sha256": [str(result["sha256"])] * len(ids),
            "video": list(ids),
            "label": labels.astype(np.int32),
        }
        flat = pa.array(scores.reshape(-1), type=pa.float16())
        columns["logits"] = pa.FixedSizeListArray.from_arrays(flat, scores.shape[1])
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(target, table.schema, compression="zstd")
        writer.write_table(table)
    assert writer is not None
    writer.close()


class Outcomes:
    """Ranks of the true class in every cell, repeat and video, read from the finished units.

    Parameters
    ----------
    units: finished units, the clean one among them.
    labels: true class of each video.
    resamples: bootstrap of the videos, for all intervals.
    """

    def __init__(self, units: Sequence[Unit[Scored]], labels: np.ndarray, resamples: Resamples):
        self._resamples = resamples
        self._ranks: dict[int, list[np.ndarray]] = {}
        self._not_finite: dict[int, int] = {}
        self._facts: dict[int, tuple[str, float]] = {}
        for unit in units:
            result, number = np.load(unit.result), unit.item.number
            scores = result["scores"].astype(np.float32)
            self._ranks.setdefault(number, []).append(rank(scores, labels))
            broken = int((~np.isfinite(scores).all(axis=1)).sum())
            self._not_finite[number] = self._not_finite.get(number, 0) + broken
            if unit.item.repeat == 0:
                self._facts[number] = str(result["sha256"]), float(result["kappa"])
            self._classes = scores.shape[1]

    def hits(self, cell: int, k: int) -> np.ndarray:
        """100 where the true class is among the k best, else 0: (repeats, videos)."""
        return 100.0 * (np.stack(self._ranks[cell]) < k)

    def chance(self, k: int) -> float:
        """Top-k of a guess, percent."""
        return 100 * min(k, self._classes) / self._classes

    def row(self, cell: int) -> dict[str, object]:
        """Accuracy of one cell, and how it stands against the clean model.

        Mean and standard deviation over repeats, interval over repeats and videos.
        """
        row: dict[str, object] = {"repeats": len(self._ranks[cell])}
        for k in (1, 5):
            hits = self.hits(cell, k)
            low, high = hierarchical_interval(hits, self._resamples, bounds=(0, 100))
            per_repeat = hits.mean(axis=1)
            row |= {
                f"top{k}_mean": per_repeat.mean(),
                f"top{k}_sd": per_repeat.std(ddof=1) if len(per_repeat) > 1 else np.nan,
                f"top{k}_low": low,
                f"top{k}_high": high,
                f"clean_top{k}": self.hits(CLEAN.number, k).mean(),
                f"chance_top{k}": self.chance(k),
            }
        mean, clean = float(self.hits(cell, 1).mean()), float(self.hits(CLEAN.number, 1).mean())
        sha256, kappa = self._facts[cell]
        return row | {
            "retention": retention(mean, clean, self.chance(1)),
            "robustness": relative_robustness(mean, clean),
            "kappa": kappa,
            "nan_videos": self._not_finite[cell],
            "n_videos": self._resamples.n_videos,
            "n_clusters": self._resamples.n_clusters,
            "delta_sha256": sha256,
        }


def table(
    dataset: str,
    model: str,
    cells: Sequence[Cell],
    places: Sequence[Place],
    outcomes: Outcomes,
) -> pd.DataFrame:
    """One row per place of a cell in a figure, in the order of the grids.

    `delta_sha256` is that of the first repeat.
    """
    rows = [
        {
            "dataset": dataset,
            "model": model,
            "grid": place.grid,
            "panel": place.panel,
            **asdict(cells[place.cell]),
            **outcomes.row(place.cell),
        }
        for place in places
    ]
    return pd.DataFrame(rows)


def metrics(table: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """What `dvc metrics` compares, for each grid and panel.

    Retention averaged over its cells (None where the clean model is at chance), and the lowest
    top-1 (percent).
    """
    return {
        f"{grid}/{panel}": {
            "retention": _number(part["retention"].mean()),
            "lowest_top1": _number(part["top1_mean"].min()),
        }
        for (grid, panel), part in table.groupby(["grid", "panel"], sort=False)  # type: ignore[misc]
    }


def _number(value: object) -> float | None:
    """A number as JSON has it, which knows no NaN."""
    number = float(cast(float, value))
    return None if math.isnan(number) else number
