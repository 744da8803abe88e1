"""Activations made by hand, their means by NumPy's own transforms, and what the tables read."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.extract.store import Part, TapFacts
from signal_perception.fourier import definitions
from signal_perception.spectra import per_bin, per_tap
from signal_perception.spectra.run import Measured, Measurements
from signal_perception.statistics.intervals import resamples

EPSILON = 1e-6
SECONDS_PER_FRAME = 0.1


def tap(
    name: str,
    kind: str = "mlp",
    block: int = 0,
    order: int = 1,
    *,
    shape: Sequence[int] = (8, 2, 2, 3),
    side: str = "stream",
    frames_per_token: float = 2.0,
) -> TapFacts:
    return TapFacts(
        tap=name,
        kind=kind,
        block=block,
        side=side,
        frames_per_token=frames_per_token,
        order=order,
        shape=(shape[0], shape[1], shape[2], shape[3]),
        epsilon_temporal=EPSILON,
        epsilon_spatial=EPSILON,
        epsilon_spatiotemporal=EPSILON,
        dtype="float32",
    )


def part(videos: int = 6, classes: int = 2, clips: int = 1, groups: Sequence[str] = ()) -> Part:
    """Videos v0 …, each a cluster of its own unless `groups` names them, classes in turn."""
    return Part(
        ids=tuple(f"v{n}" for n in range(videos)),
        groups=tuple(groups) or tuple(f"g{n:03d}" for n in range(videos)),
        labels=tuple(f"class {n % classes}" for n in range(videos)),
        clips=clips,
    )


@dataclass(frozen=True)
class Synthetic:
    """As `Measurements`, from arrays."""

    inputs: tuple[str, ...]
    part: Part
    measured: Sequence[Measured]
    own: Measurements | None = None

    def __iter__(self) -> Iterator[Measured]:
        return iter(self.measured)


def measurements(
    taps: Mapping[TapFacts, Mapping[str, NDArray]],
    videos: Part | None = None,
    own: Measurements | None = None,
) -> Measurements:
    """taps: for each tap its activations (rows t h w c) under each input."""
    inputs = tuple(next(iter(taps.values())))
    measured = []
    for (facts, activations), theirs in zip(taps.items(), own or repeat(None)):
        x = np.stack([activations[name] for name in inputs])
        measured.append(Measured(facts, means(x), dead(x), theirs))
    made = Synthetic(inputs, videos or part(), measured, own)
    return cast(Measurements, made)


def dead(x: NDArray) -> NDArray:
    """Share of series that are zero at every time: (… t h w c) → (…)."""
    return (x == 0).all(axis=-4).mean(axis=(-3, -2, -1))


def means(x: NDArray) -> dict[str, NDArray]:
    """transform → (… 3 bins) of activations (… t h w c), written out from the definitions."""
    return {name: _three(_amplitudes(x, name)) for name in definitions.TRANSFORMS}


def _amplitudes(x: NDArray, transform: str) -> NDArray:
    """A with the bins last: (… places bins)."""
    t, h, w, _ = x.shape[-4:]
    lead = x.shape[:-4]
    if transform == "temporal":
        amplitude = np.moveaxis(np.abs(np.fft.rfft(x, axis=-4)), -4, -1)
    elif transform == "spatial":
        u, v = definitions.diagonal((h, w)).T
        amplitude = np.moveaxis(np.abs(np.fft.fft2(x, axes=(-3, -2)))[..., u, v, :], -2, -1)
    else:
        k, u, v = definitions.diagonal((t, h, w)).T
        whole = np.abs(np.fft.fftn(x, axes=(-4, -3, -2)))
        amplitude = np.moveaxis(whole[..., k, u, v, :], -2, -1)
    return amplitude.reshape(*lead, -1, amplitude.shape[-1])


def _three(amplitude: NDArray) -> NDArray:
    each = (np.log(amplitude + EPSILON), amplitude, amplitude**2)
    return np.stack([values.mean(axis=-2) for values in each], axis=-2)


def sine(k: int, amplitude: float, shape: Sequence[int] = (8, 2, 2, 3), mean: float = 1) -> NDArray:
    """One clip (t h w c): a wave in bin k around a mean, the same in every series."""
    t = shape[0]
    wave = mean + amplitude * np.cos(2 * np.pi * k * np.arange(t) / t)
    return np.broadcast_to(wave[:, None, None, None], tuple(shape)).astype(np.float64)


def noise(
    rows: int, shape: Sequence[int] = (8, 2, 2, 3), seed: int = 0, mean: float = 1
) -> NDArray:
    return mean + 0.3 * np.random.default_rng(seed).standard_normal((rows, *shape))


def still(x: NDArray) -> NDArray:
    """The first time of each clip (rows t h w c), repeated."""
    return np.broadcast_to(x[:, :1], x.shape).copy()


def bins(made: Measurements, draws: int = 200) -> pd.DataFrame:
    return per_bin.table(made, **_arguments(made, draws))


def depth(made: Measurements, draws: int = 200) -> pd.DataFrame:
    return per_tap.table(made, **_arguments(made, draws))


def _arguments(made: Measurements, draws: int) -> dict:
    return {
        "seconds_per_frame": SECONDS_PER_FRAME,
        "resamples": resamples(made.part.groups, seed=0, draws=draws),
        "facts": {"dataset": "toy", "model": "m", "weights": "toy", "weights_sha256": "0"},
    }


def pick(table: pd.DataFrame, **labels: object) -> pd.DataFrame:
    """The rows with these labels; at least one."""
    for name, label in labels.items():
        table = cast(pd.DataFrame, table.loc[table[name] == label])
    assert len(table), f"no row has {labels}"
    return table


def one(table: pd.DataFrame, **labels: object) -> dict[str, Any]:
    """The one row with these labels."""
    rows = pick(table, **labels)
    assert len(rows) == 1, rows
    return rows.to_dict("records")[0]
