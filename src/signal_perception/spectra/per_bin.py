"""The table of bins: Δ, block response and class discriminability of every tap and frequency."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.extract.store import TapFacts
from signal_perception.fourier import definitions
from signal_perception.spectra import discriminability, estimates
from signal_perception.spectra.estimates import STATIC, Block
from signal_perception.spectra.per_video import average, deltas, epsilon
from signal_perception.spectra.run import Measured, Measurements
from signal_perception.statistics.intervals import Resamples
from signal_perception.vocabulary import CLIP, INPUT

COLUMNS = (
    *("dataset", "model", "weights", "weights_sha256", "transform", "control"),
    *("tap", "order", "kind", "block", "side", "tokens", "height", "width"),
    *("bin", "omega", "hz", "quantity", "statistic", "value", "low", "high", "p", "p_holm"),
    *("is_poster", "is_nyquist", "n_videos", "n_clusters", "dead_share", "epsilon"),
)
# Taps that agree in these are tested together.
_FAMILY = ("transform", "quantity", "statistic", "control", "kind", "side", "bin")


@dataclass(frozen=True)
class _Deltas:
    """Δ of one tap: transform → (videos, controls, statistics, bins)."""

    tap: TapFacts
    values: Mapping[str, NDArray[np.float64]]


def table(
    measurements: Measurements,
    *,
    seconds_per_frame: float,
    resamples: Resamples,
    facts: Mapping[str, object],
) -> pd.DataFrame:
    """Means over videos with their 95 % intervals: one row per tap, control, quantity and bin.

    Rows that no video has a value for are left out: the block response of a tap whose grid of
    tokens differs from that of the stream tap before, and the discriminability where there are too
    few classes or where nothing differs between videos. facts: columns that are the same in every
    row.
    """
    parts, before = [], None
    for measured in measurements:
        now = _Deltas(measured.tap, _paired_deltas(measured, measurements))
        blocks = [*_delta_blocks(now, measurements), *_response_blocks(before, now, measurements)]
        means = estimates.estimate(blocks, resamples)
        # bin 0 is 0 by definition, which is nothing to test
        means["p"] = means["p"].where(means["bin"] > 0)
        ratios = _discriminability(measured, measurements, resamples)
        rows = pd.concat([means, ratios], ignore_index=True)
        parts.append(_described(rows, measured, measurements, seconds_per_frame))
        if _on_the_stream(measured.tap):
            before = now
    whole = pd.concat(parts, ignore_index=True).assign(
        n_videos=resamples.n_videos, n_clusters=resamples.n_clusters, **facts
    )
    return estimates.arranged(estimates.with_holm(whole, _FAMILY), COLUMNS)


def _paired_deltas(measured: Measured, measurements: Measurements) -> dict[str, NDArray]:
    clips, own = measurements.part.clips, measured.own
    return {
        transform: estimates.paired(
            deltas(measured, transform, clips),
            measurements.inputs,
            None if own is None else deltas(own, transform, clips),
        )
        for transform in definitions.TRANSFORMS
    }


def _delta_blocks(now: _Deltas, measurements: Measurements) -> Iterator[Block]:
    for transform, values in now.values.items():
        yield _block(values, measurements, 0, transform, "delta")


def _response_blocks(
    before: _Deltas | None, now: _Deltas, measurements: Measurements
) -> Iterator[Block]:
    """Δ of a stream tap minus that of the stream tap before, without the reference bin 0."""
    if before is None or not _on_the_stream(now.tap):
        return
    for transform, values in now.values.items():
        if _grid(before.tap, transform) == _grid(now.tap, transform) and values.shape[-1] > 1:
            _, response = definitions.block_response(
                [before.values[transform], values], [before.tap.shape[0], now.tap.shape[0]]
            )
            yield _block(response[..., 1:], measurements, 1, transform, "block_response")


def _block(
    values: NDArray, measurements: Measurements, first: int, transform: str, quantity: str
) -> Block:
    """A block of values (videos, controls, statistics, bins first …)."""
    axes = {
        "control": estimates.controls(measurements.inputs, measurements.own),
        "statistic": definitions.STATISTICS,
        "bin": range(first, first + values.shape[-1]),
    }
    return estimates.block(values, axes, transform=transform, quantity=quantity)


def _on_the_stream(tap: TapFacts) -> bool:
    """Whether a tap is on the residual stream; the model's input is not."""
    return tap.side == "stream" and tap.kind != INPUT


def _grid(tap: TapFacts, transform: str) -> tuple[int, ...]:
    """The sizes that must agree between two taps for their bins to be the same frequencies."""
    return tuple(tap.shape[:1] if transform == "temporal" else tap.shape[:3])


def _discriminability(
    measured: Measured, measurements: Measurements, resamples: Resamples
) -> pd.DataFrame:
    """Rows for the clip and its static control, of the mean ln A over time and of every bin."""
    part = measurements.part
    chosen = [name for name in (CLIP, STATIC) if name in measurements.inputs]
    places = [measurements.inputs.index(name) for name in chosen]
    # mean ln(A+ε): (videos, inputs, bins)
    logs = average(measured.means["temporal"][:, :, 0], part.clips)[:, places]
    found = discriminability.ratio(logs, part.labels, resamples.cluster)
    labels = estimates.block(
        logs,
        {"control": chosen, "bin": range(logs.shape[-1])},
        transform="temporal",
        quantity="discriminability",
        statistic="mean_log",
    ).labels
    numbers = {name: getattr(found, name).reshape(-1) for name in ("value", "low", "high")}
    rows = pd.DataFrame({**labels, **numbers, "p": np.nan})
    return rows.loc[rows["value"].notna()]


def _described(
    rows: pd.DataFrame, measured: Measured, measurements: Measurements, seconds_per_frame: float
) -> pd.DataFrame:
    """The rows of one tap with all that is known of the tap and of every bin."""
    tap = measured.tap
    seconds = seconds_per_frame * tap.frames_per_token
    bins = pd.concat([_bins(tap, name, seconds) for name in definitions.TRANSFORMS])
    described = rows.merge(bins, on=["transform", "bin"], how="left", validate="many_to_one")
    return described.assign(
        **estimates.tap_columns(tap),
        height=tap.shape[1],
        width=tap.shape[2],
        dead_share=estimates.dead_share(described, measurements.inputs, measured.dead),
    )


def _bins(tap: TapFacts, transform: str, seconds: float) -> pd.DataFrame:
    """What is known of every bin of a transform beforehand; `seconds` between tokens."""
    sizes = tap.shape[:3]
    points = {
        f"is_{point}": definitions.representative(transform, *sizes, point).index
        for point in definitions.POINTS
    }
    numbers = np.arange(definitions.bins(transform, *sizes))
    return pd.DataFrame(
        {
            "transform": transform,
            "bin": numbers,
            "omega": definitions.omega(transform, *sizes),
            "hz": definitions.hertz(transform, *sizes, seconds),
            **{name: numbers == index for name, index in points.items()},
            "epsilon": epsilon(tap, transform),
        }
    )
