"""Temporal spectra against values known in closed form."""

import numpy as np
import pytest

from signal_perception.pipeline.errors import UserError
from signal_perception.spectra import definitions, energy

EPSILON = 1e-6


def clip(series, dtype=np.float64):
    """One clip (t 1 1 c) out of series (t c) or (t,)."""
    series = np.asarray(series, dtype)
    return series.reshape(len(series), 1, 1, -1)


def delta(x, statistic, epsilon=EPSILON):
    return definitions.delta(
        definitions.log_amplitude(definitions.means(x, epsilon), epsilon, statistic)
    )


def white(tokens, series=200_000, seed=0):
    return clip(np.random.default_rng(seed).standard_normal((tokens, series)))


@pytest.mark.parametrize("statistic", definitions.STATISTICS)
@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_sine_peaks_in_its_bin_with_the_exact_value(statistic, k):
    """A·cos over a mean m has |X_k| = A·T'/2 and |X_0| = m·T'."""
    tokens, amplitude, mean = 8, 0.3, 2.0
    x = clip(mean + amplitude * np.cos(2 * np.pi * k * np.arange(tokens) / tokens + 0.7))
    result = delta(x, statistic)
    assert result.shape == (5,)
    assert np.argmax(result[1:]) + 1 == k
    assert result[k] == pytest.approx(np.log(amplitude / 2 / mean), abs=1e-5)
    others = [i for i in range(1, 5) if i != k]
    # nothing but epsilon is left
    assert np.all(result[others] < np.log(1e-6 / 16) + 0.1)


@pytest.mark.parametrize("statistic", definitions.STATISTICS)
def test_the_nyquist_sine_has_its_full_amplitude(statistic):
    x = clip(2 + 0.5 * (-1.0) ** np.arange(8))
    assert delta(x, statistic)[4] == pytest.approx(np.log(0.5 / 2), abs=1e-5)


@pytest.mark.parametrize(
    ("statistic", "bias"), [("mean_log", 0.347), ("log_mean", 0.105), ("log_rms", 0.0)]
)
def test_white_noise_has_the_known_bias_inside_and_none_at_nyquist(statistic, bias):
    result = delta(white(8), statistic)
    # Monte-Carlo error of 200 000 series: below 0.005
    assert result[1:4] == pytest.approx(bias, abs=0.012)
    assert result[4] == pytest.approx(0, abs=0.012)


@pytest.mark.parametrize(
    ("statistic", "bias"), [("mean_log", 0.347), ("log_mean", 0.105), ("log_rms", 0.0)]
)
def test_an_odd_number_of_tokens_has_no_true_nyquist_bin(statistic, bias):
    result = delta(white(7), statistic)
    assert result.shape == (4,)
    assert result[1:] == pytest.approx(bias, abs=0.012)
    assert definitions.omega(7)[-1] < 1


@pytest.mark.parametrize("statistic", definitions.STATISTICS)
def test_a_constant_clip_has_nothing_but_epsilon_outside_bin_0(statistic):
    epsilon = 1e-4
    result = delta(clip(np.full((8, 5), 3.0)), statistic, epsilon)
    assert result[0] == 0
    assert result[1:] == pytest.approx(np.log(epsilon / 24), abs=1e-4)


@pytest.mark.parametrize("statistic", definitions.STATISTICS)
def test_a_slow_ramp_is_low_in_every_bin(statistic):
    """Mean 1, excursion 1 over 8 tokens: |X_k|/|X_0| = 1/(14 sin(πk/8)), METHOD 3's four values."""
    x = clip(np.linspace(0.5, 1.5, 8))
    result = delta(x, statistic)
    assert result[1:] == pytest.approx([-1.68, -2.29, -2.56, -2.64], abs=0.005)
    assert result[1:] == pytest.approx(-np.log(14 * np.sin(np.pi * np.arange(1, 5) / 8)), abs=1e-5)


def test_the_number_of_tokens_alone_shifts_delta_and_the_correction_undoes_it():
    """Noise of deviation 0.5 around 1: METHOD 3's −1.51, −1.86, −2.20 at T' = 4, 8, 16."""
    raw, corrected, matched = [], [], []
    for tokens in (4, 8, 16):
        series = 1 + 0.5 * np.random.default_rng(tokens).standard_normal((tokens, 200_000))
        result = delta(clip(series), "log_mean")
        point = definitions.representative(tokens, "poster")
        raw.append(float(definitions.at_bin(result, point)))
        corrected.append(float(definitions.at_bin(definitions.corrected(result, tokens), point)))
        matched.append(float(definitions.matched(result, tokens)))
    assert np.diff(raw) == pytest.approx(-0.5 * np.log(2), abs=0.01)
    assert raw == pytest.approx([-1.51, -1.86, -2.20], abs=0.02)
    assert np.ptp(corrected) < 0.01
    # white around its mean: every interior bin is alike
    assert matched == pytest.approx(raw, abs=0.01)


def test_sparse_relu_series_pull_mean_log_towards_zero():
    rng = np.random.default_rng(0)
    tokens, series = 8, 40_000
    active = rng.random(series) < 0.15
    x = clip(np.where(active, np.maximum(0.6 + rng.standard_normal((tokens, series)), 0), 0))
    assert definitions.dead_share(x) == pytest.approx(0.85, abs=0.01)
    mean_log, log_mean = (delta(x, name)[3] for name in ("mean_log", "log_mean"))
    alive = delta(x[..., active], "mean_log")[3]
    assert log_mean < -0.5
    # a dead series adds a Δ of exactly 0
    assert mean_log == pytest.approx(0.15 * alive, abs=0.02)
    assert abs(mean_log) < 0.3 * abs(log_mean)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_floats_are_computed_in_double_precision(dtype):
    """Sums that overflow float16 (65 504) come out as those of the same numbers in float64."""
    x = (np.random.default_rng(0).standard_normal((8, 3, 2, 4)) * 100 + 30_000).astype(dtype)
    assert np.array_equal(
        definitions.means(x, EPSILON), definitions.means(x.astype(np.float64), EPSILON)
    )
    assert definitions.power(x) == definitions.power(x.astype(np.float64))


def test_pieces_add_up_to_the_clip(monkeypatch):
    x = np.random.default_rng(1).standard_normal((8, 5, 7, 3))
    at_once = definitions.means(x, EPSILON)
    # 105 series: six full pieces and a rest
    monkeypatch.setattr(definitions, "_SERIES", 16)
    assert definitions.means(x, EPSILON) == pytest.approx(at_once, rel=1e-12)
    amplitude = np.abs(np.fft.fft(x, axis=0))[:5]
    assert at_once[1] == pytest.approx(amplitude.mean(axis=(1, 2, 3)), rel=1e-12)
    assert definitions.power(x) == pytest.approx(np.mean(amplitude**2), rel=1e-12)


def test_epsilon_is_a_millionth_of_the_root_mean_square():
    a, b = (np.random.default_rng(i).standard_normal((8, 2, 2, 3)) for i in (1, 2))
    amplitude = np.abs(np.fft.rfft(np.stack([a, b]), axis=1))
    expected = 1e-6 * np.sqrt(np.mean(amplitude**2))
    assert definitions.calibrated_epsilon(
        [definitions.power(a), definitions.power(b)]
    ) == pytest.approx(expected, rel=1e-12)
    with pytest.raises(UserError, match="absolute epsilon"):
        definitions.calibrated_epsilon([0.0, 0.0])


def test_a_scaled_tap_has_the_same_spectrum_under_its_own_epsilon():
    x = np.maximum(np.random.default_rng(0).standard_normal((8, 4, 4, 16)) - 1, 0)
    for statistic in definitions.STATISTICS:
        one, other = (
            delta(y, statistic, definitions.calibrated_epsilon([definitions.power(y)]))
            for y in (x, 1000 * x)
        )
        assert one == pytest.approx(other, abs=1e-9)


def test_values_that_are_not_finite_are_refused():
    x = np.ones((8, 2, 2, 2), np.float16)
    x[3, 0, 1, 1] = np.inf
    for measure in (lambda: definitions.means(x, EPSILON), lambda: definitions.power(x)):
        with pytest.raises(UserError, match="not finite"):
            measure()


def test_wrong_calls_are_refused():
    with pytest.raises(UserError, match="mean_log, log_mean, log_rms"):
        definitions.log_amplitude(np.ones((3, 5)), EPSILON, "median")
    with pytest.raises(UserError, match="poster, nyquist"):
        definitions.representative(8, "top")
    with pytest.raises(ValueError, match="positive"):
        definitions.means(np.ones((8, 1, 1, 1)), 0.0)
    with pytest.raises(ValueError, match="t h w c"):
        definitions.means(np.ones((8, 4)), EPSILON)


@pytest.mark.parametrize(
    ("tokens", "poster", "nyquist"),
    [(1, None, None), (2, None, 1), (3, None, 1), (4, 1, 2), (5, 1, 2), (8, 3, 4), (16, 7, 8)],
)
def test_representative_bins(tokens, poster, nyquist):
    for point, index in (("poster", poster), ("nyquist", nyquist)):
        chosen = definitions.representative(tokens, point)
        assert chosen.index == index
        assert (chosen.reason == "") == (index is not None)
    values = np.arange(2.0 * (tokens // 2 + 1)).reshape(2, -1)
    picked = definitions.at_bin(values, definitions.representative(tokens, "poster"))
    assert np.isnan(picked).all() if poster is None else np.array_equal(picked, values[:, poster])


def test_frequencies():
    assert definitions.omega(8) == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert definitions.omega(5) == pytest.approx([0, 0.4, 0.8])
    # 16 frames in steps of 4 at 25 frames per second, tubelets of 2: 8 tokens, 0.32 s apart
    assert definitions.hertz(8, 4 * 2 * 1 / 25)[-1] == pytest.approx(1 / (2 * 0.32))


def test_matched_frequency_is_interpolated_and_never_towards_the_reference():
    # ω = 0.5 is a bin
    assert definitions.matched(np.array([0, 1, 2, 3, 4.0]), 8) == 2
    # between 0.4 and 0.8
    assert definitions.matched(np.array([0, 1, 5.0]), 5) == pytest.approx(1 + 0.25 * 4)
    assert definitions.matched(np.array([[0, 1, 2.0], [0, 3, 4.0]]), 4) == pytest.approx([1, 3])
    for tokens in (1, 2, 3):
        assert np.isnan(definitions.matched(np.zeros(tokens // 2 + 1), tokens))


def test_block_response_needs_equal_numbers_of_tokens():
    deltas = [np.array([0, -1.0, -2]), np.array([0, -1.5, -1]), np.array([0, -3.0, -3])]
    first, second, third = definitions.block_response(deltas, [4, 4, 5])
    assert np.isnan(first).all()
    assert second == pytest.approx([0, -0.5, 1])
    # 5 tokens have three bins too, at other frequencies
    assert np.isnan(third).all()


def test_low_and_high_pass_blocks_have_the_right_sign():
    x = 1 + np.random.default_rng(0).standard_normal((8, 1, 1, 5000))
    smooth = (x + np.roll(x, 1, axis=0)) / 2
    sharp = 2 * x - smooth
    deltas = [delta(y, "log_rms") for y in (x, smooth, x, sharp)]
    _, low, _, high = definitions.block_response(deltas, [8] * 4)
    assert np.all(low[1:] < 0)
    # gain of a two-point mean at ω = 0.5π
    assert low[2] == pytest.approx(np.log(np.cos(np.pi / 4)), abs=1e-3)
    assert np.all(high[2:] > 0)


@pytest.mark.parametrize("tokens", [7, 8])
def test_energy_summaries_agree_with_the_full_transform(tokens):
    x = np.random.default_rng(3).standard_normal((tokens, 3, 4, 2)) + 0.5
    total = np.square(np.abs(np.fft.fft(x, axis=0))).sum(axis=(1, 2, 3))
    frequency = np.abs(2 * np.fft.fftfreq(tokens))
    m = definitions.means(x, EPSILON)
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


def test_clips_are_averaged_inside_their_video_first():
    values = np.array([[1.0, 10], [3, 30], [5, 50]])
    assert np.array_equal(definitions.average_clips(values, [7, 2, 7]), [[3, 30], [3, 30]])
    assert np.array_equal(definitions.average_clips(values[:, 0], [7, 2, 2]), [4, 1])
