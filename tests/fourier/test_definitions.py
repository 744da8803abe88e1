"""Bins, frequencies, points and the numbers made of the means, against values known by hand."""

import numpy as np
import pytest

from signal_perception.fourier import definitions
from signal_perception.pipeline.errors import UserError


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((14, 14), [(i, i) for i in range(7)]),
        ((7, 7), [(0, 0), (1, 1), (2, 2)]),
        # the smallest top is 4, the others follow in its steps
        ((14, 10), [(0, 0), (2, 1), (3, 2), (4, 3), (6, 4)]),
        ((8, 14, 14), [(0, 0, 0), (1, 2, 2), (2, 4, 4), (3, 6, 6)]),
        # 7/2 is rounded to the even number
        ((16, 7, 7), [(0, 0, 0), (4, 1, 1), (7, 2, 2)]),
        ((4, 56, 56), [(0, 0, 0), (1, 27, 27)]),
        ((8, 14, 10), [(0, 0, 0), (1, 2, 1), (2, 4, 3), (3, 6, 4)]),
        ((3, 14, 14), [(0, 0, 0)]),
        ((1, 1), [(0, 0)]),
    ],
)
def test_the_diagonal_goes_from_0_to_every_top(sizes, expected):
    assert definitions.diagonal(sizes).tolist() == [list(bin) for bin in expected]


def test_numbers_of_bins():
    assert [definitions.bins("temporal", t, 1, 1) for t in (1, 2, 3, 4, 8, 33)] == [
        *(1, 2, 2, 3, 5, 17)
    ]
    assert definitions.bins("spatial", 8, 14, 14) == 7
    assert definitions.bins("spatial", 8, 14, 3) == 1
    assert definitions.bins("spatiotemporal", 8, 14, 14) == 4
    assert definitions.bins("spatiotemporal", 3, 14, 14) == 1


def test_frequencies():
    assert definitions.omega("temporal", 8, 1, 1) == pytest.approx([0, 0.25, 0.5, 0.75, 1])
    assert definitions.omega("temporal", 5, 1, 1) == pytest.approx([0, 0.4, 0.8])
    # Park & Kim's top bin is (1 − 2/h)π
    assert definitions.omega("spatial", 8, 14, 14)[-1] == pytest.approx(1 - 2 / 14)
    assert definitions.omega("spatial", 8, 14, 10) == pytest.approx(np.array([0, 2, 3, 4, 6]) / 7)
    assert definitions.omega("spatiotemporal", 16, 7, 7) == pytest.approx([0, 0.5, 0.875])


def test_frequencies_in_hertz():
    # 16 frames in steps of 4 at 25 frames per second, tubelets of 2: 8 tokens, 0.32 s apart
    seconds = 4 * 2 * 1 / 25
    assert definitions.hertz("temporal", 8, 14, 14, seconds)[-1] == pytest.approx(1 / (2 * 0.32))
    assert definitions.hertz("spatiotemporal", 8, 14, 14, seconds) == pytest.approx(
        np.arange(4) / 2.56
    )
    spatial = definitions.hertz("spatial", 8, 14, 14, seconds)
    assert spatial.shape == (7,)
    assert np.isnan(spatial).all()


@pytest.mark.parametrize(
    ("t", "poster", "nyquist"),
    [(1, None, None), (2, None, 1), (3, None, 1), (4, 1, 2), (5, 1, 2), (8, 3, 4), (16, 7, 8)],
)
def test_representative_bins_in_time(t, poster, nyquist):
    for point, index in (("poster", poster), ("nyquist", nyquist)):
        chosen = definitions.representative("temporal", t, 14, 14, point)
        assert chosen.index == index
        assert (chosen.reason == "") == (index is not None)
    if poster is None:
        reason = definitions.representative("temporal", t, 14, 14, "poster").reason
        assert reason.endswith(f"there are {t}")


def test_representative_bins_of_a_diagonal():
    assert definitions.representative("spatial", 3, 14, 14, "poster").index == 6
    assert definitions.representative("spatiotemporal", 8, 14, 14, "poster").index == 3
    for transform in ("spatial", "spatiotemporal"):
        none = definitions.representative(transform, 8, 14, 14, "nyquist")
        assert none == definitions.Bin(None, "the diagonal ends below the Nyquist frequency")
    short = definitions.representative("spatiotemporal", 3, 14, 14, "poster")
    assert short.index is None
    assert short.reason.endswith("at least 4 places on every axis, there are 3 × 14 × 14")


def test_wrong_names_are_refused():
    with pytest.raises(UserError, match="mean_log, log_mean, log_rms"):
        definitions.log_amplitude(np.ones((3, 5)), 1e-6, "median")
    with pytest.raises(UserError, match="poster, nyquist"):
        definitions.representative("temporal", 8, 14, 14, "top")
    with pytest.raises(UserError, match="temporal, spatial, spatiotemporal"):
        definitions.bins("radial", 8, 14, 14)


def test_the_three_log_amplitudes():
    means = np.array([[0.5, -1], [2, 3], [4, 9.0]])
    expected = {
        "mean_log": [0.5, -1],
        "log_mean": np.log([2.1, 3.1]),
        "log_rms": 0.5 * np.log([4.01, 9.01]),
    }
    for statistic in definitions.STATISTICS:
        found = definitions.log_amplitude(means, 0.1, statistic)
        assert found == pytest.approx(expected[statistic])
        assert definitions.delta(found) == pytest.approx([0, found[1] - found[0]])


def test_epsilon_is_a_millionth_of_the_root_mean_square():
    assert definitions.calibrated_epsilon([7.0, 11.0]) == pytest.approx(3e-6, rel=1e-12)
    with pytest.raises(UserError, match="absolute epsilon"):
        definitions.calibrated_epsilon([0.0, 0.0])


def test_matched_frequency_is_interpolated_and_never_towards_the_reference():
    # ω = 0.5 is a bin
    assert definitions.matched(np.array([0, 1, 2, 3, 4.0]), 8) == 2
    # between 0.4 and 0.8
    assert definitions.matched(np.array([0, 1, 5.0]), 5) == pytest.approx(1 + 0.25 * 4)
    assert definitions.matched(np.array([[0, 1, 2.0], [0, 3, 4.0]]), 4) == pytest.approx([1, 3])
    for t in (1, 2, 3):
        assert np.isnan(definitions.matched(np.zeros(t // 2 + 1), t))


def test_the_correction_adds_half_a_logarithm():
    assert definitions.corrected(np.array([-1.0, -2]), 8) == pytest.approx(
        [-1 + 0.5 * np.log(8), -2 + 0.5 * np.log(8)]
    )


def test_block_response_needs_equal_numbers_of_tokens():
    deltas = [np.array([0, -1.0, -2]), np.array([0, -1.5, -1]), np.array([0, -3.0, -3])]
    first, second, third = definitions.block_response(deltas, [4, 4, 5])
    assert np.isnan(first).all()
    assert second == pytest.approx([0, -0.5, 1])
    # 5 tokens have three bins too, at other frequencies
    assert np.isnan(third).all()


def test_clips_are_averaged_inside_their_video_first():
    values = np.array([[1.0, 10], [3, 30], [5, 50]])
    assert np.array_equal(definitions.average_clips(values, [7, 2, 7]), [[3, 30], [3, 30]])
    assert np.array_equal(definitions.average_clips(values[:, 0], [7, 2, 2]), [4, 1])


def test_figure1_has_attention_within_frames_or_among_all_tokens_mlps_and_bottlenecks():
    divided = {"temporal_attn", "spatial_attn", "mlp"}
    assert definitions.in_figure1("spatial_attn", divided)
    assert not definitions.in_figure1("temporal_attn", divided)
    # stages 1 and 2 of UniFormer V1, then its stages 3 and 4
    assert not definitions.in_figure1("mlp", {"local_attn", "mlp"})
    assert definitions.in_figure1("mlp", {"joint_attn", "mlp"})
