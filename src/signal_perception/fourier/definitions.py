"""Spectra of activations: how strong each rhythm in time and space is, against the mean.

Shapes: t tokens in time (T'), h height, w width, c channels, k frequency bins, bin 0 the mean.

Three transforms of a clip x (t h w c), without window or detrending, A = |X|:

- `temporal`: over t; bins 0 … ⌊T'/2⌋; A stands at every (h, w, c).
- `spatial`: over (h, w), bins along the diagonal of the plane; A stands at every (t, c).
- `spatiotemporal`: over (t, h, w), bins along the diagonal of the cube; A stands at every c.

Three means over the places where A stands are kept per bin: mean ln(A+ε), mean A, mean A² (`sums`
makes them). A log amplitude L[k] follows from one of them (`log_amplitude`). The quantity of
interest is Δ[k] = L[k] − L[0] (`delta`), first averaged over the clips of a video
(`average_clips`), then over videos.

Known biases of the temporal Δ:

- Zero-mean white noise should give 0. At even T' it gives +0.347 (mean_log), +0.105 (log_mean),
  0 (log_rms) at interior bins and 0 at Nyquist; at odd T', where the last bin is an interior one,
  every bin but the first carries the interior value. Along a diagonal every bin but the first does.
- T' alone shifts Δ by −½ ln T' where the mean dominates: compare depths or models with `corrected`
  or `matched`.
- A pure slow ramp has low values in every bin: they do not prove fast content.
- Many zeros (ReLU) pull mean_log towards 0: look at the share of dead series.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from signal_perception.pipeline.errors import UserError

TRANSFORMS = ("temporal", "spatial", "spatiotemporal")
STATISTICS = ("mean_log", "log_mean", "log_rms")
POINTS = ("poster", "nyquist")

_POSTER_KINDS = ("spatial_attn", "joint_attn", "mlp", "conv")
_SELF_ATTENTION = {"temporal_attn", "spatial_attn", "joint_attn"}


def in_figure1(kind: str, kinds_of_block: Collection[str]) -> bool:
    """Whether the poster's Figure 1 has a tap of this kind.

    It has what follows the attention within frames or among all tokens, the MLP, and bottlenecks;
    of UniFormer V1 stages 3 and 4 alone, so no block whose only attention is local; of UniFormer V2
    the image ViT, not the decoder.

    Parameters
    ----------
    kinds_of_block: kinds of all taps in the tap's block.
    """
    local_only = "local_attn" in kinds_of_block and not _SELF_ATTENTION & set(kinds_of_block)
    return kind in _POSTER_KINDS and not local_only


@dataclass(frozen=True)
class Bin:
    """The frequency bin that stands for a spectrum.

    index: None where there is none. reason: why there is none, else empty.
    """

    index: int | None
    reason: str = ""


def bins(transform: str, t: int, h: int, w: int) -> int:
    """Number of bins of a transform of maps (t h w), bin 0 included."""
    axes = _axes(transform, t, h, w)
    return t // 2 + 1 if transform == "temporal" else len(diagonal(axes))


def diagonal(sizes: Sequence[int]) -> NDArray[np.int64]:
    """Frequency indices on each axis of the bins along the diagonal: (k axes).

    The top of an axis of n places is ⌊n/2⌋−1, m the smallest top, and bin i = 0 … m has the index
    round(i · top / m) on each axis, halves to the even number (METHOD 3). Bin 0 alone where an axis
    has fewer than 4 places. Park & Kim's half diagonal of a map is the same for even sizes; for odd
    sizes theirs has one bin more, ⌊n/2⌋.
    """
    tops = np.array(sizes) // 2 - 1
    if tops.min() < 1:
        return np.zeros((1, len(sizes)), np.int64)
    steps = np.arange(tops.min() + 1)
    return np.rint(steps[:, None] * tops / tops.min()).astype(np.int64)


def omega(transform: str, t: int, h: int, w: int) -> NDArray[np.float64]:
    """Angular frequency of every bin (k), in units of π per step along the first axis.

    That is 2k/T' per token step for the transforms with time, 2u/H per row for the spatial one.
    """
    return 2 * _indices(transform, t, h, w) / _axes(transform, t, h, w)[0]


def hertz(transform: str, t: int, h: int, w: int, seconds: float) -> NDArray[np.float64]:
    """Frequency in time of every bin (k) in Hz, NaN for the spatial transform.

    seconds: between two tokens = frame stride × tubelet × temporal stride / frames per second.
    """
    indices = _indices(transform, t, h, w)
    return np.full(len(indices), np.nan) if transform == "spatial" else indices / (t * seconds)


def representative(transform: str, t: int, h: int, w: int, point: str) -> Bin:
    """The bin drawn for a spectrum of maps (t h w).

    `poster` is k = ⌊T'/2⌋ − 1, as on the poster and in Park & Kim's code: NOT the Nyquist bin. On
    a diagonal it is the last bin. `nyquist` is k = ⌊T'/2⌋, which no diagonal has.
    """
    if point not in POINTS:
        raise UserError(
            f"There is no representative point {point!r}; choose one of {', '.join(POINTS)}."
        )
    axes = _axes(transform, t, h, w)
    if transform == "temporal":
        return _temporal_point(t, point)
    if point == "nyquist":
        return Bin(None, "the diagonal ends below the Nyquist frequency")
    last = len(diagonal(axes)) - 1
    if last < 1:
        sizes = " × ".join(map(str, axes))
        return Bin(None, f"the diagonal needs at least 4 places on every axis, there are {sizes}")
    return Bin(last)


def calibrated_epsilon(powers: Sequence[float], factor: float = 1e-6) -> float:
    """ε = factor × RMS(A) of a tap under one transform.

    UserError where the tap is zero throughout.

    Parameters
    ----------
    powers: mean A² of each clip of a fixed calibration subset, all of one shape (`sums.powers`).
    """
    epsilon = factor * math.sqrt(np.mean(powers))
    if not epsilon > 0:
        raise UserError(
            f"The tap is zero throughout its {len(powers)} calibration clips, so no epsilon can be "
            "derived from it; set an absolute epsilon or more calibration videos."
        )
    return epsilon


def log_amplitude(means: NDArray, epsilon: float, statistic: str) -> NDArray[np.float64]:
    """Log amplitude L (… k) from the three means (… 3 k).

    `mean_log` is the mean of the logs (Park & Kim 2022), `log_mean` the log of the mean amplitude
    (the poster's formula as printed), `log_rms` the log of the root mean square, which white noise
    does not bias.
    """
    if statistic == "mean_log":
        return means[..., 0, :].copy()
    if statistic == "log_mean":
        return np.log(means[..., 1, :] + epsilon)
    if statistic == "log_rms":
        return 0.5 * np.log(means[..., 2, :] + epsilon**2)
    raise UserError(f"There is no statistic {statistic!r}; choose one of {', '.join(STATISTICS)}.")


def delta(log_amplitude: NDArray) -> NDArray[np.float64]:
    """Δ log amplitude (… k): the log amplitude against its own bin 0, where Δ[0] = 0."""
    return log_amplitude - log_amplitude[..., :1]


def average_clips(values: NDArray, videos: ArrayLike) -> NDArray[np.float64]:
    """Mean over the clips of each video: (clips …) → (videos …).

    videos: number of each clip's video (clips,); the result is in their ascending order.
    """
    numbers, place = np.unique(np.asarray(videos), return_inverse=True)
    total = np.zeros((len(numbers), *values.shape[1:]))
    np.add.at(total, place, values)
    return total / np.bincount(place).reshape(-1, *[1] * (values.ndim - 1))


def corrected(delta: NDArray, t: int) -> NDArray[np.float64]:
    """Temporal Δ + ½ ln T', any shape: free of the shift that the number of tokens alone causes.

    Meaningless at bin 0, the reference.
    """
    return delta + 0.5 * math.log(t)


def matched(delta: NDArray, t: int, at: float = 0.5) -> NDArray[np.float64]:
    """Temporal Δ at one ω (units of π), interpolated linearly between bins: (… k) → (…).

    NaN where bins 1 … K do not enclose ω (T' < 4 for 0.5): bin 0 is the reference, so there is
    nothing to interpolate towards.
    """
    grid = omega("temporal", t, 1, 1)
    upper = int(np.searchsorted(grid, at))
    if 0 < upper < len(grid) and grid[upper] == at:
        return delta[..., upper].astype(np.float64)
    if not 2 <= upper < len(grid):
        return np.full(delta.shape[:-1], np.nan)
    share = (at - grid[upper - 1]) / (grid[upper] - grid[upper - 1])
    return (1 - share) * delta[..., upper - 1] + share * delta[..., upper]


def block_response(deltas: Sequence[NDArray], tokens: Sequence[int]) -> list[NDArray[np.float64]]:
    """D_i = Δ_i − Δ_{i−1} of successive taps on the stream, each temporal and (… k).

    Below 0 the block is low-pass, above 0 high-pass. NaN for the first tap and wherever T' differs
    from the tap before, whose bins are then other frequencies.

    Parameters
    ----------
    tokens: T' of each tap.
    """
    responses = []
    for i, current in enumerate(deltas):
        comparable = i > 0 and tokens[i] == tokens[i - 1]
        responses.append(current - deltas[i - 1] if comparable else np.full(current.shape, np.nan))
    return responses


def _axes(transform: str, t: int, h: int, w: int) -> tuple[int, ...]:
    """Sizes of the axes that the transform runs over."""
    axes = {"temporal": (t,), "spatial": (h, w), "spatiotemporal": (t, h, w)}
    if transform not in axes:
        raise UserError(
            f"There is no transform {transform!r}; choose one of {', '.join(TRANSFORMS)}."
        )
    return axes[transform]


def _indices(transform: str, t: int, h: int, w: int) -> NDArray[np.int64]:
    """Frequency index of every bin (k) on the first axis of the transform."""
    axes = _axes(transform, t, h, w)
    return np.arange(t // 2 + 1) if transform == "temporal" else diagonal(axes)[:, 0]


def _temporal_point(t: int, point: str) -> Bin:
    if point == "poster" and t < 4:
        reason = f"the poster's bin ⌊T'/2⌋−1 needs at least 4 temporal tokens, there are {t}"
        return Bin(None, reason)
    if t < 2:
        return Bin(None, f"a spectrum needs at least 2 temporal tokens, there are {t}")
    return Bin(t // 2 - 1 if point == "poster" else t // 2)
