"""Divided TimeSformer against the authors' code, layouts of its checkpoints, and what its parts mean."""

import json
import re
from functools import cache, partial
from pathlib import Path

import fill
import numpy as np
import pytest
import torch

from signal_perception import models
from signal_perception.errors import UserError
from signal_perception.models import checkpoints, timesformer_divided
from signal_perception.models.taps import capture

NAME = "timesformer_divided"
EXPECTED = Path(__file__).with_name("expected") / f"{NAME}.npz"
PROBES = 48
NOISES = 10  # allowed: so many times the authors' own float32 error, which the reference states per tap

SMALL = {"img_size": 64, "frames": 4, "embed_dim": 48, "depth": 2, "heads": 3}
DEEP = {"img_size": 32, "frames": 3, "embed_dim": 48, "depth": 4, "heads": 3}
SMALL_SHA = "a60a749c5aa32d3eb9d51f3744b2d3a1d8c1f2d0c57672d2b74795346144d60d"
CASES = {  # network, clip (t, h, w), digest of the filled weights; resized_input has tables for other sizes than its clips
    "base": (SMALL, (4, 64, 64), SMALL_SHA),
    "resized_input": (SMALL, (6, 80, 48), SMALL_SHA),
    "deep": (DEEP, (3, 32, 32), "6c5ee86b3ba670a95c761a812ad724031428b7fe2ea65ca5255ad89f1b5ce20c"),
}


def authors(key: str) -> str:
    """Our key in the authors' layout, without "model."."""
    for ours, theirs in (
        (".temporal_attn.norm.", ".temporal_norm1."),
        (".temporal_attn.attn.", ".temporal_attn."),
        (".temporal_attn.fc.", ".temporal_fc."),
        (".spatial_attn.norm.", ".norm1."),
        (".spatial_attn.attn.", ".attn."),
        (".mlp.norm.", ".norm2."),
        (".mlp.mlp.", ".mlp."),
    ):
        key = key.replace(ours, theirs)
    return key


def filled(network: dict, num_classes: int = 7) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    """A model and the authors' state dict that is in it."""
    model = models.build(NAME, num_classes, network).eval()
    state = {authors(key): value.shape for key, value in model.state_dict().items()}
    state = {key: torch.from_numpy(fill.tensor(key, tuple(shape))) for key, shape in state.items()}
    assert checkpoints.load(model, timesformer_divided.from_checkpoint(state), NAME) == []
    return model, state


@cache
def computed(case: str) -> dict[str, np.ndarray]:
    """Logits and every tap, canonical, of a case by our model."""
    network, (t, h, w), digest = CASES[case]
    model, state = filled(network)
    assert fill.digest({key: value.numpy() for key, value in state.items()}) == digest
    with torch.inference_mode(), capture(model, models.taps(NAME, model)) as found:
        logits = model(torch.from_numpy(fill.clips("ab", t, h, w)))
    return {"logits": logits.numpy(), **{name: x.numpy() for name, x in found.items()}}


def reference(folder: Path, case: str) -> dict[str, tuple[np.ndarray, float]]:
    """Logits and every tap, canonical, of a case by the authors' code, each with its float32 error."""
    network, (t, height, width), _ = CASES[case]
    h, w = height // 16, width // 16
    noise = {
        k: v["f32_noise_max_abs"]
        for k, v in json.loads((folder / "small.json").read_text())["cases"][case]["taps"].items()
    }
    branches, streams = np.load(folder / "small.npz"), np.load(folder / "small_stream.npz")

    def tokens(x: np.ndarray) -> np.ndarray:  # (b h*w*t c), time fastest
        return x.reshape(2, h, w, t, -1).transpose(0, 3, 1, 2, 4)

    found = {"logits": (branches[f"{case}|logits"], noise["logits"])}
    for i in range(network["depth"]):
        block = f"blocks.{i}"
        frames = branches[f"{case}|{block}.attn"][:, 1:].reshape(2, t, h, w, -1)
        for kind, module, branch in (
            ("temporal_attn", "temporal_fc", tokens(branches[f"{case}|{block}.temporal_fc"])),
            ("spatial_attn", "attn", frames),
            ("mlp", "mlp", tokens(branches[f"{case}|{block}.mlp"][:, 1:])),
        ):
            found[f"{i:02d}.{kind}.branch"] = (branch, noise[f"{block}.{module}"])
            found[f"{i:02d}.{kind}"] = (tokens(streams[f"{case}|{i}.{kind}.stream"][:, 1:]), noise[block])
    return found


def thinned(case: str, full: dict[str, tuple[np.ndarray, float]]) -> dict[str, np.ndarray]:
    """What is committed of `reference`: probed values, and the errors."""
    found = {}
    for name, (values, noise) in full.items():
        key = f"{case}|{name}"
        found[key] = values.ravel()[fill.probes(key, values.size, PROBES)]
        found[f"{key}|noise"] = np.float32(noise)
    return found


@pytest.mark.parametrize("case", CASES)
def test_equals_the_authors_code_where_probed(case: str) -> None:
    expected = np.load(EXPECTED)
    for name, values in computed(case).items():
        key = f"{case}|{name}"
        probed = values.ravel()[fill.probes(key, values.size, PROBES)]
        np.testing.assert_allclose(probed, expected[key], rtol=0, atol=NOISES * expected[f"{key}|noise"], err_msg=key)
    assert {key.split("|")[1] for key in expected if key.startswith(case)} == set(computed(case))


@pytest.mark.parametrize("case", CASES)
def test_equals_the_authors_code_everywhere(case: str, shared: Path) -> None:
    full = reference(shared / "reference" / NAME, case)
    assert list(full) == list(computed(case))
    for name, (values, noise) in full.items():
        np.testing.assert_allclose(computed(case)[name], values, rtol=0, atol=NOISES * noise, err_msg=f"{case}|{name}")
    committed = np.load(EXPECTED)
    for key, value in thinned(case, full).items():
        np.testing.assert_array_equal(committed[key], value)


@pytest.mark.slow
def test_full_size_equals_the_authors_code(shared: Path) -> None:
    folder = shared / "reference" / NAME
    keys = json.loads((folder / "keys.json").read_text())["variants"]["base_8x224"]["keys"]
    full = json.loads((folder / "full.json").read_text())["variants"]["base_8x224"]
    model, state = filled({}, 400)
    assert {key["file_key"]: key["shape"] for key in keys} == {f"model.{k}": list(v.shape) for k, v in state.items()}
    taps = models.taps(NAME, model)
    with torch.inference_mode(), capture(model, taps) as found:
        logits = model(torch.from_numpy(fill.clips("a", 8, 224, 224)))
    np.testing.assert_allclose(logits[0], full["logits"], rtol=0, atol=NOISES * full["f32_vs_f64_logits_max_abs"])
    for tap in taps:
        if tap.side == "branch" or tap.kind == "mlp":
            theirs = authors(f"{tap.module}.").removesuffix(".") if tap.side == "branch" else f"blocks.{tap.block}"
            # the class token has no place in the canonical tensor: compare the probes that hit patches
            stored = full["taps"][theirs]
            b, n, c = stored["shape"]
            place = np.stack(np.unravel_index(fill.probes(theirs, b * n * c, 64), (b, n, c)), 1)
            drop = 0 if tap.kind == "temporal_attn" else 1
            for (row, token, channel), value in zip(place, stored["values"]):
                if token >= drop:
                    patch = token - drop
                    t, p = (row, patch) if tap.layout.startswith("(b t)") else (patch % 8, patch // 8)
                    ours = float(found[tap.name][0, t, p // 14, p % 14, channel])
                    assert abs(ours - value) < 1e-4, (tap.name, ours, value)


# our names, block N, beside mmaction2's and Hugging Face's: facts read off their code
LAYOUTS = {
    "cls_token": ("backbone.cls_token", "timesformer.embeddings.cls_token"),
    "pos_embed": ("backbone.pos_embed", "timesformer.embeddings.position_embeddings"),
    "time_embed": ("backbone.time_embed", "timesformer.embeddings.time_embeddings"),
    "patch_embed.proj.": ("backbone.patch_embed.projection.", "timesformer.embeddings.patch_embeddings.projection."),
    "norm.": ("backbone.norm.", "timesformer.layernorm."),
    "head.": ("cls_head.fc_cls.", "classifier."),
    "blocks.N.temporal_attn.norm.": ("@.attentions.0.norm.", "@.temporal_layernorm."),
    "blocks.N.temporal_attn.attn.qkv.": ("@.attentions.0.attn.in_proj_", "@.temporal_attention.attention.qkv."),
    "blocks.N.temporal_attn.attn.proj.": ("@.attentions.0.attn.out_proj.", "@.temporal_attention.output.dense."),
    "blocks.N.temporal_attn.fc.": ("@.attentions.0.temporal_fc.", "@.temporal_dense."),
    "blocks.N.spatial_attn.norm.": ("@.attentions.1.norm.", "@.layernorm_before."),
    "blocks.N.spatial_attn.attn.qkv.": ("@.attentions.1.attn.in_proj_", "@.attention.attention.qkv."),
    "blocks.N.spatial_attn.attn.proj.": ("@.attentions.1.attn.out_proj.", "@.attention.output.dense."),
    "blocks.N.mlp.norm.": ("@.ffns.0.norm.", "@.layernorm_after."),
    "blocks.N.mlp.mlp.fc1.": ("@.ffns.0.layers.0.0.", "@.intermediate.dense."),
    "blocks.N.mlp.mlp.fc2.": ("@.ffns.0.layers.1.", "@.output.dense."),
}
BLOCKS = (
    "backbone.transformer_layers.layers",
    "timesformer.encoder.layer",
)  # what @ stands for, before the block's number


def in_layout(column: int, key: str) -> str:
    """Our key as mmaction2 (column 0) or Hugging Face (1) writes it."""
    number = re.search(r"(?<=^blocks\.)\d+", key)
    general = re.sub(r"^blocks\.\d+", "blocks.N", key)
    ours, theirs = next((ours, theirs) for ours, theirs in LAYOUTS.items() if general.startswith(ours))
    foreign = theirs[column] + general.removeprefix(ours)
    return foreign.replace("@", f"{BLOCKS[column]}.{number[0]}") if number else foreign


@pytest.mark.parametrize("layout", ["ours", "authors", "authors with prefix", "mmaction2", "hugging face"])
def test_knows_the_layout(layout: str) -> None:
    own = models.build(NAME, 3, SMALL).state_dict()
    rename = {
        "ours": str,
        "authors": authors,
        "authors with prefix": lambda key: f"model.{authors(key)}",
        "mmaction2": partial(in_layout, 0),
        "hugging face": partial(in_layout, 1),
    }[layout]
    foreign = {rename(key): value for key, value in own.items()}
    assert layout == "ours" or not set(foreign) & {key for key in own if key.startswith("blocks")}
    assert len(foreign) == len(own)
    got = timesformer_divided.from_checkpoint(foreign)
    assert {key: id(value) for key, value in got.items()} == {key: id(value) for key, value in own.items()}


def test_knows_every_key_of_mmaction2(shared: Path) -> None:
    mapping = json.loads((shared / "reference" / NAME / "mmaction2_mapping.json").read_text())["expanded"]
    assert len(mapping) == 249
    for theirs, official, transformation in mapping:
        assert transformation == "identity"
        (ours,) = timesformer_divided.from_checkpoint({theirs: torch.zeros(())})
        assert authors(ours) == official


def test_a_mixed_file_is_refused() -> None:
    with pytest.raises(UserError, match=r"'head\.weight' twice"):
        timesformer_divided.from_checkpoint({"head.weight": torch.zeros(1), "cls_head.fc_cls.weight": torch.zeros(1)})


@pytest.mark.parametrize("zero_start", [True, False])
def test_temporal_attention_starts_silent_unless_trained_from_nothing(zero_start: bool) -> None:
    model = models.build(NAME, 3, {**SMALL, "zero_start": zero_start}).eval()
    assert bool(model.get_parameter("time_embed").any()) is not zero_start
    clip = torch.randn(1, 3, 4, 64, 64)
    taps = models.taps(NAME, model)
    with torch.inference_mode(), capture(model, taps) as found:
        model(clip)
    for tap in taps:
        if tap.side == "branch":
            assert bool(found[tap.name].any()) is (tap.kind != "temporal_attn" or not zero_start)


def test_q_k_and_v_are_the_rows_they_are_said_to_be() -> None:
    """Doubling q and halving k changes nothing, nor does doubling v and halving the projection; doubling v alone does."""
    torch.manual_seed(0)
    model = models.build(NAME, 3, SMALL).eval()
    for parameter in model.parameters():
        if parameter.ndim == 2:  # biases stay zero, so that scaling weights scales the whole projection
            torch.nn.init.normal_(parameter, std=0.1)
    clip = torch.randn(1, 3, 4, 64, 64)
    parts = models.components(NAME, model)

    @torch.no_grad()
    def logits(**factors: float) -> torch.Tensor:
        clean = {key: value.clone() for key, value in model.state_dict().items()}
        for component, factor in factors.items():
            for piece in parts[component]:
                model.get_parameter(piece.parameter)[piece.start : piece.stop] *= factor
        result = model(clip)
        model.load_state_dict(clean)
        return result

    clean = logits()
    torch.testing.assert_close(logits(q=2.0, k=0.5), clean)
    torch.testing.assert_close(logits(v=2.0, proj=0.5), clean)
    for lone in ("q", "k", "v", "proj"):
        assert not torch.allclose(logits(**{lone: 2.0}), clean, atol=1e-3), lone


def test_frames_that_patches_do_not_tile_are_refused() -> None:
    model = models.build(NAME, 3, SMALL)
    with pytest.raises(UserError, match="50 × 64 cannot be cut into patches of 16"):
        model(torch.zeros(1, 3, 4, 50, 64))


@pytest.mark.parametrize(
    ("network", "message"),
    [
        ({"embed_dim": 50, "heads": 3}, "50 cannot be split among heads = 3"),
        ({"img_size": 40}, "no multiple of patch_size"),
    ],
)
def test_impossible_numbers_are_refused(network: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        models.build(NAME, 3, network)
