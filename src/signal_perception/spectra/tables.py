"""Tables of temporal spectra: Δ per video, and means with intervals over videos."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from signal_perception.extract.store import TapFacts
from signal_perception.pipeline.units import Unit
from signal_perception.spectra import definitions
from signal_perception.spectra.run import Spectrum
from signal_perception.statistics.intervals import Resamples, interval

_MEANS = ("mean_ln_amplitude", "mean_amplitude", "mean_power")
_SCHEMA = pa.schema(
    [
        ("video", pa.string()),
        ("control", pa.string()),
        ("tap", pa.string()),
        ("bin", pa.int32()),
        ("tokens", pa.int32()),
        *((name, pa.float64()) for name in (*definitions.STATISTICS, *_MEANS)),
    ]
)


def write_per_video(
    units: Sequence[Unit[Spectrum]], ids: Sequence[str], clips: int, target: Path
) -> None:
    """One parquet file: for each input, tap, video and bin, Δ by all statistics and the means."""
    with pq.ParquetWriter(target, _SCHEMA, compression="zstd") as writer:
        for part in per_video(units, ids, clips):
            table = pa.Table.from_pandas(part, schema=_SCHEMA, preserve_index=False)
            writer.write_table(table)


def per_video(
    units: Sequence[Unit[Spectrum]], ids: Sequence[str], clips: int
) -> Iterator[pd.DataFrame]:
    """One tidy table per input and tap: a row for each video and bin."""
    videos = np.repeat(np.arange(len(ids)), clips)
    for unit in units:
        result = np.load(unit.result)
        means, epsilon = result["means"], float(result["epsilon"])
        bins = means.shape[-1]
        columns: dict[str, object] = {
            "video": np.repeat(np.array(ids, dtype=object), bins),
            "control": unit.item.name,
            "tap": unit.item.tap.tap,
            "bin": np.tile(np.arange(bins, dtype=np.int32), len(ids)),
            "tokens": int(result["tokens"]),
        }
        for statistic in definitions.STATISTICS:
            delta = _delta(means, epsilon, statistic)
            columns[statistic] = definitions.average_clips(delta, videos).reshape(-1)
        for row, mean in enumerate(_MEANS):
            columns[mean] = definitions.average_clips(means[:, row], videos).reshape(-1)
        yield pd.DataFrame(columns)


def summary(
    units: Sequence[Unit[Spectrum]],
    *,
    clips: int,
    seconds_per_frame: float,
    resamples: Resamples,
    facts: Mapping[str, object],
) -> pd.DataFrame:
    """Mean Δ over videos with its 95 % interval: one row per input, tap, statistic and bin.

    In execution order. facts: columns that are the same in every row.
    """
    videos = np.repeat(np.arange(resamples.n_videos), clips)
    rows: list[dict[str, object]] = []
    for unit in units:
        result = np.load(unit.result)
        tap, tokens = unit.item.tap, int(result["tokens"])
        seconds = seconds_per_frame * tap.frames_per_token
        bins = _bins(tokens, seconds)
        for statistic in definitions.STATISTICS:
            delta = _delta(result["means"], float(result["epsilon"]), statistic)
            per_video = definitions.average_clips(delta, videos)
            low, high = interval(per_video, resamples)
            for index, value in enumerate(per_video.mean(axis=0)):
                rows.append(
                    {
                        **facts,
                        "control": unit.item.name,
                        **_tap_columns(tap),
                        "tokens": tokens,
                        "bin": index,
                        "omega": bins["omega"][index],
                        "hz": bins["hz"][index],
                        "statistic": statistic,
                        "delta": value,
                        "low": low[index],
                        "high": high[index],
                        "is_poster": bins["is_poster"][index],
                        "is_nyquist": bins["is_nyquist"][index],
                        "n_videos": resamples.n_videos,
                        "n_clusters": resamples.n_clusters,
                        "dead_share": float(result["dead"].mean()),
                        "epsilon": float(result["epsilon"]),
                    }
                )
    return pd.DataFrame(rows)


def _delta(means: NDArray, epsilon: float, statistic: str) -> NDArray[np.float64]:
    return definitions.delta(definitions.log_amplitude(means, epsilon, statistic))


def _tap_columns(tap: TapFacts) -> dict[str, object]:
    return {
        "tap": tap.tap,
        "order": tap.order,
        "kind": tap.kind,
        "block": tap.block,
        "side": tap.side,
    }


def _bins(tokens: int, seconds: float) -> dict[str, Sequence]:
    """What is known of every bin beforehand; `seconds` between tokens."""
    poster, nyquist = (
        definitions.representative(tokens, point).index for point in definitions.POINTS
    )
    count = len(definitions.omega(tokens))
    return {
        "omega": list(definitions.omega(tokens)),
        "hz": list(definitions.hertz(tokens, seconds)),
        "is_poster": [index == poster for index in range(count)],
        "is_nyquist": [index == nyquist for index in range(count)],
    }
