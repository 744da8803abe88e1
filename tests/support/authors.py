"""The authors' outputs: cases and expected values, of the reference folder or of tests/expected.

For every case both sides have the weights and clips of fill.py. The reference folder has values
everywhere, or at 2048 (small networks) or 64 (full size) probed places. tests/expected has compact
numbers of the small cases, so that the comparison runs without the reference folder.
"""

import json
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from einops import rearrange

from signal_perception.models.core import registry
from signal_perception.models.core.taps import Tap, canonical
from tests.support import fill
from tests.support.project import ROOT
from tests.support.references import REFERENCES, Reference, Theirs

EXPECTED = ROOT / "tests" / "expected"
# allowed: so many times the authors' own float32 error …
NOISES = 20
# … or this, where the reference states none, per standard deviation of a tap that has more than
# one: streams of both UniFormers grow to 26, and there the authors' float32 values lie up to 1.3e-4
# from a float64 run of ours, as far as our float32 values do
UNSTATED = 1e-4

Arrays = dict[str, np.ndarray]
Shape = tuple[int, ...]


@dataclass(frozen=True)
class Expected:
    """Values of one tensor at flat places of ours (canonical order).

    noise: the float32 error that the reference states (NaN: none). size: standard deviation of the
    tensor, where that counts.
    """

    name: str
    places: np.ndarray
    values: np.ndarray
    noise: float
    size: float = 1.0

    @property
    def allowed(self) -> float:
        """Largest difference that is allowed."""
        return UNSTATED * max(1.0, self.size) if np.isnan(self.noise) else NOISES * self.noise


@dataclass(frozen=True)
class Case:
    """What a comparison needs.

    state: the authors' state dict by key and shape. clip: (t, h, w); tags: one letter per clip.
    """

    network: dict
    classes: int
    tags: str
    clip: tuple[int, int, int]
    state: list[tuple[str, Shape]]


def clips(case: Case) -> torch.Tensor:
    """The clips of a case, (b 3 t h w)."""
    return torch.from_numpy(fill.clips(case.tags, *case.clip))


def filled(state: list[tuple[str, Shape]]) -> dict[str, torch.Tensor]:
    """The authors' state dict.

    Swin's index buffers, which no name gives a value, are left out.
    """
    return {
        key: torch.from_numpy(fill.tensor(key, shape))
        for key, shape in state
        if not key.endswith("_index")
    }


def small_case(folder: Path, name: str, label: str) -> Case:
    """A small case as the reference folder describes it."""
    facts = _json(folder / REFERENCES[name].folder / "small.json")["cases"][label]
    size, state = facts["input"], [(key, tuple(shape)) for key, shape, *_ in facts["state"]]
    clip = (size["frames"], size["height"], size["width"])
    return Case(dict(REFERENCES[name].cases[label]), 7, "".join(size["tags"]), clip, state)


def small_expected(
    folder: Path, name: str, label: str, model: torch.nn.Module, ours: Arrays
) -> list[Expected]:
    """Everything the reference folder has on the logits and taps of a small case."""
    reference = REFERENCES[name]
    facts = _json(folder / reference.folder / "small.json")["cases"][label]["taps"]
    arrays = [np.load(file) for file in sorted((folder / reference.folder).glob("small*.npz"))]

    def find(key: str) -> np.ndarray | None:
        return next((each[key] for each in arrays if key in each), None)

    logits = find(f"{label}|logits")
    assert logits is not None
    # Inception I3D has logits per step of time
    logits = logits.mean(2) if logits.ndim == 3 else logits
    noise = facts["logits"]["f32_noise_max_abs"]
    found = [Expected("logits", np.arange(logits.size), logits.ravel(), noise)]
    for tap in registry.taps(name, model):
        theirs = _theirs(reference, model, tap)
        key = f"{label}|{theirs.name}"
        values, probed = find(key), find(f"{key}|probe2048")
        shape = values.shape if values is not None else tuple(facts[theirs.name]["shape"])
        size = int(np.prod(shape))
        at = np.arange(size) if values is not None else fill.probes(key, size, 2048)
        known = values if values is not None else probed
        assert known is not None, key
        noise = facts.get(theirs.noise or theirs.name, {}).get("f32_noise_max_abs", np.nan)
        found.append(_expected(tap, theirs, shape, at, known.ravel(), noise, ours[tap.name].shape))
    return found


def full_case(folder: Path, name: str, variant: str) -> Case:
    """A full-size network as the reference folder describes it."""
    reference = REFERENCES[name]
    facts = _json(folder / reference.folder / "full.json")["variants"][variant]
    keys = _json(folder / reference.folder / "keys.json")["variants"][variant]["keys"]
    size, network = facts["input"], dict(reference.variants[variant])
    clip = (size["frames"], size["height"], size["width"])
    state = [(key["hash_key"], tuple(key["shape"])) for key in keys]
    return Case(network, facts["logits_shape"][1], size["tag"], clip, state)


def full_expected(
    folder: Path, name: str, variant: str, model: torch.nn.Module, ours: Arrays
) -> list[Expected]:
    """Logits and probed values of a full-size network."""
    facts = _json(folder / REFERENCES[name].folder / "full.json")["variants"][variant]
    logits = np.array(facts["logits"]).reshape(facts["logits_shape"])
    logits = logits.mean(2) if logits.ndim == 3 else logits
    noise = facts.get("f32_vs_f64_logits_max_abs", np.nan)
    found = [Expected("logits", np.arange(logits.size), logits.ravel(), noise)]
    for tap in registry.taps(name, model):
        theirs = _theirs(REFERENCES[name], model, tap)
        # of streams, full.json has what leaves a block, under the block's name
        is_output = tap.side == "stream" and tap.kind in ("mlp", "conv")
        key = theirs.noise if is_output and theirs.noise else theirs.name
        if (stored := facts["taps"].get(key)) is None:
            continue
        shape = tuple(stored["shape"])
        at = fill.probes(key, int(np.prod(shape)), len(stored["values"]))
        values = np.array(stored["values"])
        each = _expected(tap, theirs, shape, at, values, np.nan, ours[tap.name].shape)
        found.append(replace(each, size=stored["std"]))
    return found


@cache
def committed(name: str) -> Arrays:
    """All arrays of a model in tests/expected."""
    with np.load(EXPECTED / f"{name}.npz") as file:
        return dict(file)


def committed_case(name: str, label: str) -> Case:
    """A small case from the committed numbers."""
    facts = json.loads(committed(name)[f"{label}|case"].tobytes())
    state = [(key, tuple(shape)) for key, shape in facts["state"]]
    network = dict(REFERENCES[name].cases[label])
    return Case(network, facts["classes"], facts["tags"], tuple(facts["clip"]), state)


def committed_expected(name: str, label: str) -> list[Expected]:
    """Committed values of a small case."""
    content, ending = committed(name), "|places"
    keys = [key.removesuffix(ending) for key in content if key.endswith(ending)]
    return [
        Expected(
            key.split("|")[1],
            content[f"{key}|places"],
            content[f"{key}|values"],
            float(content[f"{key}|noise"]),
        )
        for key in keys
        if key.startswith(f"{label}|")
    ]


def _theirs(reference: Reference, model: torch.nn.Module, tap: Tap) -> Theirs:
    """The entry of a tap, its names filled in."""
    path = tap.sublayer.rpartition(".")[0] or tap.module
    if tap.kind == "conv":
        path = tap.sublayer
    parts = dict(model.get_submodule(path).named_children())
    table = reference.local if "local_attn" in parts and reference.local else reference.taps
    kind = "local_attn_2" if ".local_attn_2" in tap.name else tap.kind
    found = table[kind, tap.side]
    numbers = {"i": tap.block, "path": path}
    numbers["j"] = path.split(".")[1] if path.startswith("video.") else ""
    names = {part: getattr(found, part).format(**numbers) for part in ("name", "noise", "gain")}
    if not getattr(model, "layer_scale", False):
        names["gain"] = ""
    # UniFormer's split attention
    is_split = hasattr(model.get_submodule(tap.sublayer), "t_attn")
    in_frames = kind == "joint_attn" and tap.side == "branch" and is_split
    layout = "(b t) (h w) c" if in_frames else found.layout
    return Theirs(layout=layout, drop=found.drop, split=found.split, **names)


def _expected(
    tap: Tap,
    theirs: Theirs,
    shape: Shape,
    at: np.ndarray,
    values: np.ndarray,
    noise: float,
    ours: Shape,
) -> Expected:
    """Values at flat places `at` of the authors' tensor, moved to flat places of our canonical one.

    Class tokens fall away.
    """
    size = int(np.prod(shape))
    numbers = torch.arange(size).view(shape)
    _, t, h, w, c = ours
    if theirs.split:
        numbers = rearrange(numbers, theirs.split, t=t)
    axes = replace(tap, layout=theirs.layout, drop=theirs.drop)
    numbers = canonical(axes, numbers, (t, h, w)).reshape(-1).numpy()
    place = np.full(size, -1)
    place[numbers] = np.arange(len(numbers))
    there = place[at] >= 0
    places, values = place[at][there], values[there].astype(np.float64)
    if theirs.gain:
        values = values * fill.tensor(theirs.gain, (c,))[places % c]
    return Expected(tap.name, places, values, noise)


@cache
def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))
