"""Damaged files are refused by a sentence with their name, or do not matter; never believed."""

import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.faults import inputs
from tests.faults.damage import DAMAGES, damaged, spoil
from tests.faults.outcomes import EQUAL, REFUSED, TABLE, after, compared, judged, mended
from tests.faults.study import KEEPING, PAGE, STAGES, Study

pytestmark = pytest.mark.faults

READING = tuple(stage for stage in STAGES if stage != "synthesise")
# What DVC's cache holds, by the stage that made it → which of its files.
CACHED = {
    "synthesise": "*.mp4",
    "decode": "shards/*/bytes/c/0",
    "finetune": "*.safetensors",
    "evaluate": "*.parquet",
    "extract": "activations/*/activation/c.0*",
    "features": "*.npz",
}


@pytest.mark.parametrize("kind", READING)
def test_damaged_inputs(whole: Study, kind: str) -> None:
    _check(kind, inputs.damage(whole, kind, ["flipped bit"] if kind in PAGE else list(DAMAGES)))


def test_damaged_means(means: Study) -> None:
    _check("spectra", inputs.damage(means, "spectra", list(DAMAGES)))


def _check(kind: str, found: Sequence[tuple[str, str]]) -> None:
    right = (EQUAL, REFUSED)
    wrong = [f"{fault}: {outcome}" for fault, outcome in found if outcome not in right]
    for fault, outcome in found:
        told = outcome if outcome in right else f"{fault}: {outcome}"
        TABLE.add(kind, f"{fault.partition(' in ')[0]} in an input", told)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("kind", READING)
def test_missing_inputs(whole: Study, kind: str) -> None:
    outcomes = []
    for path in dict.fromkeys(whole.stages[kind].inputs):
        whole.restore()
        aside = whole.root / "aside"
        (whole.root / path).rename(aside)
        ended = whole.run(kind)
        shutil.rmtree(whole.root / path, ignore_errors=True)
        aside.rename(whole.root / path)
        outcome = judged(whole, kind, ended, str(path))
        outcomes.append(after(whole, kind, outcome, whole.run(kind)))
    TABLE.check(kind, "input missing", outcomes)


@pytest.mark.parametrize("kind", KEEPING)
def test_damaged_unfinished_work(whole: Study, kind: str, tmp_path: Path) -> None:
    """It is made anew: the run after a kill ends with the clean bytes."""
    draw, outcomes = random.Random(kind), []
    clean = whole.clean_runs[kind]
    for moment in ({"at": 1, "publishing": True}, {"at": max(1, round(0.7 * clean.first))}):
        whole.restore()
        whole.run(kind, {"do": "kill", **moment})
        scratch, kept = whole.root / ".scratch", tmp_path / f"kept-{moment['at']}"
        if not scratch.exists():
            continue
        shutil.copytree(scratch, kept)
        files = [file for file in whole.scratch(kind) if file.stat().st_size]
        for number, file in enumerate(draw.sample(files, min(5, len(files)))):
            how = list(DAMAGES)[number % len(DAMAGES)]
            shutil.rmtree(scratch)
            shutil.copytree(kept, scratch)
            spoil(file, how, number)
            outcome = mended(whole, kind, whole.run(kind))
            name = file.relative_to(scratch).parts[2:]
            outcomes.append(
                outcome if outcome == EQUAL else f"{how} in {'/'.join(name)}: {outcome}"
            )
    TABLE.check(kind, "damaged unfinished work", outcomes)


@pytest.mark.parametrize("kind", CACHED)
def test_damage_that_the_cache_shares(whole: Study, kind: str) -> None:
    """Hard links share damage with DVC's cache; `verify --mend` and a repro bring all back."""
    outcomes = []
    whole.restore()
    outs = [whole.root / out for out in whole.stages[kind].outs]
    file = next(
        found
        for out in outs
        for found in ([out] if out.match(CACHED[kind]) else sorted(out.glob(f"**/{CACHED[kind]}")))
    )
    name = str(file.relative_to(whole.root))
    for how in ("flipped bit", "cut"):
        whole.restore()
        spoil(file, how, seed=1)
        told = whole.command("verify")
        assert told.returncode == 1, told.stdout
        if name not in told.stdout + told.stderr:
            outcomes.append(f"verify does not name {name}")
            continue
        outcomes.append(_mend(whole, name))
    TABLE.check(kind, "damaged cache object", outcomes)


def test_damage_in_the_cache_alone(whole: Study) -> None:
    """What DVC checks out of a damaged cache is refused by the stage that reads it."""
    whole.restore()
    out = next(iter(whole.stages["features"].outs))
    file = whole.root / out
    spoil(file, "flipped bit", seed=2)
    file.unlink()
    whole.dvc("checkout", str(out))
    outcome = judged(whole, "probe", whole.run("probe"), str(out)) if file.exists() else REFUSED
    TABLE.add("probe", "damaged cache object, checked out", outcome)
    assert outcome in (EQUAL, REFUSED)
    TABLE.check("features", "damaged cache object, checked out", [_mend(whole, str(out))])


def _mend(study: Study, name: str) -> str:
    """EQUAL where `verify --mend` and a repro bring back what every stage had written."""
    mending = study.command("verify", "--mend")
    if "Traceback" in mending.stderr or "Usage:" in mending.stderr:
        return f"verify --mend: {mending.stderr[-200:]}"
    again = study.dvc("repro")
    if again.returncode != 0:
        return f"dvc repro after verify --mend: {again.stderr[-300:]}"
    wrong = [each for kind in study.stages if (each := compared(study, kind)) != EQUAL]
    return wrong[0] if wrong else EQUAL


@pytest.mark.parametrize("how", ["flipped bit", "cut"])
def test_damaged_lock(whole: Study, how: str) -> None:
    outcomes = []
    for seed in range(6):
        whole.restore()
        with damaged(whole.root / "dvc.lock", how, seed):
            outcomes.append(judged(whole, "probe", whole.run("probe")))
    TABLE.check("probe", f"{how} in dvc.lock", outcomes)
