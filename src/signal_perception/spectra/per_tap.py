"""The table of taps: numbers that stand for a temporal spectrum, along the depth of a model."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.extract.store import TapFacts
from signal_perception.fourier import definitions, energy
from signal_perception.fourier.definitions import Bin
from signal_perception.spectra import estimates
from signal_perception.spectra.estimates import Block
from signal_perception.spectra.per_video import average, deltas
from signal_perception.spectra.run import Measured, Measurements
from signal_perception.statistics.intervals import Resamples

COLUMNS = (
    *("dataset", "model", "weights", "weights_sha256", "control"),
    *("tap", "order", "kind", "block", "side", "tokens"),
    *("point", "omega", "hz", "quantity", "statistic", "value", "low", "high", "p", "p_holm"),
    *("reason", "n_videos", "n_clusters", "dead_share"),
)
# ω, in units of π, at which taps of different T' are compared.
MATCHED = 0.5

# Taps that agree in these are tested together.
_FAMILY = ("quantity", "statistic", "point", "control", "kind", "side")
_NO_POINT, _NO_STATISTIC = "", ""
_ENERGIES = {
    "hc_dc": energy.hc_dc_ratio,
    "centroid": energy.centroid,
    "high_share": energy.high_share,
}


def table(
    measurements: Measurements,
    *,
    seconds_per_frame: float,
    resamples: Resamples,
    facts: Mapping[str, object],
) -> pd.DataFrame:
    """Means over videos with 95 % intervals: a row per tap, control, quantity, statistic and point.

    Of the temporal spectrum: Δ and Δ + ½ ln T' at the representative points, Δ at ω = 0.5π, the
    energy ratio, centroid and high share. Where a number does not exist the row has a reason and no
    value. facts: columns that are the same in every row.
    """
    parts = []
    for measured in measurements:
        tap = measured.tap
        blocks = list(_blocks(measured, measurements))
        rows = estimates.estimate(blocks, resamples)
        missing = np.concatenate([np.isnan(each.values).sum(axis=0) for each in blocks])
        omega = _omega(rows, tap)
        parts.append(
            rows.assign(
                **estimates.tap_columns(tap),
                omega=omega,
                hz=omega / (2 * seconds_per_frame * tap.frames_per_token),
                reason=_reasons(rows, missing, tap, resamples.n_videos),
                dead_share=estimates.dead_share(rows, measurements.inputs, measured.dead),
            )
        )
    whole = pd.concat(parts, ignore_index=True).assign(
        n_videos=resamples.n_videos, n_clusters=resamples.n_clusters, **facts
    )
    return estimates.arranged(estimates.with_holm(whole, _FAMILY), COLUMNS)


def _blocks(measured: Measured, measurements: Measurements) -> Iterator[Block]:
    """All numbers of a tap, of every video under every control."""
    clips, own = measurements.part.clips, measured.own
    theirs = repeat((None, None)) if own is None else _numbers(own, clips)
    for (labels, values), (_, reference) in zip(_numbers(measured, clips), theirs):
        both = estimates.paired(values, measurements.inputs, reference)
        axes: dict[str, Sequence] = {"control": estimates.controls(measurements.inputs, own)}
        if "statistic" not in labels:
            axes["statistic"] = definitions.STATISTICS
        yield estimates.block(both, axes, **labels)


def _numbers(measured: Measured, clips: int) -> Iterator[tuple[dict[str, str], NDArray]]:
    """Labels and values: (videos, inputs, statistics), or (videos, inputs) where there is none.

    Δ at the points, as it is and corrected for T', and at the matched ω; then what sums up all
    bins.
    """
    shape = measured.tap.shape
    delta = deltas(measured, "temporal", clips)
    for point in definitions.POINTS:
        values = _at(delta, definitions.representative("temporal", *shape[:3], point))
        yield {"quantity": "delta", "point": point}, values
        yield {"quantity": "corrected", "point": point}, definitions.corrected(values, shape[0])
    matched = definitions.matched(delta, shape[0], MATCHED)
    yield {"quantity": "matched", "point": _NO_POINT}, matched
    for quantity, compute in _ENERGIES.items():
        values = average(compute(measured.means["temporal"], shape[0]), clips)
        labels = {"quantity": quantity, "point": _NO_POINT, "statistic": _NO_STATISTIC}
        yield labels, values


def _at(delta: NDArray, chosen: Bin) -> NDArray[np.float64]:
    """Δ at a representative bin: (… k) → (…), NaN where there is none."""
    missing = np.full(delta.shape[:-1], np.nan)
    return missing if chosen.index is None else delta[..., chosen.index]


def _omega(rows: pd.DataFrame, tap: TapFacts) -> NDArray[np.float64]:
    """ω of each row's point (units of π), NaN where it has none."""
    omega = definitions.omega("temporal", *tap.shape[:3])
    bins = {
        point: definitions.representative("temporal", *tap.shape[:3], point).index
        for point in definitions.POINTS
    }
    values = {point: omega[index] for point, index in bins.items() if index is not None}
    found = np.array([values.get(point, np.nan) for point in rows["point"]])
    return np.where(rows["quantity"] == "matched", MATCHED, found)


def _reasons(rows: pd.DataFrame, missing: NDArray, tap: TapFacts, videos: int) -> list[str]:
    """Why each row has no value, empty where it has one; `missing` videos of each row."""
    return [
        _reason(quantity, point, tap, f"{count} of {videos} videos") if count else ""
        for quantity, point, count in zip(rows["quantity"], rows["point"], missing)
    ]


def _reason(quantity: str, point: str, tap: TapFacts, videos: str) -> str:
    if quantity == "matched":
        return (
            f"ω = {MATCHED}π lies between no two bins beyond 0 with {tap.shape[0]} temporal tokens"
        )
    if quantity == "hc_dc":
        return f"the temporal mean is zero in {videos}"
    if quantity in _ENERGIES:
        return f"nothing changes in time in {videos}"
    return definitions.representative("temporal", *tap.shape[:3], point).reason
