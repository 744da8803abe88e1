"""Our models against the authors' own outputs; `make parity` prints the table.

tests/models/test_parity.py asserts what the table shows. A tap of ours (b t h w c) is compared with
the authors' tensor wherever authors.py has its values. `python -m tests.support.parity --write`
writes the compact numbers in tests/expected anew.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from signal_perception.models.core import registry
from signal_perception.models.core.taps import capture
from tests.support import authors, fill
from tests.support.authors import Arrays, Case, Expected
from tests.support.project import ROOT
from tests.support.references import PIECE_SIZES, PIECES, REFERENCES

# places per tap in the committed numbers
COMMITTED = 40


@dataclass(frozen=True)
class Row:
    """One tensor of ours against the authors'."""

    model: str
    case: str
    tensor: str
    compared: int
    difference: float
    allowed: float


def run(name: str, case: Case) -> tuple[torch.nn.Module, Arrays]:
    """Logits and every tap, canonical, by our model with the filled weights.

    The weights come in by way of `from_checkpoint`, strictly.
    """
    model = registry.build(name, case.classes, case.network).eval()
    assert registry.load_state(name, model, authors.filled(case.state)) == []
    with torch.inference_mode(), capture(model, registry.taps(name, model)) as found:
        logits = model(authors.clips(case))
    return model, {"logits": logits.numpy(), **{tap: x.numpy() for tap, x in found.items()}}


@cache
def committed_run(name: str, label: str) -> tuple[torch.nn.Module, Arrays]:
    """`run` on a small case, once."""
    return run(name, authors.committed_case(name, label))


def compare(name: str, label: str, ours: Arrays, expected: list[Expected]) -> list[Row]:
    """A row for each expected tensor."""
    rows = []
    for each in expected:
        found = ours[each.name].ravel()[each.places].astype(np.float64)
        difference = np.abs(found - each.values)
        worst = float(difference.max())
        rows.append(Row(name, label, each.name, difference.size, worst, each.allowed))
    return rows


def pieces(folder: Path | None) -> list[Row]:
    """Inception I3D's convolution, pools and module by themselves, on odd and even sizes."""
    name = "i3d_inception"
    arrays = np.load(folder / name / "small.npz") if folder else authors.committed(name)
    rows = []
    for kind, (label, build) in PIECES.items():
        for size in PIECE_SIZES:
            module, key = build().eval(), f"{kind}_{size}"
            own = module.state_dict()
            shapes = [(f"{label}.{part}", tuple(own[part].shape)) for part in own]
            state = authors.filled(shapes)
            module.load_state_dict({part: state[f"{label}.{part}"] for part in own})
            with torch.inference_mode():
                clip = torch.from_numpy(fill.clips("ab", *map(int, size.split("x"))))
                output = module(clip).numpy()
            worst = float(np.abs(output - arrays[f"{key}|{label}"]).max())
            rows.append(Row(name, "pieces", key, output.size, worst, authors.UNSTATED))
    return rows


def write_expected(folder: Path, name: str) -> None:
    """Write the compact expected numbers of a model's small cases."""
    content: Arrays = {}
    if name == "i3d_inception":
        arrays = np.load(folder / name / "small.npz")
        for kind, (label, _) in PIECES.items():
            keys = [f"{kind}_{size}|{label}" for size in PIECE_SIZES]
            content |= {key: arrays[key] for key in keys}
    for label in REFERENCES[name].cases:
        case = authors.small_case(folder, name, label)
        model, ours = run(name, case)
        facts = {
            "clip": case.clip,
            "tags": case.tags,
            "classes": case.classes,
            "state": case.state,
        }
        content[f"{label}|case"] = np.frombuffer(json.dumps(facts).encode(), np.uint8)
        for each in authors.small_expected(folder, name, label, model, ours):
            key = f"{label}|{each.name}"
            chosen = fill.probes(key, len(each.places), COMMITTED)
            content[f"{key}|places"] = each.places[chosen].astype(np.uint32)
            content[f"{key}|values"] = each.values[chosen].astype(np.float32)
            content[f"{key}|noise"] = np.array(each.noise, np.float32)
    np.savez_compressed(authors.EXPECTED / f"{name}.npz", allow_pickle=False, **content)


def table(folder: Path | None, *, full: bool) -> Iterator[list[Row]]:
    """Rows of each case, from the reference folder where there is one, else the committed numbers.

    full: the full-size networks too.
    """
    for name, reference in REFERENCES.items():
        for label in reference.cases:
            yield small_rows(folder, name, label)
        if name == "i3d_inception":
            yield pieces(folder)
        for variant in reference.variants if full else ():
            assert folder is not None
            model, ours = run(name, authors.full_case(folder, name, variant))
            expected = authors.full_expected(folder, name, variant, model, ours)
            yield compare(name, f"full {variant}", ours, expected)


def small_rows(folder: Path | None, name: str, label: str) -> list[Row]:
    """Rows of a small case."""
    if folder is None:
        _, ours = run(name, authors.committed_case(name, label))
        return compare(name, label, ours, authors.committed_expected(name, label))
    model, ours = run(name, authors.small_case(folder, name, label))
    expected = authors.small_expected(folder, name, label, model, ours)
    return compare(name, label, ours, expected)


def _line(rows: list[Row]) -> str:
    logits, worst = rows[0], max(rows[1:], key=lambda row: row.difference / row.allowed)
    compared = sum(row.compared for row in rows)
    verdict = "ok" if all(row.difference <= row.allowed for row in rows) else "DIFFERS"
    return (
        f"{logits.model:20} {logits.case:27} {logits.difference:8.1e} {logits.allowed:8.1e}  "
        f"{len(rows) - 1:4} {worst.tensor:24} {worst.difference:8.1e} {worst.allowed:8.1e} "
        f"{compared:9} {verdict}"
    )


def main() -> None:
    """Print the table; exit code 1 where a difference is larger than allowed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--write", action="store_true", help="write tests/expected from the reference folder"
    )
    parser.add_argument(
        "--full", action="store_true", help="the full-size networks as well (minutes, 8 GB)"
    )
    arguments = parser.parse_args()
    shared = Path(os.environ.get("SIGNAL_PERCEPTION_SHARED", ROOT.parent / "shared"))
    folder = shared / "reference" if (shared / "reference").is_dir() else None
    if folder is None and (arguments.write or arguments.full):
        sys.exit(
            f"There is no reference folder at {shared}: "
            f"set SIGNAL_PERCEPTION_SHARED to the folder that holds it."
        )
    if arguments.write and folder is not None:
        for name in REFERENCES:
            write_expected(folder, name)
    print(
        f"{'model':20} {'case':27} {'logits Δ':>8} {'allowed':>8}  taps {'worst tap':24} "
        f"{'Δ':>8} {'allowed':>8} {'values':>9}"
    )
    fine = True
    for rows in table(folder, full=arguments.full):
        print(_line(rows), flush=True)
        fine = fine and all(row.difference <= row.allowed for row in rows)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
