"""Signals whose spectra are known in closed form, and the procedure of Park & Kim."""

import numpy as np
import pytest
import torch

from signal_perception.fourier import definitions, sums
from signal_perception.fourier.sums import Epsilons

EPSILON = 1e-6
BIASES = [("mean_log", 0.347), ("log_mean", 0.105), ("log_rms", 0.0)]


def normal(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def series(values):
    """One clip (1 t 1 1 c) out of series (t c) or (t,)."""
    values = torch.as_tensor(values, dtype=torch.float32)
    return values.reshape(1, len(values), 1, 1, -1)


def delta(x, statistic, transform="temporal", epsilon=EPSILON):
    """Δ (k) of one clip."""
    means = sums.means(x, Epsilons(epsilon, epsilon, epsilon))[transform].numpy()[0]
    return definitions.delta(definitions.log_amplitude(means, epsilon, statistic))


def wave(transform, k, t, h, w):
    """A wave at bin k of a transform: cos of amplitude 1, (t h w)."""
    frequencies = {
        "temporal": lambda: (k, 0, 0),
        "spatial": lambda: (0, *definitions.diagonal((h, w))[k]),
        "spatiotemporal": lambda: definitions.diagonal((t, h, w))[k],
    }[transform]()
    turns = np.array(frequencies) / (t, h, w) * np.moveaxis(np.indices((t, h, w)), 0, -1)
    return np.cos(2 * np.pi * turns.sum(axis=-1) + 0.7)


@pytest.mark.parametrize("statistic", definitions.STATISTICS)
@pytest.mark.parametrize("transform", definitions.TRANSFORMS)
@pytest.mark.parametrize("sizes", [(8, 8, 8), (16, 9, 14), (5, 10, 8)])
def test_a_wave_peaks_in_its_bin_with_the_exact_value(statistic, transform, sizes):
    """a·cos over a mean m has |X_k| = a/2 · N and |X_0| = m · N for N places."""
    amplitude, mean, bins = 0.3, 2.0, definitions.bins(transform, *sizes)
    assert bins > 1
    for k in range(1, bins):
        if transform == "temporal" and 2 * k == sizes[0]:
            continue
        x = torch.from_numpy(mean + amplitude * wave(transform, k, *sizes)).float()
        result = delta(x[None, ..., None], statistic, transform)
        assert np.argmax(result[1:]) + 1 == k
        assert result[k] == pytest.approx(np.log(amplitude / 2 / mean), abs=1e-5)
        # nothing but rounding and epsilon is left
        assert np.all(np.delete(result, [0, k]) < np.log(1e-6))


@pytest.mark.parametrize("statistic", definitions.STATISTICS)
def test_the_nyquist_sine_has_its_full_amplitude(statistic):
    x = series(2 + 0.5 * (-1.0) ** np.arange(8))
    assert delta(x, statistic)[4] == pytest.approx(np.log(0.5 / 2), abs=1e-5)


@pytest.mark.parametrize(("statistic", "bias"), BIASES)
def test_white_noise_has_the_known_bias_inside_and_none_at_nyquist(statistic, bias):
    result = delta(series(normal(8, 200_000)), statistic)
    # 3.5 standard errors of 200 000 series: ln A deviates by 1.11 in real bins, 0.64 in others
    assert result[1:4] == pytest.approx(bias, abs=3.5 * np.hypot(1.11, 0.64) / 200_000**0.5)
    assert result[4] == pytest.approx(0, abs=3.5 * np.hypot(1.11, 1.11) / 200_000**0.5)


@pytest.mark.parametrize(("statistic", "bias"), BIASES)
def test_an_odd_number_of_tokens_has_no_true_nyquist_bin(statistic, bias):
    result = delta(series(normal(7, 200_000)), statistic)
    assert result.shape == (4,)
    assert result[1:] == pytest.approx(bias, abs=0.01)
    assert definitions.omega("temporal", 7, 1, 1)[-1] < 1


@pytest.mark.parametrize(("statistic", "bias"), BIASES)
@pytest.mark.parametrize("transform", ["spatial", "spatiotemporal"])
def test_a_diagonal_of_white_noise_has_the_bias_of_interior_bins(transform, statistic, bias):
    x = normal(1, 4, 8, 8, 6000)
    places = 24_000 if transform == "spatial" else 6000
    result = delta(x, statistic, transform)
    assert result[1:] == pytest.approx(bias, abs=3.5 * 1.28 / places**0.5)


@pytest.mark.parametrize("statistic", definitions.STATISTICS)
def test_a_constant_clip_has_nothing_but_epsilon_outside_bin_0(statistic):
    epsilon = 1e-4
    result = delta(torch.full((1, 8, 4, 4, 5), 3.0), statistic, epsilon=epsilon)
    assert result[0] == 0
    assert result[1:] == pytest.approx(np.log(epsilon / 24), abs=1e-4)


@pytest.mark.parametrize("statistic", definitions.STATISTICS)
def test_a_slow_ramp_is_low_in_every_bin(statistic):
    """Mean 1, excursion 1 over 8 tokens: |X_k|/|X_0| = 1/(14 sin(πk/8)), METHOD 3's four values."""
    result = delta(series(np.linspace(0.5, 1.5, 8)), statistic)
    assert result[1:] == pytest.approx([-1.68, -2.29, -2.56, -2.64], abs=0.005)
    assert result[1:] == pytest.approx(-np.log(14 * np.sin(np.pi * np.arange(1, 5) / 8)), abs=1e-5)


def test_the_number_of_tokens_alone_shifts_delta_and_the_correction_undoes_it():
    """Noise of deviation 0.5 around 1: METHOD 3's −1.51, −1.86, −2.20 at T' = 4, 8, 16."""
    raw, corrected, matched = [], [], []
    for t in (4, 8, 16):
        result = delta(series(1 + 0.5 * normal(t, 100_000, seed=t)), "log_mean")
        point = definitions.representative("temporal", t, 1, 1, "poster").index
        raw.append(result[point])
        corrected.append(definitions.corrected(result, t)[point])
        matched.append(float(definitions.matched(result, t)))
    assert np.diff(raw) == pytest.approx(-0.5 * np.log(2), abs=0.01)
    assert raw == pytest.approx([-1.51, -1.86, -2.20], abs=0.02)
    assert np.ptp(corrected) < 0.01
    # white around its mean: every interior bin is alike
    assert matched == pytest.approx(raw, abs=0.01)


def test_sparse_relu_series_pull_mean_log_towards_zero():
    rng = np.random.default_rng(0)
    t, count = 8, 40_000
    active = rng.random(count) < 0.15
    x = series(np.where(active, np.maximum(0.6 + rng.standard_normal((t, count)), 0), 0))
    dead = sums.means(x, Epsilons(EPSILON, EPSILON, EPSILON))["dead"]
    assert dead.item() == pytest.approx(0.85, abs=0.01)
    mean_log, log_mean = (delta(x, name)[3] for name in ("mean_log", "log_mean"))
    alive = delta(x[..., torch.from_numpy(active)], "mean_log")[3]
    assert log_mean < -0.5
    # a dead series adds a Δ of exactly 0
    assert mean_log == pytest.approx(0.15 * alive, abs=0.02)
    assert abs(mean_log) < 0.3 * abs(log_mean)


def test_low_and_high_pass_blocks_have_the_right_sign():
    x = series(1 + normal(8, 5000))
    smooth = (x + x.roll(1, dims=1)) / 2
    deltas = [delta(y, "log_rms") for y in (x, smooth, x, 2 * x - smooth)]
    _, low, _, high = definitions.block_response(deltas, [8] * 4)
    assert np.all(low[1:] < 0)
    # gain of a two-point mean at ω = 0.5π
    assert low[2] == pytest.approx(np.log(np.cos(np.pi / 4)), abs=1e-3)
    assert np.all(high[2:] > 0)


def test_a_scaled_tap_has_the_same_spectrum_under_its_own_epsilon():
    x = (normal(1, 8, 6, 6, 16) - 1).relu()
    for i, transform in enumerate(definitions.TRANSFORMS):
        for statistic in definitions.STATISTICS:
            one, other = (
                delta(
                    y,
                    statistic,
                    transform,
                    definitions.calibrated_epsilon([sums.powers(y)[0, i].item()]),
                )
                for y in (x, 1024 * x)
            )
            assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.parametrize("size", [14, 7, 56])
def test_the_spatial_transform_is_that_of_park_and_kim(size):
    """Their fft2, ln(|F| + 1e-6), fftshift, mean over batch and channel, half diagonal."""
    x = normal(2, 4, size, size, 12, seed=size) + 0.2
    maps = x.double().permute(0, 1, 4, 2, 3).reshape(8, 12, size, size).numpy()
    logs = np.fft.fftshift(np.log(np.abs(np.fft.fft2(maps)) + 1e-6), axes=(2, 3))
    theirs = np.diag(logs.mean(axis=(0, 1)))[size // 2 :]
    means = sums.means(x, Epsilons(1e-6, 1e-6, 1e-6))["spatial"].numpy()
    ours = definitions.log_amplitude(means, 1e-6, "mean_log").mean(axis=0)
    # an odd size has one bin more in theirs
    assert len(theirs) == len(ours) + size % 2
    theirs = theirs[: len(ours)]
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.abs(definitions.delta(ours) - (theirs - theirs[0])).max() < 1e-5


@pytest.mark.parametrize(
    ("sizes", "bins"),
    [
        ((8, 14, 14), [(1, 2, 2), (2, 4, 4), (3, 6, 6)]),
        ((16, 7, 7), [(4, 1, 1), (7, 2, 2)]),
        ((4, 56, 56), [(1, 27, 27)]),
        ((8, 14, 10), [(1, 2, 1), (2, 4, 3), (3, 6, 4)]),
    ],
)
def test_the_spatiotemporal_diagonal_is_a_sum_over_all_places(sizes, bins):
    x = normal(1, *sizes, 6)
    values = x[0].double().numpy()
    t, h, w = np.meshgrid(*map(np.arange, sizes), indexing="ij")
    means = sums.means(x, Epsilons(1e-6, 1e-6, 1e-6))["spatiotemporal"].numpy()[0]
    assert means.shape == (3, 1 + len(bins))
    for i, (k, u, v) in enumerate([(0, 0, 0), *bins]):
        turns = k * t / sizes[0] + u * h / sizes[1] + v * w / sizes[2]
        phase = np.exp(-2j * np.pi * turns)
        amplitude = np.abs((values * phase[..., None]).sum(axis=(0, 1, 2)))
        assert means[1, i] == pytest.approx(amplitude.mean(), rel=1e-5)
        assert means[0, i] == pytest.approx(np.log(amplitude + 1e-6).mean(), abs=1e-5)
