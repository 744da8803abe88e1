"""The table of taps, of activations made by hand."""

import numpy as np
import pytest

from signal_perception.spectra import per_tap
from signal_perception.spectra.estimates import CLIP_STATIC
from signal_perception.statistics.comparison import holm
from tests.spectra import synthetic
from tests.spectra.synthetic import bins, depth, measurements, noise, one, pick, sine, still, tap

MLP = tap("00.mlp")


def _waves(k: int, amplitude: float, tokens: int = 8) -> np.ndarray:
    return np.stack([sine(k, amplitude, (tokens, 2, 2, 3))] * 6)


def test_points_of_a_sine() -> None:
    table = depth(measurements({MLP: {"clip": _waves(3, 0.5)}}))
    assert tuple(table.columns) == per_tap.COLUMNS
    value = np.log(0.25)
    row = one(table, quantity="delta", point="poster", statistic="log_mean")
    assert row["value"] == pytest.approx(value, abs=1e-4)
    assert (row["omega"], row["hz"]) == pytest.approx((0.75, 3 / (8 * 0.2)))
    row = one(table, quantity="corrected", point="poster", statistic="log_mean")
    assert row["value"] == pytest.approx(value + 0.5 * np.log(8), abs=1e-4)
    assert one(table, quantity="delta", point="nyquist", statistic="log_rms")["value"] < -10
    matched = one(table, quantity="matched", statistic="log_mean")
    assert matched["point"] == ""
    assert (matched["omega"], matched["hz"]) == pytest.approx((0.5, 2 / (8 * 0.2)))
    assert set(table["reason"]) == {""}


def test_numbers_agree_with_those_of_the_bins() -> None:
    inputs = {"clip": noise(6, seed=1), "static": noise(6, seed=2)}
    made = measurements({MLP: inputs})
    by_bin = pick(bins(made), transform="temporal", quantity="delta")
    by_tap = depth(made)
    for control in ("clip", "static", CLIP_STATIC):
        for point, quantity, index in (
            ("poster", "delta", 3),
            ("nyquist", "delta", 4),
            ("", "matched", 2),
        ):
            a = one(by_bin, control=control, statistic="log_mean", bin=index)
            b = one(by_tap, quantity=quantity, point=point, control=control, statistic="log_mean")
            for name in ("value", "low", "high", "p", "omega", "hz"):
                assert a[name] == pytest.approx(b[name], nan_ok=True)


def test_matched_lies_between_two_bins() -> None:
    five = tap("00.mlp", shape=(5, 2, 2, 3))
    made = measurements({five: {"clip": noise(6, (5, 2, 2, 3))}})
    values = pick(bins(made), transform="temporal", quantity="delta", statistic="log_rms")
    values = values["value"].to_numpy()
    found = one(depth(made), quantity="matched", statistic="log_rms")
    # ω = 0.4, 0.8
    assert found["value"] == pytest.approx(0.75 * values[1] + 0.25 * values[2])


def test_energies_of_a_sine() -> None:
    """A wave of 0.5 in bin 3 of 8 around 1: r² = 2 (0.5 · 4)² / 8², all of it at ω = 0.75."""
    table = depth(measurements({MLP: {"clip": _waves(3, 0.5), "static": _waves(1, 0.5)}}))
    expected = {
        "hc_dc": {"clip": 0.125, "static": 0.125, CLIP_STATIC: 0},
        "centroid": {"clip": 0.75, "static": 0.25, CLIP_STATIC: 0.5},
        "high_share": {"clip": 1, "static": 0, CLIP_STATIC: 1},
    }
    for quantity, values in expected.items():
        for control, value in values.items():
            row = one(table, quantity=quantity, control=control)
            assert row["value"] == pytest.approx(value, abs=1e-9)
            assert (row["statistic"], row["point"]) == ("", "")


@pytest.mark.parametrize("tokens", [1, 2, 3])
def test_points_that_do_not_exist_have_a_reason_and_no_value(tokens: int) -> None:
    short = tap("00.conv", "conv", shape=(tokens, 2, 2, 3))
    inputs = {"clip": noise(6, short.shape), "static": noise(6, short.shape, 1)}
    table = depth(measurements({short: inputs}))
    for quantity in ("delta", "corrected"):
        rows = pick(table, quantity=quantity, point="poster")
        assert all("at least 4 temporal tokens" in reason for reason in rows["reason"])
        empty = ["value", "low", "high", "p", "p_holm", "omega", "hz"]
        assert rows[empty].isna().to_numpy().all()
    matched = pick(table, quantity="matched")
    assert np.isnan(matched["value"].to_numpy()).all()
    assert all("0.5π" in reason for reason in matched["reason"])
    nyquist = pick(table, quantity="delta", point="nyquist")
    assert set(np.isnan(nyquist["value"].to_numpy())) == {tokens == 1}
    assert {reason == "" for reason in nyquist["reason"]} == {tokens > 1}


def test_a_still_clip_has_no_centroid_and_says_why() -> None:
    clip = noise(6)
    table = depth(measurements({MLP: {"clip": clip, "static": still(clip)}}))
    for quantity in ("centroid", "high_share"):
        for control in ("static", CLIP_STATIC):
            row = one(table, quantity=quantity, control=control)
            assert np.isnan(row["value"])
            assert row["reason"] == "nothing changes in time in 6 of 6 videos"
        assert one(table, quantity=quantity, control="clip")["reason"] == ""
    row = one(table, quantity="hc_dc", control="static")
    assert (row["value"], row["reason"]) == (pytest.approx(0, abs=1e-12), "")


def test_holm_corrects_over_the_taps_of_one_kind() -> None:
    taps = [
        tap("00.joint_attn", "joint_attn", order=1),
        tap("00.mlp", order=2),
        tap("01.mlp", block=1, order=3),
    ]
    inputs = {
        each: {"clip": noise(6, seed=n), "static": noise(6, seed=9 + n, mean=2)}
        for n, each in enumerate(taps)
    }
    rows = pick(depth(measurements(inputs)), quantity="hc_dc", control=CLIP_STATIC)
    p, corrected = rows["p"].to_numpy(), rows["p_holm"].to_numpy()
    assert corrected[0] == p[0]
    assert corrected[1:] == pytest.approx(holm(p[1:]))
    assert corrected[1:].min() > p[1:].min()


def test_holm_leaves_out_taps_without_a_value() -> None:
    shapes = [(8, 2, 2, 3), (8, 2, 2, 3), (2, 2, 2, 3)]
    taps = [tap(f"{n:02d}.conv", "conv", n, n, shape=shape) for n, shape in enumerate(shapes)]
    made = measurements(
        {
            each: {
                "clip": noise(6, each.shape, each.order),
                "static": noise(6, each.shape, 9 + each.order, mean=2),
            }
            for each in taps
        }
    )
    rows = pick(depth(made), quantity="delta", point="poster", control=CLIP_STATIC)
    rows = pick(rows, statistic="log_rms")
    p = rows["p"].to_numpy(np.float64)
    assert rows["p_holm"].to_numpy()[:2] == pytest.approx(holm(p[:2]))
    assert np.isnan(p[2])
    assert np.isnan(rows["p_holm"].to_numpy()[2])


def test_energies_are_averaged_over_the_clips_of_a_video() -> None:
    x = np.concatenate([_waves(3, 0.5), _waves(1, 0.5)])
    # clips 2v and 2v+1 are of video v
    x = x.reshape(2, 6, *x.shape[1:]).swapaxes(0, 1).reshape(x.shape)
    made = measurements({MLP: {"clip": x}}, synthetic.part(clips=2))
    assert one(depth(made), quantity="centroid")["value"] == pytest.approx(0.5)


def test_rows_are_sorted() -> None:
    taps = [tap("00.mlp"), tap("01.mlp", block=1, order=2)]
    table = depth(measurements({t: {"static": noise(6), "clip": noise(6, seed=1)} for t in taps}))
    assert table["quantity"].drop_duplicates().tolist() == [
        *("delta", "corrected", "matched", "hc_dc", "centroid", "high_share")
    ]
    head = table.head(6)
    assert head["control"].tolist() == ["clip"] * 2 + ["static"] * 2 + [CLIP_STATIC] * 2
    assert head["tap"].tolist() == ["00.mlp", "01.mlp"] * 3
    assert set(head["statistic"]) == {"mean_log"}
    assert set(head["point"]) == {"poster"}
