"""Results of the noise grids as tables.

The scores of every cell, repeat and video; a row per place of a cell in a figure; a row per video.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import cast

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from signal_perception import parquet
from signal_perception.noise.definitions import Cell, relative_robustness
from signal_perception.noise.engine import Scored
from signal_perception.noise.grid import described
from signal_perception.noise.outcomes import KS, Outcomes
from signal_perception.pipeline.units import Unit

_NO_CELL = {
    "component": "",
    "pool": "",
    "layers": 0,
    "pool_layers": 0,
    "sigma": 0.0,
    "gamma": 0.0,
    "kind": "",
}


def write_scores(
    units: Sequence[Unit[Scored]],
    clean: NDArray,
    ids: Sequence[str],
    labels: NDArray,
    parts: Sequence[Sequence[int]],
    target: Path,
) -> None:
    """All scores as one parquet file: a row per cell, repeat and video, one unit in memory at once.

    clean: scores of the clean model (N, classes), which is cell −1. ids, labels: of all N videos.
    parts: numbers of the videos of each part. A clean cell of the grids has no rows.
    """
    everything = _score_table(-1, 0, None, "", ids, labels, clean)
    with parquet.writer(target, everything.schema) as writer:
        writer.write_table(everything)
        hashes: dict[tuple[int, int], str] = {}
        for unit in sorted(units, key=_by_cell):
            item, videos = unit.item, list(parts[unit.item.part])
            with np.load(unit.result) as result:
                # the first part alone knows the hash of ΔW
                found = hashes.setdefault((item.number, item.repeat), str(result["sha256"]))
                writer.write_table(
                    _score_table(
                        item.number,
                        item.repeat,
                        item.cell,
                        found,
                        [ids[video] for video in videos],
                        labels[videos],
                        result["scores"],
                    )
                )


def cells(dataset: str, model: str, outcomes: Outcomes, views: int) -> pd.DataFrame:
    """One row per place of a cell in a figure, in the order of the grids.

    views: of each video that are scored. Accuracies in percent; their mean is that of all videos,
    estimated where a cell was stopped. `delta_sha256` is that of the first repeat.
    """
    plan = outcomes.plan
    # a cell may stand in several places
    numbers = [_numbers(outcomes, number) for number in range(len(plan.cells))]
    rows = [
        {"dataset": dataset, "model": model}
        | described(place, plan.cells[place.cell], outcomes.cells[place.cell].kappa)
        | numbers[place.cell]
        | {"views": views}
        for place in plan.places
    ]
    return pd.DataFrame(rows)


def videos(
    outcomes: Outcomes, ids: Sequence[str], groups: Sequence[Hashable] | NDArray
) -> pd.DataFrame:
    """One row per video: `clean` and, of each grid and repeat, the mean top-1 over its cells.

    In percent. Noise on weights alone. Empty where a cell of the grid was not scored on the video.
    """
    columns: dict[str, object] = {"video": list(ids), "group": list(groups)}
    columns["clean"] = 100 * outcomes.clean_hits[1]
    grids: dict[str, dict[int, None]] = {}
    for place in outcomes.plan.places:
        if outcomes.plan.cells[place.cell].kind == "weights":
            grids.setdefault(place.grid, {})[place.cell] = None
    for grid, numbers in grids.items():
        mean = np.mean([_of_all(outcomes, number) for number in numbers], axis=0)
        columns |= {f"{grid}.{repeat}": 100 * row for repeat, row in enumerate(mean)}
    return pd.DataFrame(columns)


def metrics(table: pd.DataFrame) -> dict[str, dict[str, float | None]]:
    """What `dvc metrics` compares, for each grid and panel; the worst case has rows of its own.

    Retention averaged over its cells (None where the clean model is at chance), and the lowest
    top-1 (percent).
    """
    panels = table.groupby(["grid", "panel", "kind"], sort=False)
    return {
        f"{grid}/{panel}" + ("/gradient" if kind == "gradient" else ""): {
            "retention": _number(part["retention"].mean()),
            "lowest_top1": _number(part["top1_mean"].min()),
        }
        for (grid, panel, kind), part in panels  # type: ignore[misc]
    }


def _by_cell(unit: Unit[Scored]) -> tuple[int, int, int]:
    return unit.item.number, unit.item.repeat, unit.item.part


def _score_table(
    number: int,
    repeat: int,
    cell: Cell | None,
    sha256: str,
    ids: Sequence[str],
    labels: NDArray,
    scores: NDArray,
) -> pa.Table:
    facts = asdict(cell) if cell else _NO_CELL
    same: Mapping[str, object] = {
        "cell": number,
        "repeat": repeat,
        **facts,
        "delta_sha256": sha256,
    }
    columns: dict[str, object] = {name: [value] * len(ids) for name, value in same.items()}
    flat = pa.array(scores.astype(np.float32).reshape(-1))
    lists = pa.FixedSizeListArray.from_arrays(flat, scores.shape[1])
    return pa.table(
        columns | {"video": list(ids), "label": labels.astype(np.int32), "scores": lists}
    )


def _numbers(outcomes: Outcomes, number: int) -> dict[str, object]:
    """Accuracy of one cell, and how it stands against the clean model.

    Mean and standard deviation over repeats, interval over repeats and videos.
    """
    found = outcomes.cells[number]
    row: dict[str, object] = {"repeats": found.repeats}
    for k in KS:
        row |= _accuracy(outcomes, number, k)
    sample = outcomes.sample(number, 1)
    retained = (1.0, 1.0, 1.0)
    if not outcomes.plan.cells[number].clean:
        retained = sample.retention(outcomes.chance(1))
    return row | {
        **dict(zip(("retention", "retention_low", "retention_high"), retained, strict=True)),
        "robustness": relative_robustness(sample.mean, float(sample.clean.mean())),
        "tied_videos": found.tied,
        "nan_videos": found.not_finite,
        "n_videos": len(found.videos),
        "n_clusters": sample.part.n_clusters,
        "delta_sha256": found.sha256,
    }


def _accuracy(outcomes: Outcomes, number: int, k: int) -> dict[str, float]:
    sample = outcomes.sample(number, k)
    low, high = sample.interval()
    per_repeat = 100 * sample.hits.mean(axis=1)
    return {
        f"top{k}_mean": 100 * sample.mean,
        f"top{k}_sd": float(per_repeat.std(ddof=1)) if len(per_repeat) > 1 else math.nan,
        f"top{k}_low": 100 * low,
        f"top{k}_high": 100 * high,
        f"clean_top{k}": 100 * float(sample.clean.mean()),
        f"chance_top{k}": 100 * outcomes.chance(k),
    }


def _of_all(outcomes: Outcomes, number: int) -> NDArray[np.float64]:
    """Top-1 hits of a cell for all videos (repeats, N), NaN where it was not scored."""
    found = outcomes.cells[number]
    hits = np.full((found.repeats, outcomes.n_videos), np.nan)
    hits[:, found.videos] = found.hits[1]
    return hits


def _number(value: object) -> float | None:
    """A number as JSON has it, which knows no NaN."""
    number = float(cast(float, value))
    return None if math.isnan(number) else number
