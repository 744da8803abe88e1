"""From an activation store to tables of temporal spectra: the three means per clip, Δ per video, means with intervals over videos."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from signal_perception import spectra
from signal_perception.activation_store import ActivationStore, TapFacts
from signal_perception.intervals import Resamples, interval

# what one unit of work measures and where its numbers go: name of the input, tap, file
Result = tuple[str, TapFacts, Path]

_ABSOLUTE_EPSILON = 1e-6

SCHEMA = pa.schema(
    [
        ("video", pa.string()),
        ("control", pa.string()),
        ("tap", pa.string()),
        ("bin", pa.int32()),
        ("tokens", pa.int32()),
        *((name, pa.float64()) for name in (*spectra.STATISTICS, "mean_ln_amplitude", "mean_amplitude", "mean_power")),
    ]
)


def chosen(taps: Sequence[TapFacts], preset: str) -> list[TapFacts]:
    """The taps of a preset: `poster` (residual stream after attention and MLP, bottleneck outputs) or `all`; the input in any case."""
    kinds: dict[int, set[str]] = {}
    for tap in taps:
        kinds.setdefault(tap.block, set()).add(tap.kind)
    return [
        tap
        for tap in taps
        if preset == "all"
        or (tap.side == "stream" and (tap.kind == "input" or spectra.in_figure1(tap.kind, kinds[tap.block])))
    ]


def measure(store: Path, result: Result, *, epsilon: str, calibration_videos: int) -> None:
    """Measure every clip of one tap under one input; writes the means (clips, 3, bins), ε and dead shares (clips,) to the result's file.

    ε is calibrated on the first clips of the undisturbed input, so that all inputs of a tap share one.
    """
    name, tap, target = result
    activations = ActivationStore(store)
    array = activations.array(name, tap.tap)
    reference = activations.array("clip", tap.tap)
    value = _ABSOLUTE_EPSILON
    if epsilon == "relative":
        count = min(calibration_videos, reference.shape[0])
        value = spectra.calibrated_epsilon([spectra.power(np.asarray(reference[n])) for n in range(count)])
    means, dead = [], []
    for n in range(array.shape[0]):
        clip = np.asarray(array[n])
        means.append(spectra.means(clip, value))
        dead.append(spectra.dead_share(clip))
    unfinished = target.with_suffix(".unfinished")
    unfinished.parent.mkdir(parents=True, exist_ok=True)
    with unfinished.open("wb") as file:
        np.savez(file, means=np.stack(means), epsilon=value, dead=np.array(dead), tokens=array.shape[1])
    unfinished.replace(target)


def per_video(results: Sequence[Result], ids: Sequence[str], clips: int) -> Iterator[pd.DataFrame]:
    """One tidy table per input and tap: for each video and bin, Δ by all three statistics and the mean amplitudes behind them."""
    videos = np.repeat(np.arange(len(ids)), clips)
    for name, tap, path in results:
        result = np.load(path)
        means, epsilon, tokens = result["means"], float(result["epsilon"]), int(result["tokens"])
        bins = means.shape[-1]
        columns: dict[str, object] = {
            "video": np.repeat(np.array(ids, dtype=object), bins),
            "control": name,
            "tap": tap.tap,
            "bin": np.tile(np.arange(bins, dtype=np.int32), len(ids)),
            "tokens": tokens,
        }
        for statistic in spectra.STATISTICS:
            delta = spectra.delta(spectra.log_amplitude(means, epsilon, statistic))
            columns[statistic] = spectra.average_clips(delta, videos).reshape(-1)
        for row, mean in enumerate(("mean_ln_amplitude", "mean_amplitude", "mean_power")):
            columns[mean] = spectra.average_clips(means[:, row], videos).reshape(-1)
        yield pd.DataFrame(columns)


def summary(
    results: Sequence[Result],
    *,
    clips: int,
    seconds_per_frame: float,
    resamples: Resamples,
    facts: dict[str, object],
) -> pd.DataFrame:
    """Mean Δ over videos with its 95 % interval: one row per input, tap, statistic and bin, in execution order."""
    videos = np.repeat(np.arange(resamples.n_videos), clips)
    rows = []
    for name, tap, path in results:
        result = np.load(path)
        means, epsilon, tokens = result["means"], float(result["epsilon"]), int(result["tokens"])
        poster, nyquist = (spectra.representative(tokens, point).index for point in spectra.POINTS)
        omega, hertz = spectra.omega(tokens), spectra.hertz(tokens, seconds_per_frame * tap.frames_per_token)
        for statistic in spectra.STATISTICS:
            delta = spectra.average_clips(spectra.delta(spectra.log_amplitude(means, epsilon, statistic)), videos)
            low, high = interval(delta, resamples)
            for index, value in enumerate(delta.mean(axis=0)):
                rows.append(
                    facts
                    | {
                        "control": name,
                        "tap": tap.tap,
                        "order": tap.order,
                        "kind": tap.kind,
                        "block": tap.block,
                        "side": tap.side,
                        "tokens": tokens,
                        "bin": index,
                        "omega": omega[index],
                        "hz": hertz[index],
                        "statistic": statistic,
                        "delta": value,
                        "low": low[index],
                        "high": high[index],
                        "is_poster": index == poster,
                        "is_nyquist": index == nyquist,
                        "n_videos": resamples.n_videos,
                        "n_clusters": resamples.n_clusters,
                        "dead_share": float(result["dead"].mean()),
                        "epsilon": epsilon,
                    }
                )
    return pd.DataFrame(rows)
