"""Spectra of every video: clips averaged, Δ by all statistics, and the parquet file of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from signal_perception import parquet
from signal_perception.extract.store import TapFacts
from signal_perception.fourier import definitions
from signal_perception.spectra.run import Measured, Measurements

_MEANS = ("mean_ln_amplitude", "mean_amplitude", "mean_power")
# Columns of the file.
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("transform", "control", "tap", "video")),
        *((name, pa.int32()) for name in ("bin", "tokens")),
        *((name, pa.float64()) for name in (*definitions.STATISTICS, *_MEANS)),
    ]
)


def average(values: NDArray, clips: int) -> NDArray[np.float64]:
    """Mean over the clips of each video: (inputs, rows, …) → (videos, inputs, …)."""
    rows = np.moveaxis(values, 0, 1)
    return definitions.average_clips(rows, np.arange(len(rows)) // clips)


def epsilon(tap: TapFacts, transform: str) -> float:
    """The ε of a tap under one transform."""
    return {
        "temporal": tap.epsilon_temporal,
        "spatial": tap.epsilon_spatial,
        "spatiotemporal": tap.epsilon_spatiotemporal,
    }[transform]


def deltas(measured: Measured, transform: str, clips: int) -> NDArray[np.float64]:
    """Δ of every video under every input by every statistic: (videos, inputs, statistics, bins)."""
    means = measured.means[transform]
    found = [
        definitions.delta(
            definitions.log_amplitude(means, epsilon(measured.tap, transform), statistic)
        )
        for statistic in definitions.STATISTICS
    ]
    return average(np.stack(found, axis=2), clips)


def write(measurements: Measurements, target: Path) -> None:
    """One parquet file in order of tap, transform, control, video and bin."""
    with parquet.writer(target, SCHEMA) as writer:
        for part in frames(measurements):
            table = pa.Table.from_pandas(part, schema=SCHEMA, preserve_index=False)
            writer.write_table(table)


def frames(measurements: Measurements) -> Iterator[pd.DataFrame]:
    """One tidy table per tap and transform: a row for each control, video and bin."""
    part = measurements.part
    for measured in measurements:
        for transform in definitions.TRANSFORMS:
            # (inputs, videos, columns, bins)
            delta = np.swapaxes(deltas(measured, transform, part.clips), 0, 1)
            means = np.swapaxes(average(measured.means[transform], part.clips), 0, 1)
            bins = means.shape[-1]
            index = pd.MultiIndex.from_product(
                [measurements.inputs, part.ids, np.arange(bins, dtype=np.int32)],
                names=["control", "video", "bin"],
            )
            numbers = np.concatenate([delta, means], axis=2).swapaxes(2, 3)
            names = [*definitions.STATISTICS, *_MEANS]
            frame = pd.DataFrame(numbers.reshape(-1, len(names)), columns=names, index=index)
            yield frame.reset_index().assign(
                transform=transform, tap=measured.tap.tap, tokens=measured.tap.shape[0]
            )
