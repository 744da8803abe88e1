"""The means of all transforms against NumPy's FFT in float64, layouts, pieces and devices."""

import numpy as np
import pytest
import torch
from einops import rearrange

from signal_perception.fourier import definitions, sums
from signal_perception.fourier.sums import Epsilons

EPSILONS = Epsilons(1e-6, 1e-6, 1e-6)
KEYS = ("temporal", "spatial", "spatiotemporal", "dead")


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def clips(*shape, seed=0, mean=0.3):
    """Normal values (n t h w c) around a mean, an eighth of the series dead."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(shape, generator=generator) + mean
    alive = torch.rand((shape[0], 1, *shape[2:]), generator=generator) > 0.125
    return x * alive


def amplitudes(x):
    """A of every transform (n k places), from NumPy's FFT in float64."""
    x = x.double().numpy()
    _, t, h, w, _ = x.shape
    u, v = definitions.diagonal((h, w)).T
    k, i, j = definitions.diagonal((t, h, w)).T
    temporal = np.abs(np.fft.fft(x, axis=1))[:, : t // 2 + 1]
    plane = np.abs(np.fft.fft2(x, axes=(2, 3)))[:, :, u, v]
    cube = np.abs(np.fft.fftn(x, axes=(1, 2, 3)))[:, k, i, j]
    return {
        "temporal": rearrange(temporal, "n k h w c -> n k (h w c)"),
        "spatial": rearrange(plane, "n t k c -> n k (t c)"),
        "spatiotemporal": cube,
    }


def reference(x, epsilons):
    found = {
        name: np.stack([np.log(a + getattr(epsilons, name)), a, a**2]).mean(-1).swapaxes(0, 1)
        for name, a in amplitudes(x).items()
    }
    dead = (x.double().numpy() == 0).all(axis=1).mean(axis=(1, 2, 3))
    return {**found, "dead": dead}


def measured(x, epsilons=EPSILONS):
    return {name: found.numpy() for name, found in sums.means(x, epsilons).items()}


def assert_close(found, expected, epsilons=EPSILONS, limit=1e-5):
    for name in definitions.TRANSFORMS:
        ours, theirs, epsilon = found[name], expected[name], getattr(epsilons, name)
        assert ours.dtype == np.float64
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs)[:, 0].max() < limit, name
        assert np.abs(ours / theirs - 1)[:, 1:].max() < limit, name
        for statistic in definitions.STATISTICS:
            deltas = [
                definitions.delta(definitions.log_amplitude(means, epsilon, statistic))
                for means in (ours, theirs)
            ]
            assert np.abs(deltas[0] - deltas[1]).max() < limit, (name, statistic)
    assert found["dead"] == pytest.approx(expected["dead"], abs=1e-12)


def assert_same(found, expected):
    assert tuple(found) == KEYS
    for name in KEYS:
        assert np.array_equal(found[name], expected[name]), name


@pytest.mark.parametrize("t", range(1, 34))
def test_every_number_of_tokens_agrees_with_numpy(t):
    x = clips(2, t, 6, 7, 20, seed=t)
    assert_close(measured(x), reference(x, EPSILONS))


@pytest.mark.parametrize(
    ("t", "h", "w", "c"),
    [
        (8, 14, 14, 32),
        (16, 7, 7, 64),
        (4, 28, 28, 16),
        (8, 14, 10, 24),
        (5, 9, 16, 24),
        # narrow: pixels
        (8, 32, 32, 3),
        # no diagonal, and one place
        (8, 3, 14, 40),
        (8, 1, 1, 64),
        (1, 1, 1, 64),
    ],
)
def test_every_size_agrees_with_numpy(t, h, w, c):
    x = clips(1, t, h, w, c)
    assert_close(measured(x), reference(x, EPSILONS))


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("relative", [True, False])
def test_epsilons_relative_and_absolute(scale, relative):
    x = clips(2, 8, 8, 8, 16) * scale
    epsilons = Epsilons(1e-6, 2e-6, 4e-6)
    if relative:
        powers = sums.powers(x).numpy()
        epsilons = Epsilons(*(definitions.calibrated_epsilon(p.tolist()) for p in powers.T))
    assert_close(measured(x, epsilons), reference(x, epsilons), epsilons)


def test_powers_are_those_of_the_amplitudes():
    x = clips(3, 8, 8, 10, 16)
    expected = [(a**2).mean(axis=(1, 2)) for a in amplitudes(x).values()]
    found = sums.powers(x)
    assert found.dtype == torch.float64
    assert found.numpy() == pytest.approx(np.stack(expected, axis=1), rel=1e-5)


def test_a_large_mean_costs_no_digits():
    x = clips(1, 8, 14, 14, 32, mean=1000)
    assert_close(measured(x), reference(x, EPSILONS))


LAYOUTS = {
    "clips": "n t h w c",
    "tokens by place": "n (h w t) c",
    "frames": "(n t) (h w) c",
    "feature maps": "n c t h w",
    "maps of frames": "(n t) c h w",
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_view_equals_its_contiguous_copy_to_the_bit(layout, dtype):
    n, t, h, w, c = sizes = (2, 8, 6, 7, 24)
    x = clips(*sizes).to(dtype)
    stored = rearrange(x, f"n t h w c -> {layout}").contiguous()
    view = rearrange(stored, f"{layout} -> n t h w c", n=n, t=t, h=h, w=w, c=c)
    assert_same(measured(view), measured(x))
    # half of the channels of a wider tensor
    assert_same(measured(view[..., 1::2]), measured(x[..., 1::2].contiguous()))


@pytest.mark.parametrize(
    "shape", [(8, 2, 2, 48), (8, 7, 7, 16), (2, 3, 5, 20), (4, 8, 8, 128), (8, 32, 32, 3)]
)
def test_a_clip_is_the_same_to_the_bit_at_any_place_and_beside_any_other(shape):
    x = clips(16, *shape)
    together = measured(x)
    order = np.random.default_rng(0).permutation(16)
    moved = measured(x[torch.from_numpy(order)])
    assert_same(moved, {name: values[order] for name, values in together.items()})
    alone = torch.zeros_like(x)
    alone[11] = x[3]
    one = {name: values[11:12] for name, values in measured(alone).items()}
    assert_same(one, {name: values[3:4] for name, values in together.items()})


# the clips of these shapes are taken one by one: for their size, and for their few channels
@pytest.mark.parametrize("shape", [(8, 14, 14, 384), (4, 16, 16, 3)])
def test_large_and_narrow_clips_do_not_depend_on_their_number(shape):
    x = clips(5, *shape)
    together = measured(x)
    one_by_one = [measured(x[i : i + 1]) for i in range(len(x))]
    assert_same(together, {name: np.concatenate([m[name] for m in one_by_one]) for name in KEYS})
    assert_same({name: m[1:4] for name, m in together.items()}, measured(x[1:4]))
    assert np.array_equal(sums.powers(x)[3:4], sums.powers(x[3:4]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_narrow_floats_are_widened_first(dtype):
    """Sums that overflow float16 (65 504) come out as those of the same numbers in float32."""
    x = (clips(1, 8, 6, 6, 16) * 100 + 30_000).to(dtype)
    assert_same(measured(x), measured(x.float()))


def test_autocast_around_it_changes_nothing():
    x = clips(1, 8, 6, 6, 16)
    expected = measured(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert_same(measured(x), expected)


def test_pieces_add_up_to_the_clip(monkeypatch):
    x = clips(1, 8, 6, 7, 50)
    # pieces of 3 channels and 40 series, both with a rest
    monkeypatch.setattr(sums, "_VALUES_CPU", 3 * 8 * 6 * 7)
    monkeypatch.setattr(sums, "_SERIES", 40)
    assert_close(measured(x), reference(x, EPSILONS))


def test_clips_at_once_are_not_mixed(monkeypatch):
    """What a GPU does, on the CPU."""
    x = clips(5, 8, 6, 7, 20)
    monkeypatch.setattr(sums, "_clips_at_once", lambda _: 3)
    assert_close(measured(x), reference(x, EPSILONS))


@pytest.mark.parametrize("shape", [(8, 6, 7, 50), (5, 3, 3, 7), (16, 7, 7, 12)])
def test_temporal_means_alone_are_the_same_to_the_bit(shape):
    x = clips(3, *shape)
    alone = sums.temporal_means(x, EPSILONS.temporal).numpy()
    assert np.array_equal(alone, measured(x)["temporal"])
    with pytest.raises(ValueError, match="above 0"):
        sums.temporal_means(x, 0.0)


def test_what_stands_still_has_no_amplitude_outside_bin_0():
    """Exactly: the first frame repeated leaves ln ε at every temporal bin but the first."""
    x = (clips(1, 1, 14, 14, 32, mean=0.7)).expand(-1, 8, -1, -1, -1)
    found = measured(x, Epsilons(1e-4, 1e-5, 1e-6))
    for name, epsilon in (("temporal", 1e-4), ("spatiotemporal", 1e-6)):
        assert found[name][:, 0, 1:] == pytest.approx(np.log(epsilon), rel=1e-6)
        assert np.all(found[name][:, 1:, 1:] == 0)
        assert np.all(found[name][:, 1, 0] > 0)
    assert np.all(found["spatial"][:, 1] > 1)


def test_maps_of_one_value_have_no_amplitude_outside_bin_0():
    x = clips(1, 8, 1, 1, 32, mean=1000).expand(-1, -1, 56, 56, -1)
    found = measured(x)
    for name in ("spatial", "spatiotemporal"):
        assert np.all(found[name][:, 1, 1:] < 1e-9 * found[name][:, 1, :1])
    assert np.all(found["temporal"][:, 1] > 0)


def test_a_clip_of_zeros_is_dead():
    x = torch.zeros(1, 8, 6, 6, 4)
    assert measured(x)["dead"] == [1]
    # one value at the last time, of 144 series
    x[0, 7, 2, 3, 1] = -1e-30
    assert measured(x)["dead"] == pytest.approx([143 / 144])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("time", [0, 3])
def test_values_that_are_not_finite_stay_visible_in_their_clip(value, time):
    x = clips(3, 8, 6, 6, 20)
    x[1, time, 2, 3, 7] = value
    found = measured(x)
    for name in definitions.TRANSFORMS:
        assert not np.isfinite(found[name][1]).any(), name
        assert np.isfinite(found[name][[0, 2]]).all(), name
    assert not sums.powers(x)[1].isfinite().any()
    assert sums.peak(x).isfinite().tolist() == [True, False, True]


@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_peak_is_the_largest_magnitude(dtype):
    x = clips(2, 4, 3, 3, 5).to(dtype)
    x[0, 1, 2, 0, 3], x[1, 0, 0, 0, 0] = -60_000, 70
    assert sums.peak(x.permute(0, 4, 1, 2, 3)).tolist() == [60_000, 70]


def test_wrong_calls_are_refused():
    with pytest.raises(ValueError, match="n t h w c"):
        sums.means(torch.ones(8, 4, 4, 2), EPSILONS)
    with pytest.raises(ValueError, match="n t h w c"):
        sums.means(torch.ones(0, 8, 4, 4, 2), EPSILONS)
    with pytest.raises(ValueError, match="above 0"):
        sums.means(torch.ones(1, 8, 4, 4, 2), Epsilons(1e-6, 0.0, 1e-6))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("shape", [(8, 14, 14, 96), (5, 7, 10, 24), (8, 32, 32, 3), (2, 3, 9, 20)])
def test_a_gpu_agrees_with_numpy(shape, monkeypatch):
    # several clips at once, and one that does not fit into a piece
    for values in (sums._VALUES_GPU, 10_000):
        monkeypatch.setattr(sums, "_VALUES_GPU", values)
        x = clips(5, *shape)
        found = sums.means(x.cuda(), EPSILONS)
        assert all(part.is_cuda for part in found.values())
        assert_close({n: f.cpu().numpy() for n, f in found.items()}, reference(x, EPSILONS))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_nothing_waits_for_the_gpu():
    x = clips(4, 8, 14, 14, 32).cuda()
    sums.means(x, EPSILONS)
    torch.cuda.set_sync_debug_mode("error")
    try:
        sums.means(x, EPSILONS)
        sums.powers(x)
        sums.peak(x)
    finally:
        torch.cuda.set_sync_debug_mode("default")
