"""Our models against the authors' own outputs: `make parity` prints the table that test_models_parity.py asserts.

For every case both sides have the weights and clips of fill.py. A tap of ours (b t h w c) is compared with the authors' tensor wherever
the reference has its values: everywhere, or at 2048 (small) or 64 (full size) probed places. Compact expected numbers of the small cases
are kept in tests/expected, so that the comparison runs without the reference folder; `python tests/parity.py --keep` writes them anew.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import fill
import numpy as np
import torch
from einops import rearrange
from references import PIECE_SIZES, PIECES, REFERENCES, Reference, Theirs

from signal_perception import models
from signal_perception.models.taps import Tap, canonical, capture

EXPECTED = Path(__file__).with_name("expected")
NOISES = 20  # allowed: so many times the authors' own float32 error …
# … or this, where the reference states none, per standard deviation of a tap that has more than one: streams of both UniFormers grow to
# 26, and there the authors' float32 values lie up to 1.3e-4 from a float64 run of ours, as far as our float32 values do
UNSTATED = 1e-4
KEPT = 40  # places per tap in the committed numbers


@dataclass(frozen=True)
class Expected:
    """Values of one tensor at flat places of ours (canonical order).

    noise: the float32 error that the reference states (NaN: none); size: standard deviation of the tensor, where that counts.
    """

    name: str
    places: np.ndarray
    values: np.ndarray
    noise: float
    size: float = 1.0

    @property
    def allowed(self) -> float:
        return UNSTATED * max(1.0, self.size) if np.isnan(self.noise) else NOISES * self.noise


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    model: str
    case: str
    tensor: str
    compared: int
    difference: float
    allowed: float


@dataclass(frozen=True)
class Case:
    """What a comparison needs: network numbers, classes, clips, and the authors' state dict by key and shape."""

    network: dict
    classes: int
    tags: str
    clip: tuple[int, int, int]
    state: list[tuple[str, tuple[int, ...]]]


def run(name: str, case: Case) -> tuple[torch.nn.Module, dict[str, np.ndarray]]:
    """Logits and every tap, canonical, by our model with the filled weights; they come in by way of `from_checkpoint`, strictly."""
    model = models.build(name, case.classes, case.network).eval()
    assert models.load_state(name, model, filled(case.state)) == []
    with torch.inference_mode(), capture(model, models.taps(name, model)) as found:
        logits = model(clips(case))
    return model, {"logits": logits.numpy(), **{tap: x.numpy() for tap, x in found.items()}}


def clips(case: Case) -> torch.Tensor:
    """The clips of a case, (b 3 t h w)."""
    return torch.from_numpy(fill.clips(case.tags, *case.clip))


def filled(state: list[tuple[str, tuple[int, ...]]]) -> dict[str, torch.Tensor]:
    """The authors' state dict; Swin's index buffers, which no name gives a value, are left out."""
    return {key: torch.from_numpy(fill.tensor(key, shape)) for key, shape in state if not key.endswith("_index")}


def compare(name: str, label: str, ours: dict[str, np.ndarray], expected: list[Expected]) -> list[Row]:
    """A row for each expected tensor."""
    rows = []
    for each in expected:
        difference = np.abs(ours[each.name].ravel()[each.places].astype(np.float64) - each.values)
        rows.append(Row(name, label, each.name, difference.size, float(difference.max()), each.allowed))
    return rows


def small_case(folder: Path, name: str, label: str) -> Case:
    """A small case as the reference folder describes it."""
    facts = _json(folder / REFERENCES[name].folder / "small.json")["cases"][label]
    size, state = facts["input"], [(key, tuple(shape)) for key, shape, *_ in facts["state"]]
    clip = (size["frames"], size["height"], size["width"])
    return Case(dict(REFERENCES[name].cases[label]), 7, "".join(size["tags"]), clip, state)


def small_expected(
    folder: Path, name: str, label: str, model: torch.nn.Module, ours: dict[str, np.ndarray]
) -> list[Expected]:
    """Everything the reference folder has on the logits and taps of a small case."""
    reference = REFERENCES[name]
    facts = _json(folder / reference.folder / "small.json")["cases"][label]["taps"]
    arrays = [np.load(file) for file in sorted((folder / reference.folder).glob("small*.npz"))]

    def find(key: str) -> np.ndarray | None:
        return next((each[key] for each in arrays if key in each), None)

    logits = find(f"{label}|logits")
    assert logits is not None
    if logits.ndim == 3:  # Inception I3D: per step of time
        logits = logits.mean(2)
    found = [Expected("logits", np.arange(logits.size), logits.ravel(), facts["logits"]["f32_noise_max_abs"])]
    for tap in models.taps(name, model):
        theirs = _theirs(reference, model, tap)
        key = f"{label}|{theirs.name}"
        values, probed = find(key), find(f"{key}|probe2048")
        shape = values.shape if values is not None else tuple(facts[theirs.name]["shape"])
        at = np.arange(np.prod(shape)) if values is not None else fill.probes(key, int(np.prod(shape)), 2048)
        noise = facts.get(theirs.noise or theirs.name, {}).get("f32_noise_max_abs", np.nan)
        known = values if values is not None else probed
        assert known is not None, key
        found.append(_expected(tap, theirs, shape, at, known.ravel(), noise, ours[tap.name].shape))
    return found


def full_case(folder: Path, name: str, variant: str) -> Case:
    """A full-size network as the reference folder describes it."""
    reference = REFERENCES[name]
    facts = _json(folder / reference.folder / "full.json")["variants"][variant]
    keys = _json(folder / reference.folder / "keys.json")["variants"][variant]["keys"]
    size = facts["input"]
    clip = (size["frames"], size["height"], size["width"])
    state = [(key["hash_key"], tuple(key["shape"])) for key in keys]
    return Case(dict(reference.variants[variant]), facts["logits_shape"][1], size["tag"], clip, state)


def full_expected(
    folder: Path, name: str, variant: str, model: torch.nn.Module, ours: dict[str, np.ndarray]
) -> list[Expected]:
    """Logits and probed values of a full-size network."""
    facts = _json(folder / REFERENCES[name].folder / "full.json")["variants"][variant]
    logits = np.array(facts["logits"]).reshape(facts["logits_shape"])
    logits = logits.mean(2) if logits.ndim == 3 else logits
    noise = facts.get("f32_vs_f64_logits_max_abs", np.nan)
    found = [Expected("logits", np.arange(logits.size), logits.ravel(), noise)]
    for tap in models.taps(name, model):
        theirs = _theirs(REFERENCES[name], model, tap)
        # of streams, full.json has what leaves a block, under the block's name
        is_output = tap.side == "stream" and tap.kind in ("mlp", "conv")
        key = theirs.noise if is_output and theirs.noise else theirs.name
        if (stored := facts["taps"].get(key)) is None:
            continue
        shape = tuple(stored["shape"])
        at = fill.probes(key, int(np.prod(shape)), len(stored["values"]))
        values = np.array(stored["values"])
        found.append(
            replace(_expected(tap, theirs, shape, at, values, np.nan, ours[tap.name].shape), size=stored["std"])
        )
    return found


def pieces(folder: Path | None) -> list[Row]:
    """Inception I3D's convolution, pools and module by themselves, on odd and even sizes."""
    arrays = np.load(folder / "i3d_inception" / "small.npz") if folder else _kept("i3d_inception")
    rows = []
    for kind, (label, build) in PIECES.items():
        for size in PIECE_SIZES:
            module, key = build().eval(), f"{kind}_{size}|{label}"
            shapes = [(f"{label}.{name}", tuple(value.shape)) for name, value in module.state_dict().items()]
            module.load_state_dict({name.removeprefix(f"{label}."): value for name, value in filled(shapes).items()})
            with torch.inference_mode():
                output = module(torch.from_numpy(fill.clips("ab", *map(int, size.split("x"))))).numpy()
            difference = np.abs(output - arrays[key])
            rows.append(
                Row("i3d_inception", "pieces", f"{kind}_{size}", output.size, float(difference.max()), UNSTATED)
            )
    return rows


def keep(folder: Path, name: str) -> None:
    """Write the compact expected numbers of a model's small cases."""
    content: dict[str, np.ndarray] = {}
    if name == "i3d_inception":
        arrays = np.load(folder / name / "small.npz")
        keys = [f"{kind}_{size}|{label}" for kind, (label, _) in PIECES.items() for size in PIECE_SIZES]
        content |= {key: arrays[key] for key in keys}
    for label in REFERENCES[name].cases:
        case = small_case(folder, name, label)
        model, ours = run(name, case)
        facts = {"clip": case.clip, "tags": case.tags, "classes": case.classes, "state": case.state}
        content[f"{label}|case"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        for each in small_expected(folder, name, label, model, ours):
            chosen = fill.probes(f"{label}|{each.name}", len(each.places), KEPT)
            content[f"{label}|{each.name}|places"] = each.places[chosen].astype(np.uint32)
            content[f"{label}|{each.name}|values"] = each.values[chosen].astype(np.float32)
            content[f"{label}|{each.name}|noise"] = np.array(each.noise, np.float32)
    np.savez_compressed(EXPECTED / f"{name}.npz", allow_pickle=False, **content)


@cache
def kept_run(name: str, label: str) -> tuple[torch.nn.Module, dict[str, np.ndarray]]:
    """`run` on a small case, once."""
    return run(name, kept_case(name, label))


@cache
def _kept(name: str) -> dict[str, np.ndarray]:
    with np.load(EXPECTED / f"{name}.npz") as file:
        return dict(file)


def kept_case(name: str, label: str) -> Case:
    """A small case from the committed numbers."""
    facts = json.loads(_kept(name)[f"{label}|case"].tobytes())
    state = [(key, tuple(shape)) for key, shape in facts["state"]]
    return Case(dict(REFERENCES[name].cases[label]), facts["classes"], facts["tags"], tuple(facts["clip"]), state)


def kept_expected(name: str, label: str) -> list[Expected]:
    """Committed values of a small case."""
    content = _kept(name)
    keys = [key.removesuffix("|places") for key in content if key.startswith(f"{label}|") and key.endswith("|places")]
    return [
        Expected(key.split("|")[1], content[f"{key}|places"], content[f"{key}|values"], float(content[f"{key}|noise"]))
        for key in keys
    ]


def _theirs(reference: Reference, model: torch.nn.Module, tap: Tap) -> Theirs:
    """The entry of a tap, its names filled in."""
    path = tap.sublayer.rpartition(".")[0] or tap.module
    if tap.kind == "conv":
        path = tap.sublayer
    is_local = any(name == "local_attn" for name, _ in model.get_submodule(path).named_children())
    table = reference.local if is_local and reference.local else reference.taps
    kind = "local_attn_2" if ".local_attn_2" in tap.name else tap.kind
    found = table[kind, tap.side]
    j = path.split(".")[1] if path.startswith("video.") else ""
    names = {part: getattr(found, part).format(i=tap.block, path=path, j=j) for part in ("name", "noise", "gain")}
    if not getattr(model, "layer_scale", False):
        names["gain"] = ""
    layout = found.layout
    if kind == "joint_attn" and tap.side == "branch" and hasattr(model.get_submodule(tap.sublayer), "t_attn"):
        layout = "(b t) (h w) c"  # UniFormer's split attention
    return Theirs(layout=layout, drop=found.drop, split=found.split, **names)


def _expected(
    tap: Tap,
    theirs: Theirs,
    shape: tuple[int, ...],
    at: np.ndarray,
    values: np.ndarray,
    noise: float,
    ours: tuple[int, ...],
) -> Expected:
    """Values at flat places `at` of the authors' tensor, moved to flat places of our canonical one; class tokens fall away."""
    numbers = torch.arange(int(np.prod(shape))).view(shape)
    _, t, h, w, c = ours
    if theirs.split:
        numbers = rearrange(numbers, theirs.split, t=t)
    axes = Tap(tap.name, tap.kind, tap.block, tap.side, tap.module, theirs.layout, theirs.drop)
    numbers = canonical(axes, numbers, (t, h, w)).reshape(-1).numpy()
    place = np.full(int(np.prod(shape)), -1)
    place[numbers] = np.arange(len(numbers))
    there = place[at] >= 0
    places, values = place[at][there], values[there].astype(np.float64)
    if theirs.gain:
        values = values * fill.tensor(theirs.gain, (c,))[places % c]
    return Expected(tap.name, places, values, noise)


@cache
def _json(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def table(folder: Path | None, *, full: bool) -> Iterator[list[Row]]:
    """Rows of each case: of the reference folder where there is one, else of the committed numbers; `full`: the full-size networks too."""
    for name, reference in REFERENCES.items():
        for label in reference.cases:
            case = small_case(folder, name, label) if folder else kept_case(name, label)
            model, ours = run(name, case)
            expected = small_expected(folder, name, label, model, ours) if folder else kept_expected(name, label)
            yield compare(name, label, ours, expected)
        if name == "i3d_inception":
            yield pieces(folder)
        for variant in reference.variants if full else ():
            assert folder is not None
            model, ours = run(name, full_case(folder, name, variant))
            yield compare(name, f"full {variant}", ours, full_expected(folder, name, variant, model, ours))


def _line(rows: list[Row]) -> str:
    logits, worst = rows[0], max(rows[1:], key=lambda row: row.difference / row.allowed)
    compared = sum(row.compared for row in rows)
    fine = all(row.difference <= row.allowed for row in rows)
    return (
        f"{logits.model:20} {logits.case:27} {logits.difference:8.1e} {logits.allowed:8.1e}  {len(rows) - 1:4} "
        f"{worst.tensor:24} {worst.difference:8.1e} {worst.allowed:8.1e} {compared:9} {'ok' if fine else 'DIFFERS'}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true", help="write tests/expected from the reference folder")
    parser.add_argument("--full", action="store_true", help="the full-size networks as well (minutes, 8 GB)")
    arguments = parser.parse_args()
    shared = Path(os.environ.get("SIGNAL_PERCEPTION_SHARED", Path(__file__).resolve().parents[2] / "shared"))
    folder = shared / "reference" if (shared / "reference").is_dir() else None
    if folder is None and (arguments.keep or arguments.full):
        sys.exit(f"no reference folder at {shared}: set SIGNAL_PERCEPTION_SHARED to the folder that holds it")
    if arguments.keep and folder is not None:
        for name in REFERENCES:
            keep(folder, name)
    print(
        f"{'model':20} {'case':27} {'logits Δ':>8} {'allowed':>8}  taps {'worst tap':24} {'Δ':>8} {'allowed':>8} {'values':>9}"
    )
    fine = True
    for rows in table(folder, full=arguments.full):
        print(_line(rows), flush=True)
        fine = fine and all(row.difference <= row.allowed for row in rows)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
