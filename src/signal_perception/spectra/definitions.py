"""Temporal spectra of activations: how strong each rhythm in time is, against the temporal mean.

Shapes: t tokens in time (T'), h height, w width, c channels, k frequency bins 0 … K, K = ⌊T'/2⌋.

For one clip, X[k,h,w,c] is the discrete Fourier transform over t, without window or detrending, and
A = |X|. Three means over (h, w, c) are kept per bin (`means`). A log amplitude L[k] follows from
one of them (`log_amplitude`). The quantity of interest is Δ[k] = L[k] − L[0] (`delta`), first
averaged over the clips of a video (`average_clips`), then over videos.

Known biases of Δ:

- Zero-mean white noise should give 0. At even T' it gives +0.347 (mean_log), +0.105 (log_mean),
  0 (log_rms) at interior bins and 0 at Nyquist; at odd T', where the last bin is an interior one,
  every bin but the first carries the interior value.
- T' alone shifts Δ by −½ ln T' where the mean dominates: compare depths or models with `corrected`
  or `matched`.
- A pure slow ramp has low values in every bin: they do not prove fast content.
- Many zeros (ReLU) pull mean_log towards 0: look at `dead_share`.

Everything is computed in float64, in pieces of a few megabytes.
"""

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from signal_perception.pipeline.errors import UserError

STATISTICS = ("mean_log", "log_mean", "log_rms")
POINTS = ("poster", "nyquist")

_POSTER_KINDS = ("spatial_attn", "joint_attn", "mlp", "conv")
_SELF_ATTENTION = {"temporal_attn", "spatial_attn", "joint_attn"}

# Series per piece: one piece stays in the processor's cache.
_SERIES = 1 << 14


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


def means(x: NDArray, epsilon: float) -> NDArray[np.float64]:
    """The means over space and channels of one clip: (3, k) = mean ln(A+ε), mean A, mean A².

    UserError for values that are not finite.

    Parameters
    ----------
    x: one clip (t h w c), float16 or wider.
    epsilon: above 0, from `calibrated_epsilon`.
    """
    if not epsilon > 0:
        raise ValueError(
            f"Epsilon is {epsilon}, and a dead series has no logarithm without a positive one; "
            "give one."
        )
    total = np.zeros((3, _top(len(x)) + 1))
    for amplitude in _amplitudes(x):
        total[0] += np.log(amplitude + epsilon).sum(axis=1)
        total[1] += amplitude.sum(axis=1)
        total[2] += np.square(amplitude).sum(axis=1)
    return _finite(total / _series(x).shape[1])


def power(x: NDArray) -> float:
    """Mean of A² over bins, space and channels of one clip (t h w c), for `calibrated_epsilon`."""
    total = sum(float(np.square(amplitude).sum()) for amplitude in _amplitudes(x))
    return float(_finite(np.array(total / (_series(x).shape[1] * (_top(len(x)) + 1)))))


def calibrated_epsilon(powers: Sequence[float], factor: float = 1e-6) -> float:
    """ε = factor × RMS(A) of a tap.

    UserError where the tap is zero throughout.

    Parameters
    ----------
    powers: the `power` of each clip of a fixed calibration subset, all of one shape.
    """
    epsilon = factor * math.sqrt(np.mean(powers))
    if not epsilon > 0:
        raise UserError(
            f"The tap is zero throughout its {len(powers)} calibration clips, so no epsilon can be "
            "derived from it; set an absolute epsilon (spectra.epsilon: absolute, 1e-6) or "
            "more calibration clips (spectra.calibration_videos)."
        )
    return epsilon


def dead_share(x: NDArray) -> float:
    """Share of the series (h, w, c) of one clip (t h w c) that are zero at every time."""
    return float(1 - _series(x).any(axis=0).mean())


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


def omega(tokens: int) -> NDArray[np.float64]:
    """Angular frequency ω_k = 2k/T' of every bin (k), in units of π per token step."""
    return 2 * np.arange(_top(tokens) + 1) / tokens


def hertz(tokens: int, seconds: float) -> NDArray[np.float64]:
    """Frequency of every bin (k) in Hz.

    seconds: between two tokens = frame stride × tubelet × temporal stride / frames per second.
    """
    return np.arange(_top(tokens) + 1) / (tokens * seconds)


def representative(tokens: int, point: str) -> Bin:
    """The bin drawn for a spectrum over `tokens` times.

    `poster` is k = ⌊T'/2⌋ − 1, as on the poster and in Park & Kim's code: NOT the Nyquist bin.
    `nyquist` is the last bin, k = ⌊T'/2⌋.
    """
    if point not in POINTS:
        raise UserError(
            f"There is no representative point {point!r}; choose one of {', '.join(POINTS)}."
        )
    if point == "poster" and tokens < 4:
        reason = f"the poster's bin ⌊T'/2⌋−1 needs at least 4 temporal tokens, there are {tokens}"
        return Bin(None, reason)
    if tokens < 2:
        return Bin(None, f"a spectrum needs at least 2 temporal tokens, there are {tokens}")
    return Bin(_top(tokens) - 1 if point == "poster" else _top(tokens))


def at_bin(delta: NDArray, bin: Bin) -> NDArray[np.float64]:
    """Δ at the representative bin: (… k) → (…), NaN where there is none."""
    return (
        np.full(delta.shape[:-1], np.nan)
        if bin.index is None
        else delta[..., bin.index].astype(np.float64)
    )


def corrected(delta: NDArray, tokens: int) -> NDArray[np.float64]:
    """Δ + ½ ln T', any shape: free of the shift that the number of tokens alone causes.

    Meaningless at bin 0, the reference.
    """
    return delta + 0.5 * math.log(tokens)


def matched(delta: NDArray, tokens: int, at: float = 0.5) -> NDArray[np.float64]:
    """Δ at one ω (units of π), interpolated linearly between bins: (… k) → (…).

    NaN where bins 1 … K do not enclose ω (T' < 4 for 0.5): bin 0 is the reference, so there is
    nothing to interpolate towards.
    """
    grid = omega(tokens)
    upper = int(np.searchsorted(grid, at))
    if upper <= _top(tokens) and grid[upper] == at and upper > 0:
        return delta[..., upper].astype(np.float64)
    if not 2 <= upper <= _top(tokens):
        return np.full(delta.shape[:-1], np.nan)
    share = (at - grid[upper - 1]) / (grid[upper] - grid[upper - 1])
    return (1 - share) * delta[..., upper - 1] + share * delta[..., upper]


def block_response(deltas: Sequence[NDArray], tokens: Sequence[int]) -> list[NDArray[np.float64]]:
    """D_i = Δ_i − Δ_{i−1} of successive taps on the stream, each (… k).

    Below 0 the block is low-pass, above 0 high-pass. NaN for the first tap and wherever T' differs
    from the tap before, whose bins are then other frequencies.
    """
    responses = []
    for i, current in enumerate(deltas):
        comparable = i > 0 and tokens[i] == tokens[i - 1]
        responses.append(current - deltas[i - 1] if comparable else np.full(current.shape, np.nan))
    return responses


def _top(tokens: int) -> int:
    return tokens // 2


def _series(x: NDArray) -> NDArray:
    if x.ndim != 4 or 0 in x.shape:
        raise ValueError(f"Activations have the shape {x.shape}; give one clip (t h w c).")
    return x.reshape(len(x), -1)


def _amplitudes(x: NDArray) -> Iterator[NDArray[np.float64]]:
    """A (k, series) for one piece of the clip after another."""
    series = _series(x)
    for start in range(0, series.shape[1], _SERIES):
        piece = series[:, start : start + _SERIES].astype(np.float64)
        # inf − inf is refused once, with a sentence, by _finite
        with np.errstate(invalid="ignore"):
            amplitude = np.abs(np.fft.rfft(piece, axis=0))
        yield amplitude


def _finite(result: NDArray) -> NDArray:
    if not np.isfinite(result).all():
        raise UserError(
            "The activations hold values that are not finite, so they have no spectrum; extract "
            "them as float32 if float16 overflowed (extract.dtype), or look for diverged weights."
        )
    return result
