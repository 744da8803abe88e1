"""Where in the temporal spectrum the energy lies: numbers that sum up all bins of a clip.

Shapes: k temporal bins, as in `definitions`, whose three means per bin are what is read here.
Source: METHOD 3.
"""

import numpy as np
from numpy.typing import NDArray

from signal_perception.fourier.definitions import omega


def hc_dc_ratio(means: NDArray, tokens: int) -> NDArray[np.float64]:
    """r² = Σ_{k≠0} |X_k|² / |X_0|² from the three means: (… 3 k) → (…).

    Energy of change over energy of the mean, each summed over space and channels before they are
    divided; the sum runs over all T' − 1 bins of the full transform.
    """
    energy = _two_sided(means, tokens)
    return _divide(energy[..., 1:].sum(axis=-1), energy[..., 0])


def centroid(means: NDArray, tokens: int) -> NDArray[np.float64]:
    """Mean ω (units of π) weighted by energy, bin 0 left out: (… 3 k) → (…).

    NaN where nothing changes in time.
    """
    energy = _two_sided(means, tokens)[..., 1:]
    return _divide((energy * _omega(tokens)[1:]).sum(axis=-1), energy.sum(axis=-1))


def high_share(means: NDArray, tokens: int, above: float = 0.5) -> NDArray[np.float64]:
    """Share of the energy outside bin 0 that lies at ω ≥ `above` (units of π): (… 3 k) → (…).

    NaN where nothing changes in time.
    """
    energy = _two_sided(means, tokens)[..., 1:]
    return _divide(energy[..., _omega(tokens)[1:] >= above].sum(axis=-1), energy.sum(axis=-1))


def _omega(tokens: int) -> NDArray[np.float64]:
    return omega("temporal", tokens, 1, 1)


def _two_sided(means: NDArray, tokens: int) -> NDArray[np.float64]:
    """Mean A² (… k) with every bin that also has a negative frequency counted twice."""
    weight = np.full(tokens // 2 + 1, 2.0)
    weight[0] = 1
    if tokens % 2 == 0:
        weight[-1] = 1
    return means[..., 2, :] * weight


def _divide(numerator: NDArray, denominator: NDArray) -> NDArray[np.float64]:
    numerator, denominator = np.asarray(numerator, np.float64), np.asarray(denominator, np.float64)
    return np.divide(
        numerator, denominator, out=np.full(numerator.shape, np.nan), where=denominator > 0
    )
