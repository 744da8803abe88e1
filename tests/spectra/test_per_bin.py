"""The table of bins, of activations made by hand."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from signal_perception.fourier import definitions
from signal_perception.spectra import estimates, per_bin
from signal_perception.spectra.discriminability import ratio
from signal_perception.spectra.estimates import CLIP_OWN, CLIP_STATIC
from signal_perception.spectra.run import Measurements
from signal_perception.statistics.comparison import holm, p_value
from signal_perception.statistics.intervals import interval, resamples
from tests.spectra import synthetic
from tests.spectra.synthetic import bins, depth, measurements, noise, one, pick, sine, still, tap

WIDE = (8, 8, 8, 2)
MLP = tap("00.mlp")


def _waves(k: int, amplitude: float) -> np.ndarray:
    return np.stack([sine(k, amplitude)] * 6)


def test_a_sine_has_its_peak_in_its_bin() -> None:
    table = bins(measurements({MLP: {"clip": _waves(2, 0.5)}}))
    assert tuple(table.columns) == per_bin.COLUMNS
    delta = pick(table, quantity="delta", transform="temporal", statistic="log_mean")
    assert delta["bin"].tolist() == [0, 1, 2, 3, 4]
    values = delta["value"].to_numpy()
    assert values[2] == pytest.approx(np.log(0.25), abs=1e-4)
    assert values[[1, 3, 4]].max() < -10
    assert delta["omega"].tolist() == [0, 0.25, 0.5, 0.75, 1]
    # two frames of 0.1 s to a token
    assert delta["hz"].to_numpy() == pytest.approx(np.arange(5) / (8 * 0.2))
    assert delta["is_poster"].tolist() == [False, False, False, True, False]
    assert delta["is_nyquist"].tolist() == [False, False, False, False, True]
    reference = one(delta, bin=0)
    assert [reference[name] for name in ("value", "low", "high")] == [0, 0, 0]
    names = ("tokens", "height", "width", "n_videos", "n_clusters")
    assert [reference[name] for name in names] == [8, 2, 2, 6, 6]


def test_a_wave_along_the_diagonal_of_the_map_is_in_its_spatial_bin() -> None:
    y, x = np.mgrid[:8, :8]
    plane = 1 + 0.5 * np.cos(2 * np.pi * 2 * (y + x) / 8)
    clip = np.broadcast_to(plane[None, None, :, :, None], (6, *WIDE))
    table = bins(measurements({tap("00.mlp", shape=WIDE): {"clip": clip}}))
    spatial = pick(table, transform="spatial", quantity="delta", statistic="log_rms")
    assert spatial["bin"].tolist() == [0, 1, 2, 3]
    assert spatial["value"].to_numpy()[2] == pytest.approx(np.log(0.25), abs=1e-4)
    assert spatial["value"].to_numpy()[[1, 3]].max() < -10
    assert np.isnan(spatial["hz"].to_numpy()).all()
    assert spatial["is_poster"].tolist() == [False, False, False, True]
    assert not spatial["is_nyquist"].to_numpy().any()
    # nothing moves, so the cube has nothing beyond the mean
    cube = pick(table, transform="spatiotemporal", quantity="delta", statistic="log_rms")
    assert cube["value"].to_numpy()[1:].max() < -10


def test_maps_too_small_for_a_diagonal_have_the_reference_alone() -> None:
    table = bins(measurements({MLP: {"clip": noise(6)}}))
    for transform in ("spatial", "spatiotemporal"):
        rows = pick(table, transform=transform)
        assert set(rows["bin"]) == {0}
        assert not rows[["is_poster", "is_nyquist"]].to_numpy().any()


def test_clip_minus_static_is_the_paired_difference_of_each_video() -> None:
    clip, static = noise(6, seed=1), noise(6, seed=2, mean=3)
    groups = ["a", "a", "b", "c", "d", "e"]
    videos = synthetic.part(groups=groups)
    table = bins(measurements({MLP: {"clip": clip, "static": static}}, videos))
    found = pick(table, transform="temporal", statistic="log_rms", quantity="delta")
    found = pick(found, control=CLIP_STATIC)

    def delta(x: np.ndarray) -> np.ndarray:
        energy = np.mean(np.abs(np.fft.rfft(x, axis=1)) ** 2, axis=(2, 3, 4))
        return 0.5 * np.log(energy / energy[:, :1])

    difference = delta(clip) - delta(static)
    draws = resamples(groups, seed=0, draws=200)
    low, high = interval(difference, draws)
    assert found["value"].to_numpy() == pytest.approx(difference.mean(axis=0), abs=1e-9)
    assert found["low"].to_numpy() == pytest.approx(low, abs=1e-9)
    assert found["high"].to_numpy() == pytest.approx(high, abs=1e-9)
    assert found["p"].to_numpy()[1:] == pytest.approx(p_value(difference[:, 1:], draws), abs=1e-9)
    # the reference is 0 by definition
    assert np.isnan(found["p"].to_numpy()[0])
    others = table.loc[table["control"] != CLIP_STATIC]
    assert others[["p", "p_holm"]].isna().to_numpy().all()
    assert np.isnan(found["dead_share"].to_numpy()).all()


@pytest.mark.parametrize(
    ("table", "labels"),
    [(bins, {"transform": "temporal", "bin": 2}), (depth, {"point": "poster"})],
)
def test_other_weights_are_compared_with_the_own_ones_video_by_video(
    table: Callable[[Measurements], pd.DataFrame], labels: dict[str, object]
) -> None:
    labels = {"statistic": "log_mean", "quantity": "delta", **labels}
    own = measurements({MLP: {"clip": noise(6, seed=1)}})
    other = measurements({MLP: {"clip": noise(6, seed=2, mean=3)}}, own=own)
    found = {row["control"]: row for row in pick(table(other), **labels).to_dict("records")}
    assert set(found) == {"clip", CLIP_OWN}
    difference = found["clip"]["value"] - one(table(own), **labels)["value"]
    assert found[CLIP_OWN]["value"] == pytest.approx(difference, abs=1e-9)
    assert 0 < found[CLIP_OWN]["p"] <= found[CLIP_OWN]["p_holm"] <= 1


def test_holm_corrects_over_the_taps_of_one_kind_and_side() -> None:
    taps = [
        tap("00.mlp", order=1),
        tap("00.mlp.branch", order=2, side="branch"),
        tap("00.joint_attn", "joint_attn", order=3),
        tap("01.mlp", order=4),
        tap("02.mlp", order=5),
    ]
    inputs = {
        each: {"clip": noise(6, seed=n, mean=1 + 0.1 * n), "static": noise(6, seed=50 + n)}
        for n, each in enumerate(taps)
    }
    found = pick(bins(measurements(inputs)), control=CLIP_STATIC, transform="temporal")
    rows = pick(found, quantity="delta", statistic="mean_log", bin=2)
    family = rows.loc[rows["tap"].isin(["00.mlp", "01.mlp", "02.mlp"])]
    p = family["p"].to_numpy(np.float64)
    assert len(p) == 3
    assert family["p_holm"].to_numpy() == pytest.approx(holm(p))
    # alone in their families
    for name in ("00.mlp.branch", "00.joint_attn"):
        row = one(rows, tap=name)
        assert row["p_holm"] == row["p"]


def test_block_response_is_the_difference_to_the_stream_tap_before() -> None:
    first, second = tap("00.mlp", order=1), tap("01.mlp", block=1, order=3)
    branch = tap("01.mlp.branch", block=1, order=2, side="branch")
    pixels = tap("input", "input", -1, 0)
    made = measurements(
        {
            pixels: {"clip": _waves(2, 0.1), "static": _waves(2, 0.1)},
            first: {"clip": _waves(2, 0.5), "static": _waves(2, 0.4)},
            branch: {"clip": _waves(2, 0.9), "static": _waves(2, 0.9)},
            second: {"clip": _waves(2, 0.25), "static": _waves(2, 0.4)},
        }
    )
    table = pick(bins(made), quantity="block_response", transform="temporal")
    assert set(table["tap"]) == {"01.mlp"}
    assert set(table["bin"]) == {1, 2, 3, 4}
    for control, value in (("clip", -np.log(2)), ("static", 0), (CLIP_STATIC, -np.log(2))):
        row = one(table, statistic="log_mean", control=control, bin=2)
        assert row["value"] == pytest.approx(value, abs=1e-4)


def test_another_number_of_tokens_breaks_the_block_response() -> None:
    eight, four = (8, 4, 4, 2), (4, 4, 4, 2)
    shapes = [eight, eight, four, four, (4, 8, 8, 2)]
    taps = [tap(f"{n:02d}.conv", "conv", n, n, shape=shape) for n, shape in enumerate(shapes)]
    made = measurements({each: {"clip": noise(6, each.shape, each.order)} for each in taps})
    table = bins(made)
    response = table.loc[table["quantity"] == "block_response"]
    found = {
        transform: sorted(set(response.loc[response["transform"] == transform, "tap"]))
        for transform in definitions.TRANSFORMS
    }
    # another map leaves frequencies in time as they are
    assert found["temporal"] == ["01.conv", "03.conv", "04.conv"]
    assert found["spatial"] == found["spatiotemporal"] == ["01.conv", "03.conv"]
    assert response["value"].notna().all()


def test_clips_of_a_video_are_averaged_first() -> None:
    x = noise(12, seed=3)
    videos = synthetic.part(videos=6, clips=2)
    found = pick(bins(measurements({MLP: {"clip": x}}, videos)), transform="temporal")
    means = synthetic.means(x)["temporal"]
    delta = definitions.delta(definitions.log_amplitude(means, synthetic.EPSILON, "log_mean"))
    per_video = delta.reshape(6, 2, 5).mean(axis=1)
    rows = pick(found, quantity="delta", statistic="log_mean")
    low, _ = interval(per_video, resamples(videos.groups, seed=0, draws=200))
    assert rows["value"].to_numpy() == pytest.approx(per_video.mean(axis=0))
    assert rows["low"].to_numpy() == pytest.approx(low)
    assert set(rows["n_videos"]) == {6}


def test_discriminability_stands_for_the_clip_and_its_first_frame() -> None:
    clip = noise(12, seed=5)
    clip[::2] += 2 * sine(1, 0.5)
    videos = synthetic.part(videos=12)
    inputs = {"clip": clip, "static": still(clip), "shuffled": clip}
    table = pick(bins(measurements({MLP: inputs}, videos)), quantity="discriminability")
    for name, words in (("control", {"clip", "static"}), ("statistic", {"mean_log"})):
        assert set(table[name]) == words
    assert np.isnan(table["p"].to_numpy()).all()
    rows = pick(table, control="clip")
    assert one(rows, bin=1)["low"] > 3 > one(rows, bin=3)["value"]
    # a still clip has no change that could tell anything apart
    assert pick(table, control="static")["bin"].tolist() == [0]


def test_discriminability_knows_which_videos_share_a_source() -> None:
    x = noise(12)
    groups = [f"g{n // 4}" for n in range(12)]
    made = measurements({MLP: {"clip": x}}, synthetic.part(12, groups=groups))
    rows = pick(bins(made), quantity="discriminability")
    logs = synthetic.means(x)["temporal"][:, 0]
    expected = ratio(logs, made.part.labels, np.arange(12) // 4)
    for name in ("value", "low", "high"):
        assert rows[name].to_numpy() == pytest.approx(getattr(expected, name))


def test_rows_are_sorted_and_their_order_does_not_depend_on_the_inputs() -> None:
    taps = [tap("00.mlp", shape=WIDE), tap("01.mlp", block=1, order=2, shape=WIDE)]
    names = ("clip", "reversed", "shuffled", "static")
    inputs = {each: {n: noise(6, WIDE, i) for i, n in enumerate(names)} for each in taps}
    turned = {each: dict(reversed(inputs[each].items())) for each in taps}
    table, other = bins(measurements(inputs)), bins(measurements(turned))
    pd.testing.assert_frame_equal(table, other)
    assert table["transform"].drop_duplicates().tolist() == list(definitions.TRANSFORMS)
    quantities = table["quantity"].drop_duplicates().tolist()
    assert quantities == ["delta", "block_response", "discriminability"]
    first = pick(table, transform="temporal", quantity="delta", statistic="mean_log")
    controls = first["control"].drop_duplicates().tolist()
    assert controls == ["clip", "static", "shuffled", "reversed", CLIP_STATIC]
    assert first["tap"].tolist()[:10] == ["00.mlp"] * 5 + ["01.mlp"] * 5


def test_without_a_static_input_nothing_is_paired() -> None:
    made = measurements({MLP: {"clip": noise(6), "shuffled": noise(6, seed=1)}})
    table = bins(made)
    assert set(table["control"]) == {"clip", "shuffled"}
    assert table[["p", "p_holm"]].isna().to_numpy().all()
    assert estimates.controls(made.inputs, None) == ("clip", "shuffled")


def test_dead_series_are_counted_under_each_input() -> None:
    clip = noise(6)
    clip[..., 0] = 0
    table = bins(measurements({MLP: {"clip": clip, "static": noise(6)}}))
    for control, share in (("clip", 1 / 3), ("static", 0)):
        assert pick(table, control=control)["dead_share"].to_numpy() == pytest.approx(share)
