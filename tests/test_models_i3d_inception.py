"""Inception I3D against the authors' code: the network, its padding and pools, its released weights."""

import json
from functools import cache
from pathlib import Path

import fill
import numpy as np
import pytest
import torch
from torch import nn

from signal_perception import models
from signal_perception.errors import UserError
from signal_perception.models import checkpoints, i3d_inception
from signal_perception.models.taps import capture

NAME = "i3d_inception"
EXPECTED = Path(__file__).with_name("expected") / f"{NAME}.npz"
PROBES = 48
STORED = 2048  # probed values per large tap in the reference
NOISES = 10  # allowed: so many times the authors' own float32 error, which the reference states per tap
UNIT_TOLERANCE = 1e-5  # for the pieces, whose values are of order 1; no error is stated

DIGEST = "a990d2acc27198697a2a45718653b2344d7f8edf53f42a207d271f58230aca1b"
CLIPS = {"net_12x200x200": (12, 200, 200), "net_odd_11x199x205": (11, 199, 205)}
PIECES = {
    "unit_k7_s2": lambda: ("unit", i3d_inception._Unit(3, 6, (7, 7, 7), (2, 2, 2))),
    "unit_k3_s1": lambda: ("unit", i3d_inception._Unit(3, 6, (3, 3, 3))),
    "pool_k133_s122": lambda: ("pool", i3d_inception._SameMaxPool3d((1, 3, 3), (1, 2, 2))),
    "pool_k333_s222": lambda: ("pool", i3d_inception._SameMaxPool3d((3, 3, 3), (2, 2, 2))),
    "pool_k222_s222": lambda: ("pool", i3d_inception._SameMaxPool3d((2, 2, 2), (2, 2, 2))),
    "inception": lambda: ("mixed", i3d_inception._Inception(3, (4, 6, 8, 2, 3, 5))),
}
SIZES = ("5x9x8", "8x8x8", "7x11x13")


@cache
def network() -> nn.Module:
    model = models.build(NAME, 7, {}).eval()
    state = {key: fill.tensor(key, tuple(value.shape)) for key, value in model.state_dict().items()}
    assert fill.digest(state) == DIGEST
    assert checkpoints.load(model, {key: torch.from_numpy(value) for key, value in state.items()}, NAME) == []
    return model


@cache
def computed(case: str) -> dict[str, np.ndarray]:
    """Logits, and every Mixed output as (b c t h w), by our model."""
    model, taps = network(), models.taps(NAME, network())
    with torch.inference_mode(), capture(model, taps) as found:
        logits = model(torch.from_numpy(fill.clips("a", *CLIPS[case])))
    return {"logits": logits.numpy(), **{tap.module: found[tap.name].permute(0, 4, 1, 2, 3).numpy() for tap in taps}}


@cache
def piece(case: str) -> tuple[str, np.ndarray]:
    """Output of a unit, pool or Inception module, and what the reference calls it."""
    kind, size = case.rsplit("_", 1)
    label, module = PIECES[kind]()
    state = {
        key: torch.from_numpy(fill.tensor(f"{label}.{key}", tuple(v.shape))) for key, v in module.state_dict().items()
    }
    module.eval().load_state_dict(state)
    with torch.inference_mode():
        output = module(torch.from_numpy(fill.clips("ab", *map(int, size.split("x")))))
    return label, output.numpy()


def reference(folder: Path) -> dict[str, tuple[np.ndarray, float]]:
    """What the authors' code gave: probed values (a prefix of the probes of that name) or whole outputs, with the float32 error."""
    arrays, cases, found = np.load(folder / "small.npz"), json.loads((folder / "small.json").read_text())["cases"], {}
    for case, description in cases.items():
        for tap, facts in description["taps"].items():
            key = f"{case}|{tap}"
            if case in CLIPS and tap == "logits":
                found[key] = (arrays[key].mean(2), facts["f32_noise_max_abs"])
            elif tap.startswith("Mixed") and "." not in tap:
                found[key] = (arrays[f"{key}|probe2048"], facts["f32_noise_max_abs"])
            elif case not in CLIPS and "." not in tap:
                found[key] = (arrays[key], UNIT_TOLERANCE / NOISES)
    return found


def thinned(full: dict[str, tuple[np.ndarray, float]]) -> dict[str, np.ndarray]:
    """What is committed of `reference`."""
    found = {}
    for key, (values, noise) in full.items():
        whole = values.size if "Mixed" not in key else 0
        found[key] = values.ravel()[fill.probes(key, whole, PROBES)] if whole else values[:PROBES]
        found[f"{key}|noise"] = np.float32(noise)
    return found


def probed(key: str, values: np.ndarray, count: int) -> np.ndarray:
    return values.ravel()[fill.probes(key, values.size, count)]


@pytest.mark.parametrize("case", CLIPS)
def test_equals_the_authors_code_where_probed(case: str) -> None:
    expected = np.load(EXPECTED)
    assert {key.split("|")[1] for key in expected if key.startswith(case)} == set(computed(case))
    for name, values in computed(case).items():
        key = f"{case}|{name}"
        tolerance = NOISES * expected[f"{key}|noise"]
        np.testing.assert_allclose(probed(key, values, PROBES), expected[key], rtol=0, atol=tolerance, err_msg=key)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", PIECES)
def test_pieces_equal_the_authors_code(kind: str, size: str) -> None:
    label, values = piece(f"{kind}_{size}")
    key = f"{kind}_{size}|{label}"
    np.testing.assert_allclose(probed(key, values, PROBES), np.load(EXPECTED)[key], rtol=0, atol=UNIT_TOLERANCE)


def test_equals_the_authors_code_everywhere(shared: Path) -> None:
    full = reference(shared / "reference" / NAME)
    assert len(full) == len(CLIPS) * 10 + len(PIECES) * len(SIZES)
    for key, (values, noise) in full.items():
        case, name = key.split("|")
        ours = computed(case)[name] if case in CLIPS else piece(case)[1]
        ours = probed(key, ours, STORED) if "Mixed" in name else ours
        np.testing.assert_allclose(ours, values, rtol=0, atol=NOISES * noise, err_msg=key)
    committed = np.load(EXPECTED)
    for key, value in thinned(full).items():
        np.testing.assert_array_equal(committed[key], value)


@pytest.mark.slow
def test_full_size_equals_the_authors_code(shared: Path) -> None:
    folder = shared / "reference" / NAME
    keys = json.loads((folder / "keys.json").read_text())["variants"]["rgb"]["keys"]
    full = json.loads((folder / "full.json").read_text())["variants"]["rgb"]
    model = models.build(NAME, 400, {}).eval()
    assert {key["file_key"]: key["shape"] for key in keys} == {k: list(v.shape) for k, v in model.state_dict().items()}
    state = {key: torch.from_numpy(fill.tensor(key, tuple(v.shape))) for key, v in model.state_dict().items()}
    checkpoints.load(model, i3d_inception.from_checkpoint(state), NAME)
    taps = models.taps(NAME, model)
    with torch.inference_mode(), capture(model, taps) as found:
        logits = model(torch.from_numpy(fill.clips("a", 64, 224, 224)))
    np.testing.assert_allclose(logits, np.array(full["logits"]).reshape(1, 400, 7).mean(2), rtol=0, atol=1e-4)
    for tap in taps:
        values = found[tap.name].permute(0, 4, 1, 2, 3).numpy()
        np.testing.assert_allclose(
            probed(tap.module, values, 64), full["taps"][tap.module]["values"], rtol=0, atol=1e-3
        )


def test_released_weights_load_strictly(shared: Path) -> None:
    path = shared / "data" / "weights" / "i3d_inception_kinetics400.pt"
    model = models.build(NAME, 400, {})
    assert models.load(NAME, model, path) == []
    file = checkpoints.read(path, None)
    assert len(file) == 344
    assert all(torch.equal(value, file[key]) for key, value in model.state_dict().items())


def test_counters_of_batch_normalisation_may_be_missing() -> None:
    model = models.build(NAME, 3, {"width": 0.125, "head_pool": [1, 1, 1]})
    state = {key: value for key, value in model.state_dict().items() if not key.endswith("num_batches_tracked")}
    assert len(model.state_dict()) - len(state) == 57
    assert checkpoints.load(model, state, NAME) == []


@pytest.mark.parametrize(("width", "channels"), [(1.0, 1024), (0.125, 128), (0.01, 10)])
def test_width_scales_every_channel_count(width: float, channels: int) -> None:
    model = models.build(NAME, 3, {"width": width})
    assert model.get_parameter("logits.conv3d.weight").shape == (3, channels, 1, 1, 1)
    assert model.get_parameter("Conv3d_1a_7x7.conv3d.weight").shape[0] == max(1, round(64 * width))


def test_logits_are_the_mean_over_every_window_of_the_head() -> None:
    model = models.build(NAME, 3, {"width": 0.125, "head_pool": [1, 1, 1]}).eval()
    shapes: list[tuple[int, ...]] = []
    values: list[torch.Tensor] = []

    def note(_module: nn.Module, _args: object, output: torch.Tensor) -> None:
        shapes.append(tuple(output.shape))
        values.append(output)

    with torch.inference_mode(), model.get_submodule("logits").register_forward_hook(note):
        logits = model(torch.randn(2, 3, 16, 64, 64))
    assert shapes == [(2, 3, 2, 2, 2)]
    torch.testing.assert_close(logits, values[0].flatten(2).mean(2))


def test_a_head_pool_that_does_not_fit_is_refused_with_the_numbers() -> None:
    model = models.build(NAME, 3, {"width": 0.125})
    with pytest.raises(UserError, match=r"\(2, 7, 7\).*is \(2, 2, 2\).*at least 9 frames of 193 × 193"):
        model(torch.zeros(1, 3, 16, 64, 64))


@pytest.mark.parametrize("numbers", [{"width": 0.0}, {"head_pool": [0, 7, 7]}])
def test_impossible_numbers_are_refused(numbers: dict) -> None:
    with pytest.raises(UserError, match="choose positive numbers"):
        models.build(NAME, 3, numbers)
