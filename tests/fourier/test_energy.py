"""Summaries of the temporal energy against the full transform."""

import numpy as np
import pytest

from signal_perception.fourier import energy


def means(x):
    """The three means (3 k) of a clip (t h w c), as NumPy has them."""
    amplitude = np.abs(np.fft.rfft(x, axis=0))
    return np.stack([np.log(amplitude), amplitude, amplitude**2]).mean(axis=(2, 3, 4))


@pytest.mark.parametrize("tokens", [2, 7, 8])
def test_energy_summaries_agree_with_the_full_transform(tokens):
    x = np.random.default_rng(3).standard_normal((tokens, 3, 4, 2)) + 0.5
    total = np.square(np.abs(np.fft.fft(x, axis=0))).sum(axis=(1, 2, 3))
    frequency = np.abs(2 * np.fft.fftfreq(tokens))
    m = means(x)
    assert energy.hc_dc_ratio(m, tokens) == pytest.approx(total[1:].sum() / total[0], rel=1e-12)
    assert energy.centroid(m, tokens) == pytest.approx(
        (frequency * total)[1:].sum() / total[1:].sum(), rel=1e-12
    )
    assert energy.high_share(m, tokens) == pytest.approx(
        total[frequency >= 0.5].sum() / total[1:].sum(), rel=1e-12
    )


def test_energy_summaries_of_a_still_clip():
    m = np.zeros((3, 5))
    m[:, 0] = 1
    assert energy.hc_dc_ratio(m, 8) == 0
    assert np.isnan(energy.centroid(m, 8))
    assert np.isnan(energy.high_share(m, 8))


def test_clips_are_summed_up_one_by_one():
    m = np.stack([means(np.random.default_rng(n).standard_normal((8, 2, 2, 2))) for n in (0, 1)])
    for summary in (energy.hc_dc_ratio, energy.centroid, energy.high_share):
        assert np.array_equal(summary(m, 8), [summary(m[0], 8), summary(m[1], 8)])
